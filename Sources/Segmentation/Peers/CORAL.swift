import Torch

/// Deep CORAL for domain generalisation: aligns the feature statistics of every two source sites.
///
/// The statistics are means and covariances.
///
/// Sun and Saenko, Deep CORAL: Correlation Alignment for Deep Domain Adaptation, ECCV Workshops
/// 2016, in the form of DomainBed (Gulrajani and Lopez-Paz, ICLR 2021). The penalty is the mean
/// squared difference of the means plus that of the covariances, averaged over all pairs of sites,
/// times `weight`. DomainBed aligns the input of its classifier. A segmentation head classifies
/// positions, so the samples are positions (`pooled` = 1: the mean of each image). The features are
/// the head's after the tower joins the image (`SegmentationOutput.features`), which are trained
/// even above a frozen tower. DomainBed draws equally many images of every site. Here a batch has
/// the images of the common order, as for every other method.
public final class CORAL: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "coral"
  /// The description in one line.
  public static let summary = "aligns means and covariances of the head's features between sites"
  /// The paper.
  public static let reference =
    "Sun, Saenko: Deep CORAL. ECCV Workshops 2016; Gulrajani, Lopez-Paz: DomainBed. ICLR 2021"

  /// The options.
  public struct Options: MethodOptions {
    /// The weight of the penalty.
    public var weight = 1.0
    /// Whether the samples are the means of images instead of positions.
    public var pooled = false

    /// Makes the paper's options.
    public init() {}

    /// Checks the weight.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws { try require("weight", weight, in: 0...Double.greatestFiniteMagnitude) }
  }

  private let weight: Double
  private let pooled: Bool

  /// Returns the traits: the method reads no words.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits {
    .wordless.sharing(.model(reading: .features))
  }

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    (weight, pooled) = (options.weight, options.pooled)
    super.init()
  }

  /// Computes the distance of the sites' distributions, the term `alignment`.
  public override func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] {
    guard let features = try output.features?.to(.float32) else { return [] }
    // B×c×h×w → B×P×c, or B×1×c.
    let positions = try features.flattened(from: 2).transposed(1, 2)
    let samples = try pooled ? positions.mean([1], keepDimensions: true) : positions
    let channels = try samples.size(2)
    let sites = try Set(batch.sites).sorted().compactMap { site -> Tensor? in
      let rows = try samples.rows(of: site, in: batch.sites).reshaped([-1, channels])
      // One sample has no covariance.
      return try rows.size(0) > 1 ? rows : nil
    }
    return try Self.distance(sites).map { [LossTerm("alignment", $0, weight: weight)] } ?? []
  }

  /// Computes the distance of the sites' distributions, mean over all pairs; nil below two sites.
  ///
  /// - Parameter sites: the features of each site, n×c with n of at least 2.
  /// - Returns: a scalar.
  /// - Throws: `TorchError` if the channels differ.
  static func distance(_ sites: [Tensor]) throws -> Tensor? {
    let moments = try sites.map { rows in
      let mean = try rows.mean([0], keepDimensions: true)
      let centred = try rows - mean
      return (mean: mean, covariance: try centred.transposed().matmul(centred) / Double(rows.size(0) - 1))
    }
    let distances = try moments.indices.flatMap { i in
      try moments.indices.dropFirst(i + 1).map { j in
        try (moments[i].mean - moments[j].mean).power(2).mean()
          + (moments[i].covariance - moments[j].covariance).power(2).mean()
      }
    }
    return distances.isEmpty ? nil : try Tensor.stacked(distances).mean()
  }
}
