import Torch

/// Group DRO: gives sites with a high loss a higher weight.
///
/// Each batch takes an exponentiated gradient step on the weights.
///
/// Sagawa, Koh, Hashimoto and Liang, Distributionally Robust Neural Networks for Group Shifts, ICLR
/// 2020, algorithm 1, with the rate of DomainBed (Gulrajani and Lopez-Paz, ICLR 2021). The groups
/// are the source sites. DomainBed draws from every site in every step. Here a batch may lack some
/// sites. Their weights do not grow, so the normalisation shrinks them if others grow. The loss is
/// over the sites in the batch. Every image counts equally, also an intervened one:
/// `interventions.segmentation` has no effect.
public final class GroupDRO: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "groupdro"
  /// The description in one line.
  public static let summary = "weights source sites with a high loss up"
  /// The paper.
  public static let reference =
    "Sagawa, Koh, Hashimoto, Liang: Distributionally Robust Neural Networks for Group Shifts. ICLR 2020"

  /// The options.
  public struct Options: MethodOptions {
    /// The rate of the weights' exponentiated gradient.
    public var rate = 0.01

    /// Makes DomainBed's options.
    public init() {}

    /// Checks the rate.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws { try require("rate", rate, in: 0...Double.greatestFiniteMagnitude) }
  }

  /// The weights q, one for each site; sum to 1.
  @Buffer private(set) var weights: Tensor
  private let rate: Double

  /// Returns the traits: the method reads no words.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits {
    .wordless.sharing(.model(reading: .losses))
  }

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    rate = options.rate
    let count = try context.requiredSites(Self.name)
    _weights = Buffer("weights", try .full([count], 1 / Double(count)))
    super.init()
  }

  /// Computes the weighted loss of the sites in the batch.
  public override func segmentation(_ batch: MethodBatch) throws -> Tensor? {
    let count = weights.count
    // The site of each image, B×G.
    let member = try Tensor(batch.sites).oneHot(count).to(.float32).to(batch.losses.device)
    let sizes = try member.sum([0])
    let losses = try batch.losses.matmul(member) / sizes.clamped(min: 1)
    try withoutGradients {
      let grown = try weights * (losses.detached() * rate).exp()
      try weights.assign(grown / grown.sum())
    }
    let present = try weights.copy() * sizes.clamped(max: 1)
    return try (losses * present).sum() / present.sum()
  }
}
