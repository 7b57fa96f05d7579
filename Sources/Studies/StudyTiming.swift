/// How long a study took; `timing.json`, apart from ``StudyResults`` because no two runs take the same time.
package struct StudyTiming: Codable, Equatable, Sendable {
  /// One trained model.
  package struct Fold: Codable, Equatable, Sendable {
    /// The held-out site.
    package let site: String
    /// The method.
    package let method: String
    /// The seed.
    package let seed: UInt64
    /// Seconds of training, calls that were interrupted included.
    package let seconds: Double
    /// Seconds of them in which the network waited for images; nil where that was not measured.
    package let waited: Double?
  }

  /// The share of training in which networks waited for images; nil where that was not measured.
  package var waitedShare: Double? {
    let known = folds.filter { $0.waited != nil }
    let seconds = known.reduce(0) { $0 + $1.seconds }
    return seconds > 0 ? known.reduce(0) { $0 + ($1.waited ?? 0) } / seconds : nil
  }

  /// By fold.
  package let folds: [Fold]
  /// Seconds from the start of the last call to the report; less than the folds' sum where folds were trained
  /// side by side or taken from an earlier call.
  package let total: Double
  /// Models that were trained side by side.
  package let workers: Int

  /// Joins the parts.
  ///
  /// - Parameters:
  ///   - folds: the results that say their seconds.
  ///   - total: seconds from the start to the report.
  ///   - workers: models that were trained side by side.
  package init(folds: [FoldResult], total: Double, workers: Int) {
    self.folds = folds.map {
      Fold(site: $0.site, method: $0.method, seed: $0.seed, seconds: $0.seconds, waited: $0.waited)
    }
    self.total = total
    self.workers = workers
  }

  enum CodingKeys: String, CodingKey {
    case folds, workers
    case total = "total_seconds"
  }
}
