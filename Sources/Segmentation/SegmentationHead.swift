import Torch

/// The shape of the segmentation head (ours: the paper does not say how F_ca becomes a mask).
public struct HeadConfiguration: Codable, Equatable, Sendable {
  /// Channels of the convolutional branch on the image, each level at half the resolution of the one before; empty
  /// for none.
  public var detailWidths: [Int] = [16, 32, 64, 128, 192]
  /// Pixels of the image between neighbouring positions of the first level: 1, or 2 to save time.
  public var detailStride = 1
  /// Channels that the feature grid is projected to.
  public var gridWidth = 128
  /// Layers of the image tower (of a ResNet: stages), counted from 1, whose outputs are added to the grid.
  public var towerLayers: [Int] = []

  /// The defaults.
  public init() {}
}

/// Turns the feature grid into lesion logits, method section 4.
///
/// A U-Net on the image, into which the grid enters at the level of its own resolution.
public final class SegmentationHead: Module {
  @Child private var gridNorm: LayerNorm
  @Child private var gridProjection: Linear
  @Child private var towerNorms: [LayerNorm]
  @Child private var towerProjections: [Linear]
  @Child private var encoders: [ConvolutionBlock]
  @Child private var decoders: [ConvolutionBlock]
  @Child private var reducers: [Conv2d]
  @Child private var classifier: Conv2d
  /// The level that the grid enters.
  private let gridLevel: Int
  /// Channels of the features that `decoded` gives.
  let joinedWidth: Int

  /// Makes a head.
  ///
  /// - Parameters:
  ///   - configuration: its shape.
  ///   - featureWidth: d of the grid.
  ///   - towerWidths: channels of each of the tower's layers.
  ///   - gridStride: pixels of the image between neighbouring positions of the grid.
  ///   - generator: for the first weights.
  /// - Throws: `TorchError` when a size is not possible.
  public init(
    _ configuration: HeadConfiguration, featureWidth: Int, towerWidths: [Int], gridStride: Int,
    generator: Generator
  ) throws {
    let grid = configuration.gridWidth
    _gridNorm = Child("grid_norm", try LayerNorm(featureWidth))
    _gridProjection = Child("grid_proj", try Linear(featureWidth, grid, generator: generator))
    let chosen = try configuration.towerLayers.map { try towerWidths.width(of: $0) }
    _towerNorms = Child("tower_norms", try chosen.map { try LayerNorm($0) })
    _towerProjections = Child("tower_projs", try chosen.map { try Linear($0, grid, generator: generator) })

    let widths = configuration.detailWidths
    let first = configuration.detailStride
    guard first == 1 || first == 2 else {
      throw TorchError.value("head.detailStride is \(first); it must be 1 or 2")
    }
    // The level whose stride is nearest to the grid's.
    let level =
      widths.indices.min { abs((first << $0) - gridStride) < abs((first << $1) - gridStride) } ?? 0
    gridLevel = level
    _encoders = Child(
      "encoders",
      try widths.indices.map { index in
        try ConvolutionBlock(
          index == 0 ? 3 : widths[index - 1], widths[index], stride: index == 0 ? first : 2,
          isDouble: index > 0,
          generator: generator)
      })
    let levels = widths.isEmpty ? [grid] : widths
    joinedWidth = levels[level]
    _decoders = Child(
      "decoders",
      try levels.indices.map { index in
        let deeper = index + 1 < levels.count ? levels[index] : 0
        let skip = widths.isEmpty ? 0 : widths[index]
        return try ConvolutionBlock(
          deeper + skip + (index == level ? grid : 0), levels[index], stride: 1,
          isDouble: index > 0 || widths.isEmpty, generator: generator)
      })
    // Fewer channels before the enlargement: full resolution is where the time goes.
    _reducers = Child(
      "reducers",
      try levels.indices.dropLast().map { index in
        try Conv2d(levels[index + 1], levels[index], kernel: 1, generator: generator)
      })
    _classifier = Child("classifier", try Conv2d(levels[0], 1, kernel: 1, generator: generator))
    super.init()
    // A small start: a tower that knows nothing yet must not drown what the image itself shows.
    gridProjection.weight = try gridProjection.weight * 0.1
    // Lesions are rare: start from a low probability, so that the first steps are not spent on learning that.
    classifier.bias = try classifier.bias?.zerosLike().addInPlace(.scalar(-2))
  }

  /// Decodes a batch.
  ///
  /// - Parameters:
  ///   - image: B×3×S×S.
  ///   - grid: B×h×w×d.
  ///   - tower: outputs of the chosen layers, each B×h×w×c; those of another size are brought to the grid's.
  /// - Returns: logits, B×1×S×S.
  /// - Throws: `TorchError` when shapes do not fit.
  public func callAsFunction(image: Tensor, grid: Tensor, tower: [Tensor] = []) throws -> Tensor {
    try decoded(image: image, grid: grid, tower: tower) { features, _ in features }.logits
  }

