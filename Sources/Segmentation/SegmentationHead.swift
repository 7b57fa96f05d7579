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
public final class SegmentationHead: Module, HeadPass {
  @Child var gridNorm: LayerNorm
  @Child var gridProjection: Linear
  @Child var towerNorms: [LayerNorm]
  @Child var towerProjections: [Linear]
  @Child var encoders: [ConvolutionBlock]
  @Child var decoders: [ConvolutionBlock]
  @Child var reducers: [Conv2d]
  @Child var classifier: Conv2d
  /// The level that the grid enters.
  let gridLevel: Int
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

  /// Compiles all layers for inference on the CPU; the weights of `int8` are those of its floating type.
  ///
  /// - Parameter precision: the arithmetic.
  /// - Returns: the compiled head; later changes of the weights do not reach it.
  /// - Throws: `TorchError` when weights cannot be packed.
  package func compiled(for precision: Precision) throws -> CompiledHead {
    defer { releasePages() }
    let precision = precision.floating
    return CompiledHead(
      gridNorm: try gridNorm.compiled(), gridProjection: try gridProjection.compiled(for: precision),
      towerNorms: try towerNorms.map { try $0.compiled() },
      towerProjections: try towerProjections.map { try $0.compiled(for: precision) },
      encoders: try encoders.map { try $0.compiled(for: precision) },
      decoders: try decoders.map { try $0.compiled(for: precision) },
      reducers: try reducers.map { try $0.compiled(for: precision) },
      classifier: try classifier.compiled(for: precision), gridLevel: gridLevel)
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
