/// Dice against coverage: the mean Dice of the images that are kept, the surest first.
public struct DiceCoverage: Codable, Equatable, Sendable {
  /// One coverage.
  public struct Point: Codable, Equatable, Sendable {
    /// The share of the images that are kept.
    public let coverage: Double
    /// The number of these images.
    public let count: Int
    /// Their mean Dice.
    public let dice: Double

    enum CodingKeys: String, CodingKey {
      case coverage, dice
      case count = "n"
    }
  }

  /// The points, from all images to the surest tenth; those of equal images once.
  public let points: [Point]
  /// The area under the risk-coverage curve with the risk 1 - Dice; lower is better.
  public let aurc: Double
  /// How well uncertainty finds images whose Dice is below ``failure``, as AUROC.
  ///
  /// It is nil if all images or none are such.
  public let failureAUROC: Double?
  /// The Dice below which an image counts as failed.
  public let failure: Double

  /// The default Dice below which an image counts as failed.
  public static let defaultFailure = 0.5

  enum CodingKeys: String, CodingKey {
    case points, aurc
    case failureAUROC = "failure_auroc"
    case failure = "failure_below"
  }

  /// Ranks images.
  ///
  /// - Parameters:
  ///   - dice: the Dice of each image.
  ///   - uncertainties: how unsure each is, in the same order; images of equal uncertainty count
  ///     with their mean.
  ///   - failure: the Dice below which an image counts as failed.
  /// - Throws: ``MetricError/noCases(_:)`` without an image.
  public init(dice: [Double], uncertainties: [Double], failure: Double = defaultFailure) throws {
    let curve = RiskCoverage(uncertainties: uncertainties, risks: dice.map { 1 - $0 })
    guard let area = curve.area else { throw MetricError.noCases("Dice against coverage") }
    let total = curve.count
    var found: [Point] = []
    for tenth in stride(from: 10, to: 0, by: -1) {
      let count = max(1, Int((Double(tenth * total) / 10).rounded()))
      guard found.last?.count != count,
        let risk = curve.selectiveRisk(coverage: Double(count) / Double(total))
      else { continue }
      found.append(Point(coverage: Double(count) / Double(total), count: count, dice: 1 - risk))
    }
    points = found
    aurc = area
    failureAUROC = AreaUnderCurve.of(uncertainties, positive: dice.map { $0 < failure })
    self.failure = failure
  }
}
