import Metrics
import Statistics
import Storage
import Studies

/// What a linear probe reads off the features of every method: the site, and each true confounder; `figures/probes.json`.
///
/// One row for each method and held-out site. Features are means over positions.
package struct ProbeFigure: Codable, Equatable, Sendable {
  /// A score at three places of a model.
  package struct Layers<Score: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
    /// From F, the positions that the method selects, or all.
    @Nullable package private(set) var before: Score?
    /// From F_ca; nil without an intervention.
    @Nullable package private(set) var after: Score?
    /// From the whole grid that the head is handed, by which methods with and without an intervention compare; nil for
    /// a method with a decoder of its own.
    @Nullable package private(set) var head: Score?

    /// Joins the three.
    package init(before: Score?, after: Score?, head: Score?) {
      _before = Nullable(wrappedValue: before)
      _after = Nullable(wrappedValue: after)
      _head = Nullable(wrappedValue: head)
    }

    /// The same of a part of each score.
    package func map<Part: Codable & Equatable & Sendable>(_ part: (Score) -> Part?) -> Layers<Part> {
      Layers<Part>(before: before.flatMap(part), after: after.flatMap(part), head: head.flatMap(part))
    }
  }

  /// One confounder.
  package struct Confounder: Codable, Equatable, Sendable {
    /// Its name.
    package let name: String
    /// The probe; nil where fewer than ten images have it, or lack it.
    package let score: Layers<ProbeScore>

    /// Joins the parts.
    package init(name: String, score: Layers<ProbeScore>) {
      self.name = name
      self.score = score
    }
  }

  /// One model.
  package struct Row: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// The model's seed.
    package let seed: UInt64
    /// The site that it was not trained on.
    package let heldOut: String
    /// Images of all sites.
    package let count: Int
    /// Those of them that it was trained on, because there were too few others.
    package let trained: Int
    /// The probe for the site; nil where no two sites have two groups each.
    package let site: Layers<ProbeScore>
    /// The probes for the confounders; empty where the data does not tell them.
    package let confounders: [Confounder]

    /// Joins the parts.
    package init(
      method: String, seed: UInt64, heldOut: String, count: Int, trained: Int, site: Layers<ProbeScore>,
      confounders: [Confounder]
    ) {
      self.method = method
      self.seed = seed
      self.heldOut = heldOut
      self.count = count
      self.trained = trained
      self.site = site
      self.confounders = confounders
    }

    /// The mean AUC over the confounders that were asked for; the same ones at every layer.
    package var meanConfounder: Layers<Double> {
      let areas = confounders.map { $0.score.map(\.area) }
      func mean(_ layer: (Layers<Double>) -> Double?) -> Double? {
        ScoreStatistics(of: areas.map(layer)).mean
      }
      return Layers(before: mean(\.before), after: mean(\.after), head: mean(\.head))
    }

    enum CodingKeys: String, CodingKey {
      case method, seed, trained, site, confounders
      case heldOut = "held_out"
      case count = "n"
    }
  }

  /// What it was computed from.
  package let fingerprint: String
  /// Which images were taken, in words.
  package let images: String
  /// Parts of the cross-validation.
  package let folds: Int
  /// C of the logistic regression.
  package let weight: Double
  /// One a model.
  package let rows: [Row]

  /// Joins the parts.
  package init(fingerprint: String, images: String, folds: Int, weight: Double, rows: [Row]) {
    self.fingerprint = fingerprint
    self.images = images
    self.folds = folds
    self.weight = weight
    self.rows = rows
  }

  /// The methods, in their order.
  package var methods: [String] { rows.map(\.method).uniqued }

  /// A method's figure over its held-out sites.
  ///
  /// - Parameters:
  ///   - method: the method.
  ///   - value: what is taken of a row.
  /// - Returns: mean, spread and count.
  package func statistics(_ method: String, _ value: (Row) -> Double?) -> ScoreStatistics {
    ScoreStatistics(of: rows.filter { $0.method == method }.map(value))
  }
}

extension Sequence where Element: Hashable {
  /// Each element once, where it first comes.
  package var uniqued: [Element] {
    var seen = Set<Element>()
    return filter { seen.insert($0).inserted }
  }
}
