import Torch

/// The shape of the segmentation head (ours: the paper does not say how F_ca becomes a mask).
public struct HeadConfiguration: Codable, Equatable, Sendable {
  /// Channels of the convolutional branch on the image, at full, half, quarter … resolution; empty for none.
  public var detailWidths: [Int] = [16, 32, 64, 128, 192]
  /// Channels that the feature grid is projected to.
  public var gridWidth = 128
  /// Layers of the image tower, counted from 1, whose outputs are added to the grid.
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
  @Child private var classifier: Conv2d
  /// The level that the grid enters.
  private let gridLevel: Int

  /// Makes a head.
  ///
  /// - Parameters:
  ///   - configuration: its shape.
  ///   - featureWidth: d of the grid.
  ///   - towerWidth: channels of the tower's layers.
  ///   - gridStride: pixels of the image between neighbouring positions of the grid.
  ///   - generator: for the first weights.
  /// - Throws: `TorchError` when a size is not possible.
  public init(
    _ configuration: HeadConfiguration, featureWidth: Int, towerWidth: Int, gridStride: Int,
    generator: Generator
  ) throws {
    let grid = configuration.gridWidth
    _gridNorm = Child("grid_norm", try LayerNorm(featureWidth))
    _gridProjection = Child("grid_proj", try Linear(featureWidth, grid, generator: generator))
    _towerNorms = Child("tower_norms", try configuration.towerLayers.map { _ in try LayerNorm(towerWidth) })
    _towerProjections = Child(
      "tower_projs",
      try configuration.towerLayers.map { _ in try Linear(towerWidth, grid, generator: generator) })

    let widths = configuration.detailWidths
    // The level whose stride 2^i is nearest to the grid's, never finer than the grid needs.
    let level = widths.indices.min { abs((1 << $0) - gridStride) < abs((1 << $1) - gridStride) } ?? 0
    gridLevel = level
    _encoders = Child(
      "encoders",
      try widths.indices.map { index in
        try ConvolutionBlock(
          index == 0 ? 3 : widths[index - 1], widths[index], stride: index == 0 ? 1 : 2, generator: generator)
      })
    let levels = widths.isEmpty ? [grid] : widths
    _decoders = Child(
      "decoders",
      try levels.indices.map { index in
        let deeper = index + 1 < levels.count ? levels[index + 1] : 0
        let skip = widths.isEmpty ? 0 : widths[index]
        return try ConvolutionBlock(
          deeper + skip + (index == level ? grid : 0), levels[index], stride: 1, generator: generator)
      })
    _classifier = Child("classifier", try Conv2d(levels[0], 1, kernel: 1, generator: generator))
    super.init()
    // Lesions are rare: start from a low probability, so that the first steps are not spent on learning that.
    classifier.bias = try classifier.bias?.zerosLike().addInPlace(.scalar(-2))
  }

  /// Decodes a batch.
  ///
  /// - Parameters:
  ///   - image: B×3×S×S.
  ///   - grid: B×h×w×d.
  ///   - tower: outputs of the chosen layers, each B×h×w×c.
  /// - Returns: logits, B×1×S×S.
  /// - Throws: `TorchError` when shapes do not fit.
  public func callAsFunction(image: Tensor, grid: Tensor, tower: [Tensor] = []) throws -> Tensor {
    var tokens = try gridProjection(gridNorm(grid))
    for (index, layer) in tower.enumerated() where index < towerNorms.count {
      tokens = try tokens + towerProjections[index](towerNorms[index](layer))
    }
    let features = try tokens.permuted([0, 3, 1, 2])

    var skips: [Tensor] = []
    for encoder in encoders { skips.append(try encoder(skips.last ?? image)) }
    var deeper: Tensor?
    for index in decoders.indices.reversed() {
      let size = skips.isEmpty ? features.shape : skips[index].shape
      var parts: [Tensor] = []
      if let deeper { parts.append(try fit(deeper, size)) }
      if !skips.isEmpty { parts.append(skips[index]) }
      if index == gridLevel { parts.append(try fit(features, size)) }
      deeper = try decoders[index](parts.count == 1 ? parts[0] : .concatenated(parts, dim: 1))
    }
    return try fit(classifier(deeper ?? features), image.shape)
  }

  private func fit(_ x: Tensor, _ shape: [Int]) throws -> Tensor {
    let own = x.shape
    return own[2] == shape[2] && own[3] == shape[3] ? x : try x.resized(height: shape[2], width: shape[3])
  }
}

/// Two 3×3 convolutions, each with instance normalisation and leaky ReLU, and a residual.
///
/// Instance normalisation takes each image's own contrast out, which differs between sites.
final class ConvolutionBlock: Module {
  @Child private var first: Conv2d
  @Child private var firstNorm: InstanceNorm2d
  @Child private var second: Conv2d
  @Child private var secondNorm: InstanceNorm2d
  @Child private var shortcut: Conv2d?

  init(_ inputs: Int, _ outputs: Int, stride: Int, generator: Generator) throws {
    _first = Child(
      "conv1",
      try Conv2d(inputs, outputs, kernel: 3, stride: stride, padding: 1, bias: false, generator: generator))
    _firstNorm = Child("norm1", try InstanceNorm2d(outputs))
    _second = Child(
      "conv2", try Conv2d(outputs, outputs, kernel: 3, padding: 1, bias: false, generator: generator))
    _secondNorm = Child("norm2", try InstanceNorm2d(outputs))
    let same = inputs == outputs && stride == 1
    _shortcut = Child(
      "shortcut", same ? nil : try Conv2d(inputs, outputs, kernel: 1, stride: stride, generator: generator))
    super.init()
  }

  /// B×in×H×W → B×out×(H/stride)×(W/stride).
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let y = try secondNorm(second(firstNorm(first(x)).leakyRelu()))
    return try (y + (shortcut?(x) ?? x)).leakyRelu()
  }
}
