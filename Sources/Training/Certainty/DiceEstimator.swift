import Foundation
import Metrics
import Statistics

/// The numbers of one prediction from which its Dice is estimated.
package struct DiceCues: Codable, Equatable, Sendable {
  /// The expected Dice by the calibrated probabilities alone.
  package let softDice: Double
  /// The entropy of the image in relation to its expected lesion, from 0 to 1.
  package let uncertainty: Double
  /// The distance from the training sites in units of the threshold, at most 5; 1 if it is unknown.
  package let distance: Double
  /// The mean Dice of the views with their mean; 1 for a single view.
  package let agreement: Double
  /// Whether the mask is empty.
  package let isEmpty: Bool

  /// Makes the value from its parts.
  package init(softDice: Double, uncertainty: Double, distance: Double?, agreement: Double?, isEmpty: Bool) {
    self.softDice = softDice
    self.uncertainty = uncertainty
    self.distance = min(5, distance ?? 1)
    self.agreement = agreement ?? 1
    self.isEmpty = isEmpty
  }

  /// The columns of a regression.
  var columns: [Double] { [softDice, uncertainty, distance, agreement, isEmpty ? 1 : 0] }
}

/// An estimate of Dice without masks, with the error that it made at left-out source sites.
package struct DiceEstimator: Codable, Equatable, Sendable {
  /// The ways of estimating the mean Dice of a site.
  package enum Method: String, Codable, CaseIterable, Sendable {
    /// The mean expected Dice by the calibrated probabilities.
    case soft
    /// The same plus the difference at the source sites between true and expected Dice.
    ///
    /// It is the difference of confidences (Guillory et al., ICCV 2021), for Dice.
    case shift
    /// A regression on the cues of an image.
    case regression
    /// The share of images whose expected Dice exceeds a cut, which at the source sites is their
    /// mean Dice.
    ///
    /// It is average threshold confidence (Garg et al., ICLR 2022), for Dice.
    case threshold
  }

  /// The images of one site under one change, and their true Dice.
  package struct Example: Sendable {
    /// The site.
    package let site: String
    /// The images of a site that are changed in the same way count as a site of their own.
    package let variant: Int
    /// The cues.
    package let cues: DiceCues
    /// The true Dice.
    package let dice: Double

    /// Makes the value from its parts.
    package init(site: String, variant: Int, cues: DiceCues, dice: Double) {
      self.site = site
      self.variant = variant
      self.cues = cues
      self.dice = dice
    }
  }

  /// An estimate for several images.
  package struct Estimate: Codable, Equatable, Sendable {
    /// The mean Dice.
    package let dice: Double
    /// The lower end of the 95 % interval; nil without an error.
    package let low: Double?
    /// The upper end of the 95 % interval; nil without an error.
    package let high: Double?
  }

  /// The way that erred least.
  package let method: Method
  /// The root of the mean squared error of a site's mean Dice, by way; empty with a single site.
  package let errors: [String: Double]
  /// The largest error of the chosen way; nil with a single site.
  package let largestError: Double?
  /// The number of left-out sites.
  package let sites: Int
  /// The number of sets of images whose mean was estimated.
  package let sets: Int
  private let model: Model

  /// What each way fits to examples.
  private struct Model: Codable, Equatable, Sendable {
    var offset: Double
    var cut: Double
    var regression: RidgeRegression

    static let penalty = 0.02

    init(_ examples: [Example]) throws {
      let mean = examples.reduce(0) { $0 + $1.dice } / Double(max(1, examples.count))
      let soft = examples.map(\.cues.softDice)
      offset = mean - soft.reduce(0, +) / Double(max(1, soft.count))
      // As many examples exceed the cut as the mean Dice says.
      let sorted = soft.sorted(by: >)
      let above = Int((mean * Double(sorted.count)).rounded())
      cut = above >= sorted.count ? -1 : sorted[min(sorted.count - 1, above)]
      regression = try RidgeRegression(
        rows: examples.map(\.cues.columns), targets: examples.map(\.dice), penalty: Self.penalty)
    }

    var isUsable: Bool {
      ([offset, cut, regression.constant] + regression.weights).allSatisfy(\.isFinite)
        && regression.weights.count == DiceCues.width
    }

    func image(_ cues: DiceCues, _ method: Method) -> Double {
      let value =
        switch method {
        case .soft, .threshold: cues.softDice
        case .shift: cues.softDice + offset
        case .regression: regression(cues.columns)
        }
      return min(1, max(0, value))
    }

    func mean(_ cues: [DiceCues], _ method: Method) -> Double {
      let count = Double(max(1, cues.count))
      if method == .threshold { return Double(cues.count { $0.softDice > cut }) / count }
      return cues.reduce(0) { $0 + image($1, method) } / count
    }
  }

  /// Chooses a way by its error at left-out sites, and fits it to all of them.
  ///
  /// - Parameter examples: predictions of source sites, at least one.
  /// - Throws: `TorchError` without an example, or if a cue is not finite.
  package init(_ examples: [Example]) throws {
    model = try Model(examples)
    let names = Set(examples.map(\.site)).sorted()
    guard names.count > 1 else {
      (method, errors, largestError, sites, sets) = (.shift, [:], nil, names.count, 0)
      return
    }
    var found: [Method: [Double]] = [:]
    for name in names {
      let other = try Model(examples.filter { $0.site != name })
      let own = Dictionary(grouping: examples.filter { $0.site == name }, by: \.variant)
      for (_, set) in own.sorted(by: { $0.key < $1.key }) {
        let truth = set.reduce(0) { $0 + $1.dice } / Double(set.count)
        for way in Method.allCases {
          found[way, default: []].append(other.mean(set.map(\.cues), way) - truth)
        }
      }
    }
    func root(_ way: Method) -> Double {
      let errors = found[way] ?? []
      return (errors.reduce(0) { $0 + $1 * $1 } / Double(max(1, errors.count))).squareRoot()
    }
    let best = Method.allCases.min { root($0) < root($1) } ?? .soft
    method = best
    errors = Dictionary(uniqueKeysWithValues: Method.allCases.map { ($0.rawValue, root($0)) })
    largestError = found[best]?.map(abs).max()
    sites = names.count
    sets = found[best]?.count ?? 0
  }

  /// Whether all numbers are finite and fit the cues.
  package var isUsable: Bool { model.isUsable && errors.values.allSatisfy(\.isFinite) && sites >= 0 }

  /// The root of the mean squared error of the chosen way at left-out sites; nil with a single
  /// site.
  package var error: Double? { errors[method.rawValue] }

  /// Returns the expected Dice of one image, from 0 to 1.
  package func image(_ cues: DiceCues) -> Double { model.image(cues, method) }

  /// Estimates the mean Dice of images.
  ///
  /// The interval is ± t · error with Student's t of as many degrees of freedom as sites were left
  /// out, cut to 0 to 1. It holds for a site that differs from the source sites as these, and their
  /// changed images, differ among each other.
  ///
  /// - Parameter cues: the cues of each image, at least one.
  /// - Returns: the estimate.
  package func mean(_ cues: [DiceCues]) -> Estimate {
    let value = model.mean(cues, method)
    let half = error.map { $0 * StudentDistribution.twoSided95(degrees: max(1, sites)) }
    return Estimate(
      dice: value, low: half.map { max(0, value - $0) }, high: half.map { min(1, value + $0) })
  }

  enum CodingKeys: String, CodingKey {
    case method, errors, sites, sets, model
    case largestError = "largest_error"
  }
}

extension DiceCues {
  /// The number of columns.
  static let width = 5
}
