import Datasets
import Foundation
import Metrics
import Storage
import Torch

/// The choice of a rule of masks on validation images of the source sites (ours); `mask-rule.json`.
///
/// First the threshold is chosen, without cleaning. Then, at this threshold, the largest hole and
/// the smallest lesion are chosen together. The highest score wins, and of equal ones the simplest
/// rule. The score is that of `selection` at each image's own size, a mean over images at each site
/// and then over the sites. No image of another site is read.
package struct MaskTuning: Codable, Equatable, Sendable {
  /// A rule and its score.
  package struct Candidate: Codable, Equatable, Sendable {
    /// The rule of lesion pixels.
    package let threshold: MaskThreshold
    /// The area of the smallest lesion, in per mille of the image.
    package let smallestLesion: Double
    /// The area of the largest hole that is filled, in per mille of the image.
    package let fillHoles: Double
    /// The mean score over the sites; nil if no site defines it.
    @Nullable package private(set) var score: Double?
    /// The score at each site that defines it.
    package let sites: [String: Double]

    /// The rule.
    package var rule: MaskRule {
      MaskRule(threshold, smallestLesion: smallestLesion, fillHoles: fillHoles)
    }

    init(_ rule: MaskRule, sites: [String: Double]) {
      (threshold, smallestLesion, fillHoles) = (rule.threshold, rule.smallestLesion, rule.fillHoles)
      self.sites = sites
      // In the order of the names, so that the sum has the same last bits everywhere.
      let values = sites.keys.sorted().compactMap { sites[$0] }
      score = values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    enum CodingKeys: String, CodingKey {
      case threshold, score, sites
      case smallestLesion = "smallest_lesion"
      case fillHoles = "fill_holes"
    }
  }

  /// The score that chose.
  package let selection: EpochSelection
  /// The number of validation images of each site.
  package let images: [String: Int]
  /// All rules that were compared: first the thresholds, then the cleaning.
  ///
  /// The simplest comes first.
  package let candidates: [Candidate]
  /// The rule that was chosen.
  package let chosen: Candidate

  /// The thresholds that are compared, the simplest first.
  package static let thresholds: [MaskThreshold] = [
    0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8, 0.15, 0.85, 0.1, 0.9, .dice,
  ]
  /// The smallest lesions that are compared, in per mille of the image.
  package static let smallestLesions = [0, 0.2, 0.5, 1, 2, 5]
  /// The largest holes that are compared, in per mille of the image.
  package static let holes: [Double] = [0, 1, 10, 1000]

  /// The combinations of holes and lesions, the simplest first: nothing, then one part, then both.
  static let cleanings: [(fillHoles: Double, smallestLesion: Double)] = {
    let all = holes.flatMap { hole in smallestLesions.map { (fillHoles: hole, smallestLesion: $0) } }
    func parts(_ item: (fillHoles: Double, smallestLesion: Double)) -> Int {
      (item.fillHoles > 0 ? 1 : 0) + (item.smallestLesion > 0 ? 1 : 0)
    }
    return (0...2).flatMap { count in all.filter { parts($0) == count } }
  }()

  /// A gain below this is a tie, because sums differ in their last bits.
  private static let tie = 1e-9

  /// Compares rules.
  ///
  /// - Parameters:
  ///   - predictor: computes the probabilities; its own rule does not matter.
  ///   - samples: the validation images.
  ///   - progress: called with the number of finished passes over an image and of all, from any thread.
  /// - Throws: `MaskTuningError`, or an error that names an image.
  package init(
    _ predictor: Predictor, on samples: [Sample],
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    guard !samples.isEmpty else { throw MaskTuningError.noImages }
    let selection = predictor.configuration.selection
    let done = Tally()
    func compare(_ rules: [MaskRule]) throws -> [Candidate] {
      let counts = try concurrentMap(count: samples.count, on: predictor.device) { index in
        let counts = try predictor.overlaps(samples[index], by: rules)
        progress(done.add(), 2 * samples.count)
        return counts
      }
      let rows = Dictionary(grouping: samples.indices) { samples[$0].site }
      return rules.indices.map { column in
        Candidate(
          rules[column],
          sites: rows.compactMapValues { rows in
            selection.score(rows.map { counts[$0][column] }, batchSize: 1)
          })
      }
    }
    let thresholds = try compare(Self.thresholds.map { MaskRule($0) })
    guard let first = Self.best(thresholds) else { throw MaskTuningError.noLesion(images: samples.count) }
    // The rule without cleaning is among the first already.
    let cleanings = try compare(
      Self.cleanings.dropFirst().map {
        MaskRule(first.threshold, smallestLesion: $0.smallestLesion, fillHoles: $0.fillHoles)
      })
    self.selection = selection
    images = Dictionary(grouping: samples, by: \.site).mapValues(\.count)
    candidates = thresholds + cleanings
    chosen = Self.best([first] + cleanings) ?? first
  }

  /// Returns the first candidate of the highest score; nil if no score is defined.
  static func best(_ candidates: [Candidate]) -> Candidate? {
    candidates.reduce(nil as Candidate?) { best, next in
      guard let score = next.score else { return best }
      guard let own = best?.score else { return next }
      return score > own + tie ? next : best
    }
  }

  /// Reads the choice of a run; nil if it made none.
  ///
  /// - Throws: `RunError.unreadable` that names the file if it is damaged, `FileError` if the system
  ///   cannot read it.
  package static func stored(in run: RunFolder) throws -> MaskTuning? {
    guard FileManager.default.fileExists(atPath: run.maskRuleFile.path) else { return nil }
    do {
      let data = try Data(file: run.maskRuleFile, limit: Data.documentLimit)
      return try JSONDecoder().decode(MaskTuning.self, from: data)
    } catch  where !(error is FileError) {
      throw RunError.unreadable(run.maskRuleFile)
    }
  }
}

extension MaskTuning {
  /// The fewest validation images of a site whose choice is taken without a remark.
  static let fewImages = 20

  /// What makes the choice uncertain, a sentence each.
  package var remarks: [String] {
    var found: [String] = []
    let few = images.filter { $0.value < Self.fewImages }.keys.sorted()
    if !few.isEmpty {
      found.append(
        "fewer than \(Self.fewImages) validation images at \(few.joined(separator: ", ")): another draw of images may "
          + "choose another rule")
    }
    if chosen.threshold == .fixed(0.1) || chosen.threshold == .fixed(0.9) {
      found.append(
        "the threshold \(chosen.threshold) is the last one that was compared: the probabilities are far from "
          + "calibrated, and mcdrl calibrate shows how far")
    }
    if chosen.smallestLesion == Self.smallestLesions.max() {
      found.append(
        "the smallest lesion of \(chosen.smallestLesion) ‰ is the largest that was compared: look whether small lesions "
          + "are lost")
    }
    return found
  }
}

/// The reason why no rule of masks can be chosen.
public enum MaskTuningError: Error, Equatable, CustomStringConvertible {
  /// There is no validation image.
  case noImages
  /// No validation image has a lesion.
  case noLesion(images: Int)

  /// One or two lines with the fix.
  public var description: String {
    switch self {
    case .noImages:
      "there is no validation image to choose a rule of masks by; train with validationShare above 0, with --init also "
        + "on images that the earlier run did not read, or state inference.threshold"
    case .noLesion(let images):
      "no validation image of \(images) has a lesion, so no rule of masks is better than another; state "
        + "inference.threshold"
    }
  }
}

extension RunFolder {
  /// The file of the choice of the rule of masks.
  package var maskRuleFile: URL { url.appendingPathComponent("mask-rule.json") }
}

extension Predictor {
  /// Counts the pixels of a sample at its own size, by each of several rules.
  ///
  /// - Parameters:
  ///   - sample: an image. Without a mask the reference is empty.
  ///   - rules: the rules.
  /// - Returns: one table for each rule.
  /// - Throws: an error that names the file.
  func overlaps(_ sample: Sample, by rules: [MaskRule]) throws -> [OverlapCounts] {
    let (probability, truth) = try predict(sample, cached: nil)
    let reference = try BinaryMask(truth)
    var last: (threshold: MaskThreshold, mask: BinaryMask)?
    return try rules.map { rule in
      let known = last?.threshold == rule.threshold ? last?.mask : nil
      let mask = try known ?? BinaryMask(rule.threshold.mask(probability))
      last = (rule.threshold, mask)
      return try OverlapCounts(
        prediction: rule.isThresholdAlone ? mask : rule.cleaned(mask), reference: reference)
    }
  }
}
