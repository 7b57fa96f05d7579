import CLIP
import Foundation
import Metrics
import Statistics
import Storage
import Training

/// The scores of a study's method at every held-out site, as evidence for a model of the same
/// settings.
///
/// A model of all sites has no site left to be scored at. The models of a study that held each site
/// out in turn say what to expect of it at a new one.
package struct StudyEvidence: Encodable, Equatable, Sendable {
  /// The kind of study.
  package let study: String
  /// The arm with the settings of the run.
  package let method: String
  /// The seeds, in increasing order.
  package let seeds: [UInt64]
  /// The scores at each site, then over the sites.
  package let rows: [Row]
  /// Settings that may differ and do, such as "epochs was 60, is 40".
  package let differences: [String]
  /// Training sites of the run whose images are not those of the study.
  package let otherImages: [String]
  /// The training sites of the run that the study does not have, and the reverse.
  package let otherSites: [String]
  /// How the epochs were chosen.
  package let selection: String
  /// How the intervals were computed.
  package let intervals: String
  /// Whether the study searched for the same patients or images across sites, and the result.
  package let leakage: String
  /// The unit of distances.
  package let unit: String

  enum CodingKeys: String, CodingKey {
    case study, method, seeds, rows, differences, selection, intervals, leakage, unit
    case otherImages = "other_images"
    case otherSites = "other_sites"
  }

  /// The scores at a held-out site, or over the sites.
  package struct Row: Encodable, Equatable, Sendable {
    /// The site; nil for the mean over the sites.
    @Nullable package private(set) var site: String?
    /// The number of images.
    package let count: Int
    /// The number of patients or sequences; nil over the sites.
    @Nullable package private(set) var groups: Int?
    /// Mean Dice.
    @Nullable package private(set) var dice: Interval?
    /// Mean Dice over the images with a lesion.
    @Nullable package private(set) var diceWithLesion: Interval?
    /// Mean IoU.
    @Nullable package private(set) var iou: Interval?
    /// Mean 95th percentile Hausdorff distance over images with a lesion and a mark.
    @Nullable package private(set) var hd95: Interval?
    /// The best mean Dice of a predictor that ignores the image; nil if not scored.
    @Nullable package private(set) var trivial: Double?

    enum CodingKeys: String, CodingKey {
      case site, groups, dice, iou, hd95, trivial
      case count = "n"
      case diceWithLesion = "dice_with_lesion"
    }

    init?(_ results: StudyResults, _ method: String, site: String?) {
      guard let score = results.score(method, site: site) else { return nil }
      count = score.count
      self.site = site
      groups = site.flatMap { name in results.sites.first { $0.name == name }?.groups }
      dice = score[.dice]?.interval
      diceWithLesion = score.diceWithLesion.interval
      iou = score[.iou]?.interval
      hd95 = score.metricsWithLesion[.hd95]?.interval
      trivial = results.trivial(at: site).map(\.dice).max()
    }
  }

  /// The row over the sites.
  package var overall: Row? { rows.first { $0.site == nil } }

  /// The sites with the lowest and the highest mean Dice; nil with fewer than two sites.
  package var extremes: (lowest: Row, highest: Row)? {
    let scored = rows.filter { $0.site != nil && $0.dice != nil }
    func dice(_ row: Row) -> Double { row.dice?.value ?? 0 }
    guard scored.count > 1, let low = scored.min(by: { dice($0) < dice($1) }),
      let high = scored.max(by: { dice($0) < dice($1) })
    else { return nil }
    return (low, high)
  }

  /// Finds the arm of a study whose settings are those of a run, and takes its scores.
  ///
  /// Settings that follow from the fold, and places on a machine, may differ. So may the number of
  /// epochs, their choice, the share of validation images and the rule of masks: a model of all sites
  /// takes its epochs from the folds, and may be tuned. These differences are stated.
  ///
  /// - Parameters:
  ///   - folder: the folder of the study.
  ///   - plan: its plan.
  ///   - sites: the names of its sites.
  ///   - run: the run.
  /// - Throws: `CardError.otherStudy` with the settings that differ, or an error that names the file.
  package init(_ folder: StudyFolder, _ plan: StudyPlan, sites: [String], for run: Run) throws {
    let arm = try Self.arm(of: plan, for: run.configuration, in: folder.url)
    let results = try StudyResults(contentsOf: folder.url.appendingPathComponent("results.json"))
    let places = results.sites.map(\.name)
    rows = (places + [nil]).compactMap { Row(results, arm.arm.name, site: $0) }
    guard rows.count == places.count + 1 else {
      throw CardError.noScores(folder.url, method: arm.arm.name)
    }
    (study, method, seeds, differences) = (results.study, arm.arm.name, results.seeds, arm.differences)
    (selection, intervals) = (results.protocol.selection, results.protocol.intervals)
    (leakage, unit) = (results.protocol.leakage, results.protocol.distanceUnit)
    let own = run.configuration.sources
    otherSites = Set(own).symmetricDifference(places).subtracting([run.configuration.holdOut ?? ""]).sorted()
    let folds = plan.folds(sites: sites).filter { $0.arm == arm.arm }.map(folder.run)
    try Self.requireSameTower(run.folder, as: folds, of: folder.url)
    let trained = folds.compactMap { (try? $0.fingerprint())?.images }
    let images = try run.folder.fingerprint()?.images
    otherImages = own.filter { site in
      guard let mine = images?[site], let theirs = trained.compactMap({ $0[site] }).first else {
        return false
      }
      return mine != theirs
    }
  }

  /// Settings that follow from the fold, or are places on a machine.
  private static let free: Set = ["data", "holdOut", "sources", "seed", "clip", "device", "maxPixels"]
  /// Settings that a model of all sites may have otherwise.
  private static let stated: Set = [
    "epochs", "patience", "restarts", "selection", "validationShare", "inference.choose",
    "inference.threshold", "inference.smallestLesion", "inference.fillHoles",
  ]

  /// Returns the arm of a plan with the settings of a run.
  static func arm(
    of plan: StudyPlan, for configuration: RunConfiguration, in study: URL
  ) throws -> (arm: Arm, differences: [String]) {
    let own = try JSONValue(encoding: configuration.resolved).leaves
    var nearest: (arm: String, differences: [String])?
    for arm in plan.arms {
      for candidate in plan.candidates {
        var settings = try plan.settings(arm, candidate).resolved
        settings.inference.threshold = plan.threshold ?? settings.inference.threshold
        let leaves = try JSONValue(encoding: settings).leaves
        let names = Set(own.keys).union(leaves.keys).filter { own[$0] != leaves[$0] }.subtracting(free)
          .sorted()
        func words(_ names: [String]) -> [String] {
          names.map { "\($0) was \(leaves[$0]?.text ?? "absent"), is \(own[$0]?.text ?? "absent")" }
        }
        let refused = names.filter { !stated.contains($0) }
        if refused.isEmpty { return (arm, words(names)) }
        // Of the arms, the one of the run's own method says most about what differs.
        let isOwn = settings.model.method.name == configuration.model.method.name
        if isOwn, nearest.map({ $0.differences.count > refused.count }) ?? true {
          nearest = (arm.name, words(refused))
        }
      }
    }
    throw CardError.otherStudy(
      study, arm: nearest?.arm, differences: nearest?.differences ?? [],
      methods: plan.arms.map(\.name), own: configuration.model.method.name)
  }

  /// Checks that the folds have the image tower of the run.
  ///
  /// The side of the CLIP model's own images does not count: `imageSize` of the settings does.
  private static func requireSameTower(_ run: RunFolder, as folds: [RunFolder], of study: URL) throws {
    let own = try ClipDescription(run)
    let others = folds.lazy.compactMap { try? ClipDescription($0) }
    func tower(_ description: ClipDescription) -> CLIPConfiguration.Vision {
      var vision = description.geometry.vision
      vision.imageSize = 0
      return vision
    }
    guard let other = others.first(where: { tower($0) != tower(own) }) else { return }
    let (mine, theirs) = (
      try JSONValue(encoding: tower(own)).leaves, try JSONValue(encoding: tower(other)).leaves
    )
    let names = Set(mine.keys).union(theirs.keys).filter { mine[$0] != theirs[$0] }.sorted()
    throw CardError.otherTower(
      study,
      differences: names.map { "\($0) was \(theirs[$0]?.text ?? "absent"), is \(mine[$0]?.text ?? "absent")" }
    )
  }
}

extension StudyResults {
  /// Reads the results of a study.
  ///
  /// - Parameter file: its `results.json`.
  /// - Throws: `FileError` that names the file.
  package init(contentsOf file: URL) throws {
    let data = try Data(file: file)
    do { self = try JSONDecoder().decode(StudyResults.self, from: data) } catch {
      throw FileError.malformed(
        file, reason: "is not the results of a study: \(explanation(of: error)); write its report again")
    }
  }
}
