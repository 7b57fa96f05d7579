import Torch

/// A plain vision transformer of timm as the image tower of a CLIP model: ViT, DINOv2, DINOv3,
/// EVA-02.
///
/// Checkpoint keys are those of OpenCLIP for a trunk of timm: `visual.trunk.` and timm's keys, then
/// `visual.head.proj.weight`. Position embeddings are interpolated if the grid is not the trained
/// one, bicubic and antialiased as in timm; rotary positions fit any grid.
public final class TrunkTransformer: ImageTower, TrunkTransformerFront, VisionPass {
  @Parameter var classToken: Tensor
  @Parameter var registers: Tensor?
  @Parameter var positions: Tensor?
  @Child var patches: Conv2d
  @Child var preNorm: LayerNorm?
  @Child var layers: [TrunkLayer]
  @Child var postNorm: LayerNorm
  @Child var projection: TrunkProjection
  let geometry: TransformerGeometry
  /// The way to the image embedding.
  let pool: TokenPool

  init(
    _ configuration: CLIPConfiguration.Vision, _ geometry: TransformerGeometry, projectionSize: Int,
    _ initializer: Initializer
  ) throws {
    self.geometry = geometry
    pool = configuration.trunkPool ?? geometry.pool
    let width = geometry.width
    let grid = configuration.imageSize / geometry.patch
    func tokens(_ count: Int) throws -> Tensor { try initializer.normal([1, count, width], deviation: 0.02) }
    let positionCount: Int? =
      switch geometry.positions {
      case .learned, .learnedRotary: grid * grid + 1 + geometry.registers
      case .learnedGrid: grid * grid
      case .rotary: nil
      }
    _classToken = Parameter("visual.trunk.cls_token", try tokens(1))
    _registers = Parameter(
      "visual.trunk.reg_token", geometry.registers > 0 ? try tokens(geometry.registers) : nil)
    _positions = Parameter("visual.trunk.pos_embed", try positionCount.map(tokens))
    _patches = Child(
      "visual.trunk.patch_embed.proj",
      try initializer.convolution(
        3, width, kernel: geometry.patch, stride: geometry.patch, bias: !geometry.normalizesFirst))
    _preNorm = Child(
      "visual.trunk.norm_pre",
      geometry.normalizesFirst ? try LayerNorm(width, epsilon: geometry.epsilon) : nil)
    _layers = Child(
      "visual.trunk.blocks",
      try (0..<geometry.layers).map { _ in try TrunkLayer(geometry, initializer) })
    _postNorm = Child(
      pool == .avgThenNorm ? "visual.trunk.fc_norm" : "visual.trunk.norm",
      try LayerNorm(width, epsilon: geometry.epsilon))
    _projection = Child(
      "", try TrunkProjection(configuration, width, projectionSize, classifier: "head", initializer))
    super.init(configuration)
  }

  /// The width of the tokens, for each layer.
  public override var hiddenWidths: [Int] { layers.map { _ in geometry.width } }

  /// The side of a patch, for each layer.
  public override var hiddenStrides: [Int] { layers.map { _ in geometry.patch } }

  /// The number of channels of the image embedding.
  package override var projectionSize: Int { projection.outputs }

  /// Whether positions are embeddings; rotary ones fit any grid.
  package override var hasPositionEmbeddings: Bool { positions != nil }

  override var pass: (any ResumingPass)? { self }
  var front: TrunkTransformer { self }
  var towerDepth: Int { layers.count }
  var tokenType: DType? { nil }
  var trainedSide: Int { configuration.imageSize / geometry.patch }

  /// Compiles all layers, normalisations and the projection.
  public override func compiled(for precision: Precision) throws -> CompiledImageTower {
    let front = try compiledFront(for: precision, upTo: layers.count)
    defer { releasePages() }
    return CompiledImageTower(
      CompiledTrunkTransformer(
        front: front, postNorm: try postNorm.compiled(),
        projection: try projection.compiled(for: precision), pool: pool))
  }

  /// Compiles the patch embedding and the first layers.
  public override func compiled(for precision: Precision, upTo depth: Int) throws -> CompiledImageTrunk {
    CompiledImageTrunk(try compiledFront(for: precision, upTo: depth), depth: depth)
  }

  private func compiledFront(
    for precision: Precision, upTo depth: Int
  ) throws -> CompiledTrunkTransformerFront {
    CompiledTrunkTransformerFront(
      geometry: geometry, trainedSide: trainedSide, classToken: try classToken.detached().copy(),
      registers: try registers?.detached().copy(), positions: try positions?.detached().copy(),
      patches: try patches.compiled(for: precision), preNorm: try preNorm?.compiled(),
      layers: try layers.prefix(depth).enumerated().map { index, layer in
        // Dense features are read from the last block.
        try layer.compiled(for: precision, readsValues: index == layers.count - 1)
      }, towerDepth: layers.count, tokenType: precision.activationType)
  }

  /// Returns the number of layers before the last ones, of which there is at least one.
  public override func depth(beforeLast count: Int) -> Int { max(0, layers.count - max(1, count)) }

