import Datasets
import Metrics
import Statistics
import Storage
import Torch

extension Counterfactual {
  /// Arms beside each other under do(z), image by image, at one site or in the mean over sites (ours).
  ///
  /// All arms see the same draws. An arm may have several runs; its score of an image is their mean.
  /// Patients or sequences are resampled within their site; the image counts as one if none is stated.
  package struct Comparison: Encodable, Sendable {
    /// A difference of mean Dice under one confounder.
    package struct Effect: Encodable, Equatable, Sendable {
      /// The confounder.
      package let confounder: String
      /// The difference.
      package let dice: Interval
    }

    /// Differences of mean Dice, paired by image.
    package struct Differences: Encodable, Equatable, Sendable {
      /// The difference under each confounder, in order.
      package let rows: [Effect]
      /// The mean over the confounders.
      package let mean: Interval

      /// Averages a difference for each site, image and confounder.
      ///
      /// - Parameters:
      ///   - values: the differences of each image of each site, by confounder; at least one of each.
      ///   - names: the confounders.
      ///   - images: the images of each site.
      /// - Throws: `MetricError.noCases` if there are none, or `TorchError`.
      init(_ values: [[[Double]]], of names: [String], over images: [ImageGroups]) throws {
        func interval(_ value: ([Double]) -> Double) throws -> Interval {
          let sites = zip(images, values).map { (images: $0, values: $1.map(value)) }
          guard let found = try ImageGroups.mean(over: sites) else {
            throw MetricError.noCases("a comparison under do(z)")
          }
          return found
        }
        rows = try names.indices.map { column in
          Effect(confounder: names[column], dice: try interval { $0[column] })
        }
        mean = try interval { $0.reduce(0, +) / Double(max(1, $0.count)) }
      }
    }

    /// The agreement of the predictions without and under one confounder.
    package struct Agreement: Encodable, Equatable, Sendable {
      /// The confounder.
      package let confounder: String
      /// The mean IoU over the images where one of the two marks something; nil if none does.
      ///
      /// Over several sites it is the mean of theirs.
      @Nullable package private(set) var iou: Double?
      /// The number of these images, over all runs.
      package let count: Int

      /// Averages over scores.
      ///
      /// - Parameters:
      ///   - confounder: the confounder.
      ///   - sites: its scores on the images of each site, of one or several runs.
      init(_ confounder: String, of sites: [[Score]]) {
        let marked = sites.map { $0.filter { !$0.isUnmarked }.map(\.agreement) }.filter { !$0.isEmpty }
        let means = marked.map { $0.reduce(0, +) / Double($0.count) }
        self.confounder = confounder
        iou = means.isEmpty ? nil : means.reduce(0, +) / Double(means.count)
        count = marked.joined().count
      }

      enum CodingKeys: String, CodingKey {
        case confounder
        case iou = "mean_iou"
        case count = "n"
      }
    }

    /// The scores of one arm.
    package struct Arm: Encodable, Sendable {
      /// The name.
      package let name: String
      /// The results of its runs.
      package let runs: [Entry]
      /// The mean of their summaries.
      package let summary: Summary
      /// Dice under do(z) minus Dice without.
      package let change: Differences
      /// The agreement of the predictions without and under do(z), by confounder.
      package let sameMasks: [Agreement]
      /// The confounders whose mechanisms a run of the arm withheld in training.
      package var withheld: Set<String> { Set(runs.flatMap(\.withheld)) }

      enum CodingKeys: String, CodingKey {
        case name, runs, summary, change
        case sameMasks = "same_masks"
      }
    }

    /// Dice under do(z) of an arm minus that of an earlier one.
    package struct Difference: Encodable, Equatable, Sendable {
      /// The arm.
      package let candidate: String
      /// The earlier arm.
      package let reference: String
      /// The differences.
      package let under: Differences

      enum CodingKeys: String, CodingKey {
        case candidate, reference
        case under = "dice_under"
      }
    }

    /// The scores of the arms at a site.
    package typealias AtSite = (site: String, arms: [(name: String, runs: [SiteScores])])

    /// The site; nil for the mean over several.
    package let site: String?
    /// The sites of a mean; nil for one site.
    package let sites: [String]?
    /// The number of images.
    package let images: Int
    /// The number of patients or sequences.
    package let groups: Int
    /// The interventions on the images.
    package let interventions: Setting
    /// The arms, in the order of the call.
    package let arms: [Arm]
    /// The differences of every pair of arms, first those to the first arm.
    package let differences: [Difference]

    enum CodingKeys: String, CodingKey {
      case site, sites, groups, interventions, arms, differences
      case images = "n"
    }

    /// Compares arms at one site.
    ///
    /// - Parameters:
    ///   - site: the site.
    ///   - setting: what was done to the images; its seed is that of the resampling.
    ///   - arms: the name of each arm, and the scores of its runs on the same images; none is empty.
    /// - Throws: `StudyError.otherImages` if the scores are of different images, `StudyError.empty`
    ///   without a run, `MetricError.noCases` without an image, or `TorchError`.
    package init(at site: String, _ setting: Setting, _ arms: [(name: String, runs: [SiteScores])]) throws {
      try self.init(over: [(site: site, arms: arms)], setting)
    }

    /// Compares arms in the mean over sites.
    ///
    /// - Parameters:
    ///   - places: each site with the same arms in the same order, and the scores of their runs there.
    ///   - setting: what was done to the images; its seed is that of the resampling.
    /// - Throws: as for one site; `StudyError.empty` if an arm is missing at a site.
    package init(over places: [AtSite], _ setting: Setting) throws {
      let names = setting.applied.map(\.confounder)
      let arms = places.first?.arms.map(\.name) ?? []
      let samples = try places.map { place in
        guard let first = place.arms.first?.runs.first, place.arms.map(\.name) == arms,
          place.arms.allSatisfy({ !$0.runs.isEmpty })
        else { throw StudyError.empty }
        for run in place.arms.flatMap(\.runs) {
          let isComplete =
            run.scores.count == first.samples.count
            && run.scores.allSatisfy { $0.map(\.confounder) == names }
          guard run.samples == first.samples, isComplete else {
            throw StudyError.otherImages(site: place.site)
          }
        }
        return first.samples
      }
      guard !arms.isEmpty else { throw StudyError.empty }
      let grouped = samples.map { ImageGroups($0, seed: setting.seed) }
      // By site, image and confounder: the mean over the runs of an arm.
      func means(_ arm: Int, _ value: (Score) -> Double) -> [[[Double]]] {
        zip(places, samples).map { place, samples in
          let runs = place.arms[arm].runs
          return samples.indices.map { image in
            names.indices.map { column in
              runs.map { value($0.scores[image][column]) }.reduce(0, +) / Double(max(1, runs.count))
            }
          }
        }
      }
      func differences(_ first: [[[Double]]], minus second: [[[Double]]]) throws -> Differences {
        let values = zip(first, second).map { zip($0, $1).map { zip($0, $1).map { $0 - $1 } } }
        return try Differences(values, of: names, over: grouped)
      }
      let under = arms.indices.map { means($0) { $0.after.dice } }
      (site, sites) = places.count == 1 ? (places[0].site, nil) : (nil, places.map(\.site))
      images = samples.joined().count
      groups = grouped.map(\.count).reduce(0, +)
      interventions = setting
      self.arms = try arms.indices.map { arm in
        let runs = places.map { $0.arms[arm].runs }
        return Arm(
          name: arms[arm], runs: runs.joined().map(\.entry),
          summary: try Summary(meanOverSites: runs.map { try Summary(meanOf: $0.map(\.entry.summary)) }),
          change: try differences(under[arm], minus: means(arm) { $0.before.dice }),
          sameMasks: names.indices.map { column in
            Agreement(names[column], of: runs.map { $0.flatMap { $0.scores.map { $0[column] } } })
          })
      }
      self.differences = try arms.indices.flatMap { reference in
        try arms.indices.dropFirst(reference + 1).map { candidate in
          Difference(
            candidate: arms[candidate], reference: arms[reference],
            under: try differences(under[candidate], minus: under[reference]))
        }
      }
    }

    /// The meaning of the columns of its tables.
    package static let legend =
      "Dice and IoU with the reference without do(z) and under it, and the change; same masks: IoU of the "
      + "predictions without and under, where one of the two marks something; where do(z) moves the image, "
      + "reference and prediction move with it; Dice and IoU of two empty masks: 1"
  }
}

extension Counterfactual.Summary {
  /// Averages the summaries of sites, which count alike; numbers of images are sums.
  ///
  /// - Throws: `MetricError.noCases` if there are none.
  fileprivate init(meanOverSites sites: [Self]) throws {
    let mean = try Self(meanOf: sites)
    rows = mean.rows.map { row in
      Counterfactual.Row(
        confounder: row.confounder,
        count: sites.flatMap(\.rows).filter { $0.confounder == row.confounder }.map(\.count).reduce(0, +),
        agreement: row.agreement, worst: row.worst, diceBefore: row.diceBefore, diceAfter: row.diceAfter,
        iouBefore: row.iouBefore, iouAfter: row.iouAfter)
    }
    (agreement, worstCase) = (mean.agreement, mean.worstCase)
    scenes = sites.map(\.scenes).reduce(0, +)
  }
}
