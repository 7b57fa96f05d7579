import Datasets
import Foundation
import Metrics
import Statistics
import Storage
import Training

/// Arms beside each other at one site, image by image.
///
/// An arm may have several runs: the seeds, and the folds of a study. Its score of an image is their
/// mean. Patients or sequences are resampled; the image counts as one if none is stated.
package struct SiteComparison: Codable, Equatable, Sendable {
  /// The scores of one arm.
  package struct Arm: Codable, Equatable, Sendable {
    /// The name.
    package let name: String
    /// The number of runs.
    package let runs: Int
    /// The settings of inference; nil if they differ between its runs.
    @Nullable package private(set) var inference: InferenceConfiguration?
    /// The mean Dice over all images.
    package let dice: Interval
    /// The mean Dice over the images with a lesion; nil without such images.
    @Nullable package private(set) var diceWithLesion: Interval?

    enum CodingKeys: String, CodingKey {
      case name, runs, inference, dice
      case diceWithLesion = "dice_with_lesion"
    }
  }

  /// The difference of an arm to the first one, paired by image.
  package struct Difference: Codable, Equatable, Sendable {
    /// The arm.
    package let candidate: String
    /// The first arm.
    package let reference: String
    /// The difference of mean Dice over all images.
    package let dice: Interval
  }

  /// The site.
  package let site: String
  /// The number of images; with several classes, an image counts once for each.
  package let images: Int
  /// The number of different images.
  package let differentImages: Int
  /// The number of patients or sequences.
  package let groups: Int
  /// The arms, in the order of the call.
  package let arms: [Arm]
  /// The differences of the other arms to the first.
  package let differences: [Difference]
  /// The mean Dice of predictors that ignore the image, by name.
  package let trivial: [String: Double]

  enum CodingKeys: String, CodingKey {
    case site, images, groups, arms, differences, trivial
    case differentImages = "n_images"
  }

  /// The settings of inference that all evaluations share.
  private static func common(_ evaluations: [Evaluation]) -> InferenceConfiguration? {
    guard let first = evaluations.first?.inference else { return nil }
    return evaluations.allSatisfy { $0.inference == first } ? first : nil
  }

  /// Compares the evaluations of arms at one site.
  ///
  /// - Parameters:
  ///   - arms: the name of each arm, and the evaluations of its runs on the same images; none is empty.
  ///   - seed: the seed of the resampling.
  /// - Throws: `StudyError.otherImages` if the evaluations are of different images, or `TorchError`.
  package init(_ arms: [(name: String, evaluations: [Evaluation])], seed: UInt64 = 0) throws {
    guard let first = arms.first?.evaluations.first else { throw StudyError.empty }
    let samples = first.images.map(\.sample)
    let names = first.images.map(\.className)
    for evaluation in arms.flatMap(\.evaluations)
    where evaluation.images.map(\.sample) != samples || evaluation.images.map(\.className) != names {
      throw StudyError.otherImages(site: first.site)
    }
    let place = RunComparison.Place(
      site: first.site, arms: arms.map { ($0.name, $0.evaluations.map(FoldResult.Image.images)) })
    let found = try RunComparison([place], seed: seed)
    site = first.site
    images = samples.count
    differentImages = found.sites.first?.images ?? 0
    groups = found.sites.first?.groups ?? 0
    self.arms = arms.compactMap { arm in
      let means = found.score(arm.name, site: place.site)?.means
      return means?[.dice].map {
        Arm(
          name: arm.name, runs: arm.evaluations.count, inference: Self.common(arm.evaluations), dice: $0,
          diceWithLesion: means?[.diceWithLesion])
      }
    }
    differences = found.differences.filter { $0.measure == .dice && $0.reference == arms[0].name }.map {
      Difference(candidate: $0.candidate, reference: $0.reference, dice: $0.difference)
    }
    trivial = first.trivial.compactMapValues { $0.metrics[.dice]?.mean }
  }
}

extension FoldResult.Image {
  /// Returns the images of an evaluation.
  package static func images(_ evaluation: Evaluation) -> [FoldResult.Image] {
    evaluation.images.map {
      FoldResult.Image($0.sample, className: $0.className, scores: $0.scores)
    }
  }
}
