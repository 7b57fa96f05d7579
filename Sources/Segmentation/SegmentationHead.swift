import Storage
import Torch

/// The shape of the segmentation head (ours: the paper does not say how F_ca becomes a mask).
public struct HeadConfiguration: Codable, Equatable, Sendable {
  /// The channels of each level of the convolutional branch on the image; empty for no branch.
  ///
  /// Each level has half the resolution of the level before.
  public var detailWidths: [Int] = [16, 32, 64, 128, 192]
  /// The distance in image pixels between neighbouring positions of the first level.
  ///
  /// It is 1, or 2 to save time.
  public var detailStride = 1
  /// The channels of the projected feature grid.
  public var gridWidth = 128
  /// The tower layers (of a ResNet or a trunk: stages), counted from 1, that the head reads.
  public var towerLayers: [Int] = []
  /// The way in which these layers enter.
  public var skips = Skips.grid
  /// The channels of the decoder's levels, finest first; empty for those of the image branch.
  ///
  /// With more levels than the image branch has, the deeper ones hold the tower's layers alone.
  public var decoderWidths: [Int] = []

  /// The way in which the tower's layers enter the head.
  public enum Skips: String, NamedChoice, Sendable {
    /// All are resized to the feature grid, projected and added to it.
    case grid
    /// Each is concatenated at the level of its own resolution, as in a U-Net.
    case levels
  }

  /// Makes the defaults.
  public init() {}

  /// The first size outside of its range, with the range as text; nil if all are inside.
  ///
  /// The limits keep weights and halvings of the image far from overflow and from absurd memory.
  package var fault: (name: String, value: String, wanted: String)? {
    let levels = [("detailWidths", detailWidths, 12), ("decoderWidths", decoderWidths, 12)]
    for (name, values, _) in levels + [("gridWidth", [gridWidth], 1)] {
      if let wrong = values.first(where: { !(1...2048).contains($0) }) {
        return ("model.head.\(name)", "\(wrong)", "from 1 to 2048")
      }
    }
    for (name, values, most) in levels + [("towerLayers", towerLayers, 64)] where values.count > most {
      return ("model.head.\(name)", "a list of \(values.count)", "a list of at most \(most)")
    }
    return nil
  }
}

/// The segmentation head: turns the feature grid into lesion logits, method section 4.
///
/// It is a U-Net on the image. The grid enters at the level of its own resolution.
public final class SegmentationHead: Module, HeadPass {
  @Child var gridNorm: LayerNorm
  @Child var gridProjection: Linear
  @Child var towerNorms: [LayerNorm]
  @Child var towerProjections: [Linear]
  @Child var encoders: [ConvolutionBlock]
  @Child var decoders: [ConvolutionBlock]
  @Child var reducers: [Conv2d]
  @Child var classifier: Conv2d
  /// The level at which the grid enters.
  let gridLevel: Int
  /// The level at which each tower layer enters; empty if all are added to the grid.
  let skipLevels: [Int]
  /// The channels of the features that `decoded` returns.
  let joinedWidth: Int

