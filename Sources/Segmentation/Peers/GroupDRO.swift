import Torch

/// Group DRO: sites with a high loss are weighted up, by an exponentiated gradient step in each batch.
///
/// Sagawa, Koh, Hashimoto and Liang, Distributionally Robust Neural Networks for Group Shifts, ICLR 2020, algorithm 1,
/// with the rate of DomainBed (Gulrajani and Lopez-Paz, ICLR 2021); the groups are the source sites. DomainBed draws from every
/// site in every step. Here a batch may lack some: their weights do not grow, so that they shrink where those of the others
/// do and all are normalised, and the loss is over those that are there. Every image counts alike, also one that a confounder
/// was set in: `interventions.segmentation` is not heard.
public final class GroupDRO: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "groupdro"
  /// A one-line description.
  public static let summary = "weights source sites with a high loss up"
  /// The paper.
  public static let reference =
    "Sagawa, Koh, Hashimoto, Liang: Distributionally Robust Neural Networks for Group Shifts. ICLR 2020"

  /// The options.
  public struct Options: MethodOptions {
    /// The rate of the weights' exponentiated gradient.
    public var rate = 0.01

    /// DomainBed's.
    public init() {}

    /// Checks the rate.
    public func validate() throws { try require("rate", rate, in: 0...Double.greatestFiniteMagnitude) }
  }

  /// q, one a site; sums to 1.
  @Buffer private(set) var weights: Tensor
  private let rate: Double

  /// Makes the method.
  public init(_ options: Options, _ context: MethodContext) throws {
    rate = options.rate
    let count = try context.requiredSites(Self.name)
    _weights = Buffer("weights", try .full([count], 1 / Double(count)))
    super.init()
  }

  /// The loss of the sites in the batch, weighted.
  public override func segmentation(_ batch: MethodBatch) throws -> Tensor? {
    let count = weights.count
    // B×G: which image is of which site.
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