  override var layerKeys: [String] { layers.indices.map { "visual.trunk.blocks.\($0)." } }
  override var endKeys: [String] {
    ["visual.trunk.norm.", "visual.trunk.fc_norm.", "visual.trunk.head.", "visual.head."]
  }

  /// Returns the patch embedding, the first normalisation and the first layers.
  public override func modules(before depth: Int) -> [Module] {
    [patches] + [preNorm].compactMap { $0 } + Array(layers.prefix(depth))
  }
}

/// The first part of a transformer of timm, trained or compiled.
protocol TrunkTransformerFront: VisionFront {
  associatedtype Patches: Layer
  associatedtype Norm: Layer

  var geometry: TransformerGeometry { get }
  /// The side of the grid that the position embeddings were trained on.
  var trainedSide: Int { get }
  /// 1×1×w.
  var classToken: Tensor { get }
  /// 1×registers×w.
  var registers: Tensor? { get }
  /// 1×positions×w.
  var positions: Tensor? { get }
  var patches: Patches { get }
  var preNorm: Norm? { get }
}

extension TrunkTransformerFront {
  var prefixCount: Int { 1 + geometry.registers }

  func rotation(height: Int, width: Int, device: Device) throws -> Rotation? {
    let channels = geometry.width / geometry.heads
    switch geometry.positions {
    case .learned, .learnedGrid: return nil
    case .rotary:
      return try Rotation(
        height: height, width: width, prefix: prefixCount, channels: channels, temperature: 100,
        device: device)
    case .learnedRotary:
      return try Rotation(
        pairs: channels, height: height, width: width, prefix: prefixCount, side: 16, device: device)
    }
  }

  func embedded(_ pixels: Tensor) throws -> (tokens: Tensor, height: Int, width: Int) {
    let found = try patches(pixels.to(tokenType ?? pixels.dtype))
    let sizes = try found.sizes(rank: 4, "the patches")
    let (batch, height, width) = (sizes[0], sizes[2], sizes[3])
    var grid = try found.flattened(from: 2).transposed(1, 2)
    let before = try [classToken, registers].compactMap { token in
      try token?.to(grid.dtype).expanded(to: [batch, -1, -1])
    }
    var tokens: Tensor
    if let positions {
      let hasPrefix = placedPrefix > 0
      let places = try placed(positions, from: trainedSide, height, width).to(grid.dtype)
      if !hasPrefix { grid = try grid + places }
      tokens = try .concatenated(before + [grid], dim: 1)
      if hasPrefix { tokens = try tokens + places }
    } else {
      tokens = try .concatenated(before + [grid], dim: 1)
    }
    return (try preNorm?(tokens) ?? tokens, height, width)
  }

  /// The number of position embeddings before those of the grid.
  private var placedPrefix: Int { geometry.positions == .learnedGrid ? 0 : prefixCount }

  /// Interpolates position embeddings that were trained on images of a side to the trained grid.
  ///
  /// - Parameters:
  ///   - positions: 1×n×w; others than those of that side are returned as they are.
  ///   - side: the side in pixels.
  /// - Returns: 1×n'×w.
  /// - Throws: `TorchError` with libtorch's message.
  func fitted(_ positions: Tensor, trainedAt side: Int) throws -> Tensor {
    let grid = side / geometry.patch
    guard positions.shape == [1, placedPrefix + grid * grid, geometry.width] else { return positions }
    return try placed(positions, from: grid, trainedSide, trainedSide)
  }

  /// Interpolates the embeddings of a square grid; those of the tokens before it stay.
  private func placed(_ positions: Tensor, from side: Int, _ height: Int, _ width: Int) throws -> Tensor {
    if height == side, width == side { return positions }
    let prefix = placedPrefix
    let grid = try positions.narrowed(dim: 1, start: prefix, length: side * side)
    let resized = try grid.to(.float32).reshaped([1, side, side, -1]).permuted([0, 3, 1, 2])
      .resized(height: height, width: width, interpolation: .bicubic, antialias: true)
      .flattened(from: 2).transposed(1, 2)
    guard prefix > 0 else { return resized }
    let before = try positions.narrowed(dim: 1, start: 0, length: prefix).to(.float32)
    return try .concatenated([before, resized], dim: 1)
  }
}

/// The first part of a transformer of timm, compiled for inference.
struct CompiledTrunkTransformerFront: TrunkTransformerFront, TrunkPass, Sendable {
  let geometry: TransformerGeometry
  let trainedSide: Int
  let classToken: Tensor
  let registers: Tensor?
  let positions: Tensor?
  let patches: CompiledConvolution
  let preNorm: CompiledLayerNorm?
  let layers: [CompiledTrunkLayer]
  let towerDepth: Int
  let tokenType: DType?
}

/// A transformer of timm, compiled for inference.
struct CompiledTrunkTransformer: VisionPass, ImagePass, Sendable {
  let front: CompiledTrunkTransformerFront
  let postNorm: CompiledLayerNorm
  let projection: CompiledTrunkProjection
  let pool: TokenPool
}
