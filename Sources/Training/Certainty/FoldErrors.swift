import Statistics
import Storage

/// How far folds erred that each estimated the Dice at a site that it had held out.
///
/// The network of a run saw every source site, so its estimate is too high at a hospital that it
/// never saw. A fold tells by how much. `calibration.json` stores the list.
package struct FoldErrors: Equatable, Sendable {
  /// A fold at the site that it held out.
  package struct Fold: Codable, Equatable, Sendable {
    /// The site.
    package let site: String
    /// The mean Dice that the fold expected, without a correction.
    package let expected: Double
    /// The true mean Dice.
    package let dice: Double

    /// Makes the value from its parts.
    package init(site: String, expected: Double, dice: Double) {
      (self.site, self.expected, self.dice) = (site, expected, dice)
    }

    /// The true mean Dice minus the expected one.
    package var error: Double { dice - expected }
  }

  /// The folds, at least one.
  package let folds: [Fold]

  /// Makes the value from folds, at least one.
  package init(_ folds: [Fold]) { self.folds = folds }

  /// The error at each site, in the order of the sites' names.
  ///
  /// Folds that held out the same site, such as those of several seeds, count as one: their mean.
  private var siteErrors: [Double] {
    Dictionary(grouping: folds, by: \.site).sorted { $0.key < $1.key }.map { _, own in
      own.reduce(0) { $0 + $1.error } / Double(own.count)
    }
  }

  /// The number of different sites.
  package var sites: Int { Set(folds.map(\.site)).count }

  /// What is added to the expected Dice: the mean error of the sites.
  package var correction: Double { siteErrors.reduce(0, +) / Double(max(1, sites)) }

  /// Half the width of the 95 % interval of the Dice at a further site; nil for a single site.
  ///
  /// The error at a further site differs from the mean of n errors by t · s · √(1 + 1/n) at most, with
  /// their standard deviation s and Student's t of n − 1 degrees of freedom. That is the interval of a
  /// further draw from a normal distribution.
  package var halfWidth: Double? {
    let errors = siteErrors
    guard errors.count > 1 else { return nil }
    let (count, mean) = (Double(errors.count), correction)
    let variance = errors.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
    return StudentDistribution.twoSided95(degrees: errors.count - 1)
      * (variance * (1 + 1 / count)).squareRoot()
  }

  /// Whether every number is a mean Dice, and there is one.
  var isUsable: Bool {
    !folds.isEmpty && folds.allSatisfy { (0...1).contains($0.expected) && (0...1).contains($0.dice) }
  }

  /// The correction in words.
  package var statement: String {
    let repeated = folds.count > sites ? " of \(counted(sites, "site"))" : ""
    let places = folds.count == 1 ? "at the site that it held out" : "at the site that each held out"
    let mean = folds.count == 1 ? "one fold" : "mean of \(counted(folds.count, "fold"))\(repeated)"
    return "expected Dice is corrected by \(NumberText.text(correction, decimals: 3)) (\(mean) \(places))"
  }

  /// Sentences about the limits of the correction.
  var notes: [String] {
    switch sites {
    case 1:
      ["folds held out one site, so the corrected Dice has no interval; name folds of at least two sites"]
    case 2, 3: ["folds held out only \(sites) sites, so the correction is rough"]
    default: []
    }
  }

  /// Corrects the expected Dice of one image, cut to 0 to 1.
  func image(_ dice: Double) -> Double { min(1, max(0, dice + correction)) }

  /// Corrects the expected mean Dice of a site, cut to 0 to 1, with the interval of the folds.
  func site(_ estimate: DiceEstimator.Estimate) -> DiceEstimator.Estimate {
    let value = image(estimate.dice)
    return DiceEstimator.Estimate(
      dice: value, low: halfWidth.map { max(0, value - $0) }, high: halfWidth.map { min(1, value + $0) })
  }
}

extension FoldErrors: Codable {
  /// Reads the list of folds.
  ///
  /// - Parameter decoder: the source.
  /// - Throws: the error of the decoder.
  package init(from decoder: any Decoder) throws {
    folds = try decoder.singleValueContainer().decode([Fold].self)
  }

  /// Writes the list of folds.
  ///
  /// - Parameter encoder: the destination.
  /// - Throws: the error of the encoder.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(folds)
  }
}
