import Datasets
import Metrics
import Statistics
import Storage
import Torch

extension Counterfactual {
  /// Arms beside each other at one site under do(z), image by image (ours).
  ///
  /// All arms see the same draws. An arm may have several runs; its score of an image is their mean.
  /// Patients or sequences are resampled; the image counts as one if none is stated.
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

      /// Averages a difference for each image and confounder.
      ///
      /// - Parameters:
      ///   - values: the differences of each image, by confounder; at least one of each.
      ///   - names: the confounders.
      ///   - images: the images.
      /// - Throws: `MetricError.noCases` if there are none, or `TorchError`.
      init(_ values: [[Double]], of names: [String], over images: ImageGroups) throws {
        func interval(_ values: [Double]) throws -> Interval {
          guard let found = try images.mean(values) else {
            throw MetricError.noCases("a comparison under do(z)")
          }
          return found
        }
        rows = try names.indices.map { column in
          Effect(confounder: names[column], dice: try interval(values.map { $0[column] }))
        }
        mean = try interval(values.map { $0.reduce(0, +) / Double(max(1, $0.count)) })
      }
    }

    /// The agreement of the predictions without and under one confounder.
    package struct Agreement: Encodable, Equatable, Sendable {
      /// The confounder.
      package let confounder: String
      /// The mean IoU over the images where one of the two marks something; nil if none does.
      @Nullable package private(set) var iou: Double?
      /// The number of these images, over all runs.
      package let count: Int

      /// Averages over scores.
      ///
      /// - Parameters:
      ///   - confounder: the confounder.
      ///   - scores: its scores on images, of one or several runs.
      init(_ confounder: String, of scores: [Score]) {
        let marked = scores.filter { !$0.isUnmarked }.map(\.agreement)
        self.confounder = confounder
        iou = marked.isEmpty ? nil : marked.reduce(0, +) / Double(marked.count)
        count = marked.count
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

      enum CodingKeys: String, CodingKey {
        case name, runs, summary, change
        case sameMasks = "same_masks"
      }
    }

    /// Dice under do(z) of an arm minus that of the first one.
    package struct Difference: Encodable, Equatable, Sendable {
      /// The arm.
      package let candidate: String
      /// The first arm.
      package let reference: String
      /// The differences.
      package let under: Differences

      enum CodingKeys: String, CodingKey {
        case candidate, reference
        case under = "dice_under"
      }
    }

    /// The site.
    package let site: String
    /// The number of images.
    package let images: Int
    /// The number of patients or sequences.
    package let groups: Int
    /// The interventions on the images.
    package let interventions: Setting
    /// The arms, in the order of the call.
    package let arms: [Arm]
    /// The differences of the other arms to the first.
    package let differences: [Difference]

    enum CodingKeys: String, CodingKey {
      case site, groups, interventions, arms, differences
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
      guard let first = arms.first?.runs.first else { throw StudyError.empty }
      let (samples, names) = (first.samples, setting.applied.map(\.confounder))
      for run in arms.flatMap(\.runs) {
        let isComplete =
          run.scores.count == samples.count && run.scores.allSatisfy { $0.map(\.confounder) == names }
        guard run.samples == samples, isComplete else { throw StudyError.otherImages(site: site) }
      }
      let grouped = ImageGroups(samples, seed: setting.seed)
      // By arm, image and confounder: the mean over the runs.
      func means(_ runs: [SiteScores], _ value: (Score) -> Double) -> [[Double]] {
        samples.indices.map { image in
          names.indices.map { column in
            runs.map { value($0.scores[image][column]) }.reduce(0, +) / Double(max(1, runs.count))
          }
        }
      }
      func differences(_ first: [[Double]], minus second: [[Double]]) throws -> Differences {
        let values = zip(first, second).map { zip($0, $1).map { $0 - $1 } }
        return try Differences(values, of: names, over: grouped)
      }
      let under = arms.map { means($0.runs) { $0.after.dice } }
      self.site = site
      images = samples.count
      groups = grouped.count
      interventions = setting
      self.arms = try zip(arms, under).map { arm, under in
        let entries = arm.runs.map(\.entry)
        return Arm(
          name: arm.name, runs: entries, summary: try Summary(meanOf: entries.map(\.summary)),
          change: try differences(under, minus: means(arm.runs) { $0.before.dice }),
          sameMasks: names.indices.map { column in
            Agreement(names[column], of: arm.runs.flatMap { $0.scores.map { $0[column] } })
          })
      }
      self.differences = try zip(arms, under).dropFirst().map { arm, values in
        Difference(
          candidate: arm.name, reference: arms[0].name, under: try differences(values, minus: under[0]))
      }
    }

    /// The meaning of the columns of its tables.
    package static let legend =
      "Dice and IoU with the reference without do(z) and under it, and the change; same masks: IoU of the "
      + "predictions without and under, where one of the two marks something; where do(z) moves the image, "
      + "reference and prediction move with it; Dice and IoU of two empty masks: 1"
  }
}
