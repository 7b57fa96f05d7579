import Torch

/// The first part of a vision transformer, trained or compiled: pixels to tokens, and layers.
protocol VisionFront: StoppingFront {
  associatedtype Block: TransformerBlock

  /// The layers; of a partly compiled tower, the first ones.
  var layers: [Block] { get }
  /// The number of layers of the whole tower.
  var towerDepth: Int { get }
  /// The type of tokens; nil for the type of the pixels.
  var tokenType: DType? { get }
  /// The number of tokens before those of the grid: the class token and registers.
  var prefixCount: Int { get }

  /// Computes the tokens of normalised pixels, B×(prefix+h·w)×c, and the grid's height and width.
  func embedded(_ pixels: Tensor) throws -> (tokens: Tensor, height: Int, width: Int)

  /// Returns the rotary positions of a grid; nil if the tower has none.
  func rotation(height: Int, width: Int, device: Device) throws -> Rotation?
}

extension VisionFront {
  func rotation(height: Int, width: Int, device: Device) throws -> Rotation? { nil }

  /// Runs a pass that stops before a layer.
  func stopped(
    _ pixels: Tensor, before depth: Int, hidden: [Int], reading: LayerReading
  ) throws -> ImageTrunk {
    let wanted = try HiddenLayers(hidden, of: towerDepth, reading: reading).before(depth)
    let (tokens, height, width) = try embedded(pixels)
    let rotation = depth == 0 ? nil : try rotation(height: height, width: width, device: tokens.device)
    var (x, outputs) = (tokens, [Tensor]())
    for (index, layer) in layers.prefix(depth).enumerated() {
      let isWanted = wanted.contains(index + 1)
      let (output, keys) = try layer.pass(x, rotation: rotation, keepsKeys: isWanted && reading == .keys)
      x = output
      if isWanted { outputs.append(try grid(keys ?? x, height, width)) }
    }
    return ImageTrunk(depth: depth, input: x, layers: outputs, reading: reading, grid: [height, width])
  }

  /// Removes the tokens before the grid and restores it: B×(prefix+h·w)×c → B×h×w×c.
  func grid(_ tokens: Tensor, _ height: Int, _ width: Int) throws -> Tensor {
    let sizes = tokens.shape
    return try tokens.narrowed(dim: 1, start: prefixCount, length: height * width)
      .reshaped([sizes[0], height, width, sizes[2]])
  }
}

/// The way in which a transformer's tokens become one vector, by timm's names.
public enum TokenPool: String, Codable, CaseIterable, Sendable {
  /// The class token, normalised.
  case token
  /// The mean of the grid's normalised tokens.
  case avg
  /// The normalised mean of the grid's tokens, timm's `fc_norm`.
  case avgThenNorm = "avg_fc_norm"
}

/// A whole vision transformer, trained or compiled.
protocol VisionPass: ResumingPass where Front: VisionFront {
  associatedtype Norm: Layer
  associatedtype Projection: Layer

  var postNorm: Norm { get }
  var projection: Projection { get }
  /// The way to the image embedding.
  var pool: TokenPool { get }
  /// Whether the embedding is read from all final tokens, so that `maskclip` reads these, too.
  var poolsFinalTokens: Bool { get }
  /// Makes the image embedding from the final tokens, B×(prefix+h·w)×c → B×d.
  func embedding(_ x: Tensor, _ height: Int, _ width: Int) throws -> Tensor
}

extension VisionPass {
  var pool: TokenPool { .token }
  var poolsFinalTokens: Bool { pool != .token }

  func embedding(_ x: Tensor, _ height: Int, _ width: Int) throws -> Tensor {
    try projection(pooled(x, height, width))
  }

