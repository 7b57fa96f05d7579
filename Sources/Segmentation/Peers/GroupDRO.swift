import Torch

/// Group DRO: sites with a high loss are weighted up, by an exponentiated gradient step in each batch.
///
/// Sagawa, Koh, Hashimoto and Liang, Distributionally Robust Neural Networks for Group Shifts, ICLR 2020, algorithm 1,
/// with the rate of DomainBed (Gulrajani and Lopez-Paz, ICLR 2021); the groups are the source sites. DomainBed draws from every
/// site in every step. Here a batch may lack some: their weights do not grow, so that they shrink where those of the others
/// do and all are normalised, and the loss is over those that are there. Every image counts alike, also one that a confounder
/// was set in: `interventions.segmentation` is not heard.
final class GroupDRO: SegmentationMethod {
  override class var name: String { "groupdro" }
  override class var summary: String { "weights source sites with a high loss up" }
  override class var reference: String {
    "Sagawa, Koh, Hashimoto, Liang: Distributionally Robust Neural Networks for Group Shifts. ICLR 2020"
  }
  override class var defaults: [String: Double] { ["rate": 0.01] }

  /// q, one a site; sums to 1.
  @Buffer private(set) var weights: Tensor
  private let rate: Double

  required init(_ context: MethodContext) throws {
    rate = try context.option("rate", of: Self.self, in: 0...Double.greatestFiniteMagnitude)
    let count = try context.requiredSites(of: Self.self)
    _weights = Buffer("weights", try .full([count], 1 / Double(count)))
    try super.init(context)
  }

  override func segmentation(_ batch: MethodBatch) throws -> Tensor? {
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
