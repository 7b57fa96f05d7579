/// The duration of a study; `timing.json`.
///
/// It is separate from ``StudyResults``, because it differs between runs.
package struct StudyTiming: Codable, Equatable, Sendable {
  /// One trained model.
  package struct Fold: Codable, Equatable, Sendable {
    /// The held-out site.
    package let site: String
    /// The method.
    package let method: String
    /// The seed.
    package let seed: UInt64
    /// The seconds of training, which include interrupted calls.
    package let seconds: Double
    /// The seconds in which the network waited for images; nil if not measured.
    package let waited: Double?
  }

  /// The share of training in which networks waited for images; nil if not measured.
  package var waitedShare: Double? {
    let known = folds.filter { $0.waited != nil }
    let seconds = known.reduce(0) { $0 + $1.seconds }
    return seconds > 0 ? known.reduce(0) { $0 + ($1.waited ?? 0) } / seconds : nil
  }

  /// The durations by fold.
  package let folds: [Fold]
  /// Seconds from the start of the last call to the report.
  ///
  /// It is less than the sum over folds if folds trained in parallel or come from an earlier call.
  package let total: Double
  /// The number of models that trained in parallel.
  package let workers: Int

  /// Makes a value from its parts.
  ///
  /// - Parameters:
  ///   - folds: the results, which contain their seconds.
  ///   - total: seconds from the start to the report.
  ///   - workers: the number of models that trained in parallel.
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