  // The logits, and the features of the level at which the grid has joined the image, B×c×h×w. `change` is done to what
  // each level of the branch on the image gives, the finest being 0.
  func decoded(
    image: Tensor, grid: Tensor, tower: [Tensor],
    change: (_ features: Tensor, _ level: Int) throws -> Tensor
  ) throws -> (logits: Tensor, features: Tensor) {
    var features = try gridProjection(gridNorm(grid)).permuted([0, 3, 1, 2])
    for (index, layer) in tower.enumerated() where index < towerNorms.count {
      let projected = try towerProjections[index](towerNorms[index](layer)).permuted([0, 3, 1, 2])
      features = try features + fit(projected, features.shape, antialias: true)
    }

    // Channels last is the layout that convolutions on a CPU are quickest in; it carries through the branch.
    let pixels = try image.channelsLast()
    var skips: [Tensor] = []
    for (level, encoder) in encoders.enumerated() {
      skips.append(try change(encoder(skips.last ?? pixels), level))
    }
    var (joined, deeper): (Tensor, Tensor?) = (features, nil)
    for index in decoders.indices.reversed() {
      let size = skips.isEmpty ? features.shape : skips[index].shape
      var parts: [Tensor] = []
      if let deeper { parts.append(try fit(reducers[index](deeper), size)) }
      if !skips.isEmpty { parts.append(skips[index]) }
      if index == gridLevel { parts.append(try fit(features, size)) }
      let output = try decoders[index](parts.count == 1 ? parts[0] : .concatenated(parts, dim: 1))
      if index == gridLevel { joined = output }
      deeper = output
    }
    return (try fit(classifier(deeper ?? features), image.shape), joined)
  }

  private func fit(_ x: Tensor, _ shape: [Int], antialias: Bool = false) throws -> Tensor {
    let own = x.shape
    guard own[2] != shape[2] || own[3] != shape[3] else { return x }
    // libtorch averages in float32 alone.
    return try (antialias ? x.to(.float32) : x)
      .resized(height: shape[2], width: shape[3], antialias: antialias).to(x.dtype)
  }
}

extension [Int] {
  /// Of the channels of a tower's layers, those of one layer, counted from 1.
  func width(of layer: Int) throws -> Int {
    guard indices.contains(layer - 1) else {
      throw TorchError.value(
        "head.towerLayers names layer \(layer); the image tower has layers 1 to \(count)")
    }
    return self[layer - 1]
  }
}

/// One or two 3×3 convolutions, each with batch normalisation and leaky ReLU; two have a residual.
final class ConvolutionBlock: Module {
  @Child private var first: Conv2d
  @Child private var firstNorm: BatchNorm2d
  @Child private var second: Conv2d?
  @Child private var secondNorm: BatchNorm2d?
  @Child private var shortcut: Conv2d?
  private let stride: Int
  private var prepared: (first: PackedConvolution, second: PackedConvolution?, shortcut: PackedConvolution?)?

  init(_ inputs: Int, _ outputs: Int, stride: Int, isDouble: Bool, generator: Generator) throws {
    func convolution(_ inputs: Int, kernel: Int, stride: Int) throws -> Conv2d {
      let layer = try Conv2d(
        inputs, outputs, kernel: kernel, stride: stride, padding: kernel / 2, bias: false,
        generator: generator)
      // He initialisation: the variance survives the leaky ReLU.
      let deviation = (2 / Double(inputs * kernel * kernel)).squareRoot()
      layer.weight = try .randomNormal(layer.weight.shape, generator: generator) * deviation
      return layer
    }
    _first = Child("conv1", try convolution(inputs, kernel: 3, stride: stride))
    _firstNorm = Child("norm1", try BatchNorm2d(outputs))
    _second = Child("conv2", isDouble ? try convolution(outputs, kernel: 3, stride: 1) : nil)
    _secondNorm = Child("norm2", isDouble ? try BatchNorm2d(outputs) : nil)
    _shortcut = Child("shortcut", isDouble ? try convolution(inputs, kernel: 1, stride: 1) : nil)
    self.stride = stride
    super.init()
  }

  /// B×in×H×W → B×out×(H/stride)×(W/stride).
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    if let prepared, !isTraining {
      let y = try prepared.first(x)
      guard let second = prepared.second, let shortcut = prepared.shortcut else { return y }
      return try second.adding(y, to: shortcut(strided(x)))
    }
    // In place: what a normalisation gives is needed by nothing else, not even by its gradient.
    let y = try firstNorm(first(x)).leakyReluInPlace()
    guard let second, let secondNorm, let shortcut else { return y }
    return try secondNorm(second(y)).addInPlace(shortcut(strided(x))).leakyReluInPlace()
  }

  override func prepare(for precision: Precision, keepingWeights: Bool) throws {
    prepared = (
      try firstNorm.folded(first, for: precision, activation: .leakyRelu),
      try second.flatMap { try secondNorm?.folded($0, for: precision, activation: .leakyRelu) },
      try shortcut?.packed(for: precision)
    )
    if !keepingWeights { try giveUpWeights() }
  }

  /// The stride is taken before the shortcut, which gives the same: oneDNN's backward pass of a 1×1 convolution
  /// with a stride writes past its memory for fewer than 16 channels in channels-last layout (PyTorch 2.13).
  private func strided(_ x: Tensor) throws -> Tensor {
    stride == 1 ? x : try x.strided(dim: 2, by: stride).strided(dim: 3, by: stride)
  }
}
