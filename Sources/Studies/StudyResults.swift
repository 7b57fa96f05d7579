import Metrics
import Statistics
import Storage
import Torch
import Training

/// The results of a study, with statistics; `results.json`.
///
/// It covers any methods, seeds and held-out sites. It has no time and no date, so that the same
/// folds give the same bytes; see ``StudyTiming``. `docs/reference/results-format.md` explains
/// every key to a reader, and `docs/reference/results.schema.json` to a program.
package struct StudyResults: Codable, Equatable, Sendable {
  /// The value of `format` in every file.
  package static let formatName = "mcdrl-results"
  /// The version of the format that this software writes.
  package static let formatVersion = 1

  /// The value of ``formatName``.
  package let format: String
  /// The value of ``formatVersion`` in the software that wrote it.
  package let version: Int
  /// The kind of study: `demo`, `loso`, `ablate-depth`.
  package let study: String
  /// A description of the study and its data, in a few sentences.
  package let description: String
  /// The methods; the first is the reference of the others.
  package let methods: [Method]
  /// The seeds, in increasing order.
  package let seeds: [UInt64]
  /// The held-out sites.
  package let sites: [Site]
  /// The rules of scoring and statistics.
  package let `protocol`: Rules
  /// Every method at every site, then over the sites.
  package let scores: [Score]
  /// Predictors that ignore the image, at every site, then over the sites.
  ///
  /// It is nil if a fold of an earlier version has none.
  @Nullable package private(set) var trivial: [Trivial]?
  /// Sentences about predictions that a mean score hides, such as a model that marks nothing.
  package let findings: [String]
  /// Detection, calibration and polyp protocol of every method at every site, then over the sites.
  package let pooled: [Pooled]
  /// The differences of pairs of methods by metric, at every site, then over the sites.
  package let differences: [Difference]
  /// The stability of the ranking of methods; nil for one method.
  @Nullable package private(set) var ranks: RankStability?
  /// The shares of the cost of confounding that methods win back; nil without an oracle.
  @Nullable package private(set) var recovered: [Recovery]?
  /// Scores by lesion class, lesion size and empty reference.
  package let strata: [Stratum]
  /// The trained models.
  package let folds: [Fold]
  /// The change of predictions under interventions on the same scenes, by method.
  ///
  /// It is nil if not measured.
  @Nullable package private(set) var counterfactual: [String: Counterfactual.Summary]?
  /// A hash of each site's images and masks.
  package let data: [String: String]
  /// The settings that all folds share, by dotted name.
  package let settings: [String: JSONValue]
  /// The software and hardware.
  package let environment: Environment

  /// Computes the statistics of a study.
  ///
  /// - Parameters:
  ///   - folds: one result for every site, method and seed, in any order; the sites stay in this
  ///     order.
  ///   - description: the facts that the folds do not contain.
  ///   - resamples: of every bootstrap.
  ///   - seed: of every bootstrap.
  /// - Throws: `MetricError` if a fold is missing or there twice, the folds of a site are not of
  ///   the same images, or surface distances have different tolerances; `TorchError` if resampling
  ///   fails.
  package init(
    folds: [FoldResult], description: StudyDescription, resamples: Int = 2000, seed: UInt64 = 0
  ) throws {
    let table = try StudyTable(folds, methods: description.methods.map(\.name))
    // With one thread, the sums of products do not depend on the number of threads.
    let statistics = try Machine.withThreads(1) {
      try StudyStatistics(table, resamples: resamples, seed: seed)
    }
    format = Self.formatName
    version = Self.formatVersion
    study = description.study
    self.description = description.text
    methods = description.methods
    seeds = table.seeds
    sites = table.sites.map(Site.init)
    `protocol` = Rules(
      threshold: description.threshold, tolerance: table.tolerance, distanceUnit: description.distanceUnit,
      selection: description.selection, leakage: description.leakage, resamples: resamples)
    scores = statistics.scores
    trivial = Trivial.rows(table)
    findings = table.findings
    pooled = try Self.pooled(table.folds, methods: table.methods, sites: table.sites.map(\.name))
    differences = statistics.differences
    ranks = statistics.ranks
    recovered = statistics.recovered.isEmpty ? nil : statistics.recovered
    strata = statistics.strata
    self.folds = table.folds.map(Fold.init)
    counterfactual = description.counterfactual
    data = description.data
    settings = description.settings
    environment = description.environment
  }

  /// Returns the scores of one method at a site; over the sites if `site` is nil.
  package func score(_ method: String, site: String? = nil) -> Score? {
    scores.first { $0.method == method && $0.site == site }
  }

  /// Returns one pair of methods by one metric at a site; over the sites if `site` is nil.
  package func difference(
    _ candidate: String, _ reference: String, metric: Metric = .dice, site: String? = nil
  ) -> Difference? {
    differences.first {
      $0.candidate == candidate && $0.reference == reference && $0.metric == metric && $0.site == site
    }
  }
}

/// The facts of a study that its folds do not contain.
package struct StudyDescription: Sendable {
  /// The kind of study: `demo`, `loso`, `ablate-depth`.
  package var study: String
  /// A description of the study and its data, in a few sentences.
  package var text: String
  /// The methods in the order of display; the first is the reference of the others.
  package var methods: [StudyResults.Method]
  /// The rule of lesion pixels; nil if it differs between runs.
  package var threshold: MaskThreshold? = 0.5
  /// The unit of distances.
  package var distanceUnit = "px"
  /// Whether the study checked for the same patients or images across sites, and the result.
  package var leakage = "not checked"
  /// How the epoch was chosen, and settings if there was a choice.
  package var selection = "epoch of the \(EpochSelection.markedDice.rule)"
  /// The change of predictions under interventions, by method.
  package var counterfactual: [String: Counterfactual.Summary]?
  /// A hash of each site's images and masks.
  package var data: [String: String] = [:]
  /// The settings that all folds share, by dotted name, without folders of this machine.
  package var settings: [String: JSONValue] = [:]
  /// The software and hardware.
  package var environment: StudyResults.Environment

  /// Makes a description; other values have defaults.
  package init(
    study: String, text: String, methods: [StudyResults.Method], environment: StudyResults.Environment
  ) {
    self.study = study
    self.text = text
    self.methods = methods
    self.environment = environment
  }
}