  /// Makes a head.
  ///
  /// - Parameters:
  ///   - configuration: the shape of the head.
  ///   - featureWidth: d of the grid.
  ///   - towerWidths: the channels of each tower layer.
  ///   - towerStrides: the distance in image pixels between neighbouring positions of each tower
  ///     layer; needed for skips by level.
  ///   - gridStride: the distance in image pixels between neighbouring positions of the grid.
  ///   - generator: the random number generator of the initial weights.
  ///   - maskCount: the number K of masks, one for each class.
  /// - Throws: `HeadError` for another stride than 1 or 2, for layers that the tower lacks and for
  ///   too few levels, `TorchError` for an impossible size.
  public init(
    _ configuration: HeadConfiguration, featureWidth: Int, towerWidths: [Int], towerStrides: [Int] = [],
    gridStride: Int, generator: Generator, maskCount: Int = 1
  ) throws {
    let grid = configuration.gridWidth
    _gridNorm = Child("grid_norm", try LayerNorm(featureWidth))
    _gridProjection = Child("grid_proj", try Linear(featureWidth, grid, generator: generator))
    let chosen = try configuration.towerLayers.map { try towerWidths.width(of: $0) }
    let joinsLevels = configuration.skips == .levels
    let added = joinsLevels ? [] : chosen
    _towerNorms = Child("tower_norms", try added.map { try LayerNorm($0) })
    _towerProjections = Child("tower_projs", try added.map { try Linear($0, grid, generator: generator) })

    let widths = configuration.detailWidths
    let first = configuration.detailStride
    guard first == 1 || first == 2 else {
      throw HeadError.detailStride(first)
    }
    let levels = configuration.decoderWidths.isEmpty ? widths : configuration.decoderWidths
    guard levels.count >= widths.count else {
      throw HeadError.decoderLevels(levels.count, least: widths.count)
    }
    guard !joinsLevels || !levels.isEmpty else {
      throw HeadError.noLevels
    }
    /// Returns the level whose stride is nearest to another.
    func nearest(_ stride: Int) -> Int {
      levels.indices.min { abs((first << $0) - stride) < abs((first << $1) - stride) } ?? 0
    }
    let level = nearest(gridStride)
    gridLevel = level
    skipLevels =
      joinsLevels ? try configuration.towerLayers.map { nearest(try towerStrides.width(of: $0)) } : []
    let skips = Dictionary(zip(skipLevels, chosen), uniquingKeysWith: +)
    _encoders = Child(
      "encoders",
      try widths.indices.map { index in
        try ConvolutionBlock(
          index == 0 ? 3 : widths[index - 1], widths[index], stride: index == 0 ? first : 2,
          isDouble: index > 0,
          generator: generator)
      })
    let outputs = levels.isEmpty ? [grid] : levels
    joinedWidth = outputs[level]
    _decoders = Child(
      "decoders",
      try outputs.indices.map { index in
        let deeper = index + 1 < outputs.count ? outputs[index] : 0
        let detail = index < widths.count ? widths[index] : 0
        let inputs = deeper + detail + (skips[index] ?? 0) + (index == level ? grid : 0)
        return try ConvolutionBlock(
          inputs, outputs[index], stride: 1, isDouble: index > 0 || widths.isEmpty, generator: generator)
      })
    // Fewer channels before the upsampling, because full resolution takes the most time.
    _reducers = Child(
      "reducers",
      try outputs.indices.dropLast().map { index in
        try Conv2d(outputs[index + 1], outputs[index], kernel: 1, generator: generator)
      })
    _classifier = Child("classifier", try Conv2d(outputs[0], maskCount, kernel: 1, generator: generator))
    super.init()
    // The initial values are small: the output of an untrained tower must not hide the image.
    gridProjection.weight = try gridProjection.weight * 0.1
    // Lesions are rare. A low initial probability saves the steps that would learn this.
    classifier.bias = try classifier.bias?.zerosLike().addInPlace(.scalar(-2))
  }

  /// Decodes a batch.
  ///
  /// - Parameters:
  ///   - image: B×3×S×S.
  ///   - grid: B×h×w×d.
  ///   - tower: the outputs of the chosen layers, each B×h×w×c. Those of another size are resized
  ///     to the grid's.
  /// - Returns: the logits, B×K×S×S.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func callAsFunction(image: Tensor, grid: Tensor, tower: [Tensor] = []) throws -> Tensor {
    try decoded(image: image, grid: grid, tower: tower) { features, _ in features }.logits
  }

  /// Compiles all layers for inference on the CPU; `int8` uses weights of its floating type.
  ///
  /// - Parameter precision: the arithmetic.
  /// - Returns: the compiled head; later changes of the weights do not reach it.
  /// - Throws: `TorchError` if the weights cannot be packed.
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
      classifier: try classifier.compiled(for: precision), gridLevel: gridLevel, skipLevels: skipLevels)
  }
}

extension [Int] {
  /// Returns the channels of one tower layer, counted from 1.
  ///
  /// - Throws: `HeadError.towerLayer` if there is no such layer.
  func width(of layer: Int) throws -> Int {
    guard indices.contains(layer - 1) else {
      throw HeadError.towerLayer(layer, count: count)
    }
    return self[layer - 1]
  }
}
