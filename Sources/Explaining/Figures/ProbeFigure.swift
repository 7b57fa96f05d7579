import Metrics
import Statistics
import Storage
import Studies

/// The scores of linear probes on the features of every method; `figures/probes.json`.
///
/// The probes predict the site and each true confounder. There is one row for each method and
/// held-out site. Features are means over positions.
package struct ProbeFigure: Codable, Equatable, Sendable {
  /// A score at three layers of a model.
  package struct Layers<Score: Codable & Equatable & Sendable>: Codable, Equatable, Sendable {
    /// The score from F: the positions that the method selects, or all.
    @Nullable package private(set) var before: Score?
    /// The score from F_ca; nil without an intervention.
    @Nullable package private(set) var after: Score?
    /// The score from the whole input grid of the head; nil for a method with its own decoder.
    ///
    /// It compares methods with and without an intervention.
    @Nullable package private(set) var head: Score?

    /// Makes a value from the three.
    package init(before: Score?, after: Score?, head: Score?) {
      _before = Nullable(wrappedValue: before)
      _after = Nullable(wrappedValue: after)
      _head = Nullable(wrappedValue: head)
    }

    /// Maps each score to a part of it.
    package func map<Part: Codable & Equatable & Sendable>(_ part: (Score) -> Part?) -> Layers<Part> {
      Layers<Part>(before: before.flatMap(part), after: after.flatMap(part), head: head.flatMap(part))
    }
  }

  /// One confounder.
  package struct Confounder: Codable, Equatable, Sendable {
    /// Its name.
    package let name: String
    /// The score of the probe; nil if fewer than ten images have it, or fewer than ten lack it.
    package let score: Layers<ProbeScore>

    /// Makes a confounder from its parts.
    package init(name: String, score: Layers<ProbeScore>) {
      self.name = name
      self.score = score
    }
  }

  /// One model.
  package struct Row: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// The seed of the model.
    package let seed: UInt64
    /// The site that was not in training.
    package let heldOut: String
    /// The number of images of all sites.
    package let count: Int
    /// The number of them that were in training, because there were too few others.
    package let trained: Int
    /// The probe for the site; nil if no two sites have two groups each.
    package let site: Layers<ProbeScore>
    /// The probes for the confounders; empty if the data does not state them.
    package let confounders: [Confounder]

    /// Makes a row from its parts.
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

    /// The mean AUC over the probed confounders, which are the same at every layer.
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

  /// The fingerprint of the inputs.
  package let fingerprint: String
  /// The selection of images, in words.
  package let images: String
  /// The number of parts of the cross-validation.
  package let folds: Int
  /// C of the logistic regression.
  package let weight: Double
  /// One row per model.
  package let rows: [Row]

  /// Makes a figure from its parts.
  package init(fingerprint: String, images: String, folds: Int, weight: Double, rows: [Row]) {
    self.fingerprint = fingerprint
    self.images = images
    self.folds = folds
    self.weight = weight
    self.rows = rows
  }

  /// The methods, in their order.
  package var methods: [String] { rows.map(\.method).uniqued }

  /// Computes the statistics of a method over its held-out sites.
  ///
  /// - Parameters:
  ///   - method: the method.
  ///   - value: the value of a row.
  /// - Returns: mean, spread and count.
  package func statistics(_ method: String, _ value: (Row) -> Double?) -> ScoreStatistics {
    ScoreStatistics(of: rows.filter { $0.method == method }.map(value))
  }
}

extension Sequence where Element: Hashable {
  /// Each element once, at its first place.
  package var uniqued: [Element] {
    var seen = Set<Element>()
    return filter { seen.insert($0).inserted }
  }
}
