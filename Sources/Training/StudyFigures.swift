import Datasets
import Evaluation
import Foundation
import MCDRL
import Torch

/// Computes the figures of a leave-one-site-out study from its finished runs and keeps them in its folder.
///
/// Writes `figures/features.json`, `attention.json`, `gallery.json` with JPEG files, and `cost.json`; a report needs no
/// run, weight or image afterwards (`StoredFigures`). A figure that is there already and was computed from the same
/// runs is left alone.
public struct StudyFigures: Sendable {
  /// A finished run: its scores and its folder.
  public struct Run: Sendable {
    /// Site, method, seed and scores.
    public let result: FoldResult
    /// Settings and weights.
    public let directory: RunDirectory

    /// Joins the parts.
    public init(result: FoldResult, directory: RunDirectory) {
      self.result = result
      self.directory = directory
    }
  }

  /// How many images the feature map takes at most, evenly from all sites.
  public var featureLimit = 1500
  /// The longer side of the gallery's pictures, pixels.
  public var pictureSize = 320
  /// Passes that are timed for the latency.
  public var latencyPasses = 21
  /// Told what is being computed.
  public var progress: @Sendable (String) -> Void = { _ in }

  private let folder: URL
  private let catalog: SiteCatalog
  private let candidate: String
  private let runs: [Run]

  /// Describes a study.
  ///
  /// - Parameters:
  ///   - study: its folder; figures go into `figures` in it.
  ///   - catalog: the sites.
  ///   - candidate: the method whose representation and attention are shown, and that others are compared with.
  ///   - runs: the finished runs, in the order in which methods are to be shown.
  /// - Throws: `ConfigurationError` when no run is of the candidate.
  public init(study: URL, catalog: SiteCatalog, candidate: String, runs: [Run]) throws {
    guard runs.contains(where: { $0.result.method == candidate }) else {
      throw ConfigurationError("\(study.path): no finished run of the method \(candidate)")
    }
    folder = study.appendingPathComponent("figures")
    self.catalog = catalog
    self.candidate = candidate
    self.runs = runs
  }

  /// Finds the finished runs of a study: those that hold a `fold.json`, below `runs/SITE/`.
  ///
  /// - Parameter study: its folder.
  /// - Returns: by site, then by name.
  /// - Throws: `FileError` that names what cannot be read.
  public static func runs(of study: URL) throws -> [Run] {
    throw ConfigurationError("not yet")
  }

  /// Computes and writes what is missing or was computed from other runs.
  ///
  /// - Parameter features: what the frozen tower makes of the sites' images, where that is kept; nil runs the tower.
  /// - Returns: all figures of the study.
  /// - Throws: an error that names the file.
  @discardableResult
  public func compute(features: FeatureStore? = nil) throws -> StoredFigures {
    throw ConfigurationError("not yet")
  }
}

extension TrainingCurve {
  /// Reads the epochs of a run.
  ///
  /// - Throws: `FileError` or `DatasetError.badCatalog` that names the file.
  public init(_ run: StudyFigures.Run) throws {
    let epochs = try JSONLines.read(
      run.directory.metricsFile, as: EpochMetrics.self, expected: "the metrics of an epoch")
    self.init(
      method: run.result.method, site: run.result.site, seed: run.result.seed,
      chosen: epochs.last { $0.best }?.epoch,
      epochs: epochs.map {
        Epoch(number: $0.epoch, segmentation: $0.segmentation, validationDice: $0.validationDice)
      })
  }
}
