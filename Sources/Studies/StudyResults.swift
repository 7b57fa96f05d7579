import Metrics
import Statistics
import Storage
import Torch
import Training

/// What a study came to: any methods, seeds and held-out sites, with their statistics; `results.json`.
///
/// Holds no time and no date, so that the same folds give the same bytes; see ``StudyTiming``.
/// `docs/reference/results-format.md` explains every key to a reader, and
/// `docs/reference/results.schema.json` to a program.
package struct StudyResults: Codable, Equatable, Sendable {
  /// The value of `format` in every file.
  package static let formatName = "mcdrl-results"
  /// The version of the format that is written.
  package static let formatVersion = 1

  /// ``formatName``.
  package let format: String
  /// ``formatVersion`` of the software that wrote it.
  package let version: Int
  /// The kind of study: `demo`, `loso`, `ablate-depth`.
  package let study: String
  /// What was done with which data, in a few sentences.
  package let description: String
  /// The methods; the first is the reference of the others.
  package let methods: [Method]
  /// The seeds, rising.
  package let seeds: [UInt64]
  /// The held-out sites.
  package let sites: [Site]
  /// The rules by which images were scored and figures made.
  package let `protocol`: Rules
  /// Every method at every site, then over the sites.
  package let scores: [Score]
  /// Lesions found, calibration and the polyp protocol of every method at every site, then over the sites.
  package let pooled: [Pooled]
  /// Pairs of methods by metric, at every site, then over the sites.
  package let differences: [Difference]
  /// How firm the order of the methods is; nil for one method.
  @Nullable package private(set) var ranks: RankStability?
  /// Figures by lesion class, lesion size and empty reference.
  package let strata: [Stratum]
  /// The trained models.
  package let folds: [Fold]
  /// Movement of predictions under interventions on the same scenes, by method; nil where it was not asked.
  @Nullable package private(set) var counterfactual: [String: Counterfactual.Summary]?
  /// A hash of each site's images and masks.
  package let data: [String: String]
  /// The settings that all folds share, by dotted name.
  package let settings: [String: JSONValue]
  /// What it was made with.
  package let environment: Environment

  /// Computes the statistics of a study.
  ///
  /// - Parameters:
  ///   - folds: one result for every site, method and seed, in any order; sites stay in the order in which they
  ///     come.
  ///   - description: what the folds do not say.
  ///   - resamples: of every bootstrap.
  ///   - seed: of every bootstrap.
  /// - Throws: `MetricError` when a fold is missing or there twice, the folds of a site are not of the same images, or
  ///   surface distances were taken at different tolerances; `TorchError` when resampling fails.
  package init(
    folds: [FoldResult], description: StudyDescription, resamples: Int = 2000, seed: UInt64 = 0
  ) throws {
    let table = try StudyTable(folds, methods: description.methods.map(\.name))
    // The sums of products then do not depend on how many threads share them.
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
    pooled = try Self.pooled(table.folds, methods: table.methods, sites: table.sites.map(\.name))
    differences = statistics.differences
    ranks = statistics.ranks
    strata = statistics.strata
    self.folds = table.folds.map(Fold.init)
    counterfactual = description.counterfactual
    data = description.data
    settings = description.settings
    environment = description.environment
  }

  /// The scores of one method at a site; over the sites when `site` is nil.
  package func score(_ method: String, site: String? = nil) -> Score? {
    scores.first { $0.method == method && $0.site == site }
  }

  /// One pair of methods by one metric at a site; over the sites when `site` is nil.
  package func difference(
    _ candidate: String, _ reference: String, metric: Metric = .dice, site: String? = nil
  ) -> Difference? {
    differences.first {
      $0.candidate == candidate && $0.reference == reference && $0.metric == metric && $0.site == site
    }
  }
}

/// What the folds of a study do not say of it.
package struct StudyDescription: Sendable {
  /// The kind of study: `demo`, `loso`, `ablate-depth`.
  package var study: String
  /// What was done with which data, in a few sentences.
  package var text: String
  /// The methods in the order they are shown; the first is the reference of the others.
  package var methods: [StudyResults.Method]
  /// From which probability on a pixel is lesion.
  package var threshold = 0.5
  /// The unit of distances.
  package var distanceUnit = "px"
  /// Whether patients or pictures were looked for on both sides of the border between sites, and what was found.
  package var leakage = "not checked"
  /// How the epoch, and settings where there was a choice, were chosen.
  package var selection = "epoch of the highest mean Dice on the source sites' validation split"
  /// Movement of predictions under interventions, by method.
  package var counterfactual: [String: Counterfactual.Summary]?
  /// A hash of each site's images and masks.
  package var data: [String: String] = [:]
  /// The settings that all folds share, by dotted name, without folders of this machine.
  package var settings: [String: JSONValue] = [:]
  /// What it was made with.
  package var environment: StudyResults.Environment

  /// Describes a study; the rest has defaults.
  package init(
    study: String, text: String, methods: [StudyResults.Method], environment: StudyResults.Environment
  ) {
    self.study = study
    self.text = text
    self.methods = methods
    self.environment = environment
  }
}