  /// Runs the rest of a stopped pass; the outputs are float32 if tokens have their own type.
  func resumed(_ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int]) throws -> ImageFeatures {
    let layers = front.layers
    let readsKeys = trunk.reading == .keys
    var outputs = try HiddenLayers(hidden, of: layers.count, reading: trunk.reading)
      .outputs(of: trunk, towerDepth: layers.count)
    let (height, width) = (trunk.grid[0], trunk.grid[1])
    let rotation = try front.rotation(height: height, width: width, device: trunk.input.device)
    var (x, before) = (trunk.input, trunk.input)
    if !readsKeys, hidden.contains(trunk.depth) { outputs[trunk.depth] = try front.grid(x, height, width) }
    for (index, layer) in layers.enumerated().dropFirst(trunk.depth) {
      before = x
      let isWanted = hidden.contains(index + 1)
      let (output, keys) = try layer.pass(x, rotation: rotation, keepsKeys: isWanted && readsKeys)
      x = output
      if isWanted { outputs[index + 1] = try front.grid(keys ?? x, height, width) }
    }
    let image = try embedding(x, height, width)
    var features = image
    if let dense, let last = layers.last {
      // The last block is read from its input, so a trunk has to end before it.
      guard trunk.depth < layers.count else {
        throw TorchError.value(
          "dense features need the last layer's input, but the pass was stopped after it")
      }
      // A mean has no attention of its own: without the pool, its reading is the final tokens. An
      // attention pool has one after the last layer, which a position then passes alone.
      let way = poolsFinalTokens && dense == .maskclip ? .tokens : dense
      let read = try way.read(last, before: before, after: x, rotation: rotation)
      features = try front.grid(projection(postNorm(read)), height, width)
    }
    let found = ImageFeatures(image: image, dense: features, layers: hidden.compactMap { outputs[$0] })
    return front.tokenType == nil ? found : try found.map { try $0.to(.float32) }
  }

  /// Makes one normalised vector of an image, B×(prefix+h·w)×c → B×c.
  private func pooled(_ x: Tensor, _ height: Int, _ width: Int) throws -> Tensor {
    switch pool {
    case .token: try postNorm(x.selected(dim: 1, index: 0))
    case .avg: try front.grid(postNorm(x), height, width).mean([1, 2])
    case .avgThenNorm: try postNorm(front.grid(x, height, width).mean([1, 2]))
    }
  }
}

/// The first part of CLIP's own vision transformer, trained or compiled.
protocol ClassTokenFront: VisionFront {
  associatedtype Patches: Layer
  associatedtype Norm: Layer

  var configuration: CLIPConfiguration.Vision { get }
  var classEmbedding: Tensor { get }
  var patchEmbedding: Patches { get }
  var positions: Tensor { get }
  var preNorm: Norm { get }
}

extension ClassTokenFront {
  var prefixCount: Int { 1 }

  /// Position embeddings are interpolated if the grid is not the trained one.
  func embedded(_ pixels: Tensor) throws -> (tokens: Tensor, height: Int, width: Int) {
    let patches = try patchEmbedding(pixels.to(tokenType ?? pixels.dtype))
    let sizes = try patches.sizes(rank: 4, "the patches")
    let (batch, height, width) = (sizes[0], sizes[2], sizes[3])
    let tokens = try patches.flattened(from: 2).transposed(1, 2)
    let head = try classEmbedding.to(tokens.dtype).expanded(to: [batch, 1, -1])
    let places = try interpolated(
      positions, side: configuration.imageSize / configuration.patchSize, height: height, width: width)
    return (
      try preNorm(.concatenated([head, tokens], dim: 1) + places.to(tokens.dtype)), height, width
    )
  }
}

/// The first part of CLIP's own vision transformer, compiled for inference.
struct CompiledVisionFront: ClassTokenFront, TrunkPass, Sendable {
  let configuration: CLIPConfiguration.Vision
  let classEmbedding: Tensor
  let patchEmbedding: CompiledPatchEmbedding
  let positions: Tensor
  let preNorm: CompiledLayerNorm
  let layers: [CompiledTransformerLayer]
  let towerDepth: Int
  let tokenType: DType?
}

/// CLIP's own vision transformer, compiled for inference.
struct CompiledVisionTransformer: VisionPass, ImagePass, Sendable {
  let front: CompiledVisionFront
  let postNorm: CompiledLayerNorm
  let projection: CompiledLinear
}
