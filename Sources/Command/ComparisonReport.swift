import Foundation
import Metrics
import Statistics
import Storage
import Studies
import Training

/// The comparison of runs on the same images, as `mcdrl compare` prints it.
struct ComparisonReport: Encodable {
  /// The evaluations of the runs of an arm.
  struct ArmScores {
    let name: String
    var evaluations: [(run: String, evaluation: Evaluation)]
  }

  /// How one arm predicts, and what it knows of the images.
  struct Arm: Encodable {
    let name: String
    let runs: [String]
    let method: String
    /// The settings of inference; nil if they differ between its runs.
    @Nullable private(set) var inference: InferenceConfiguration?
    /// The number of images that a run was trained on, by site.
    let trainedCounts: [String: Int]
    /// The parts of the members of an ensemble, by site; nil for other runs.
    let members: [String: [MemberPart]]?

    init(_ scores: ArmScores) {
      let all = scores.evaluations.map(\.evaluation)
      name = scores.name
      runs = scores.evaluations.map(\.run).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
      method = all.first?.method ?? ""
      inference = all.first.flatMap { first in
        all.allSatisfy { $0.inference == first.inference } ? first.inference : nil
      }
      trainedCounts = Dictionary(all.map { ($0.site, $0.trainedCount) }, uniquingKeysWith: max)
      let parts = all.compactMap { one in one.members.map { (one.site, $0) } }
      members = parts.isEmpty ? nil : Dictionary(parts, uniquingKeysWith: +)
    }

    enum CodingKeys: String, CodingKey {
      case name, runs, method, inference, members
      case trainedCounts = "n_trained_on"
    }
  }

  /// The arms, in the order of the call.
  let arms: [Arm]
  /// The scores and differences.
  let comparison: RunComparison
  /// How intervals and tests are computed.
  let rules: String
  private let unit: String

  private enum CodingKeys: String, CodingKey {
    case arms, sites, scores, differences
    case rules = "protocol"
  }

  /// Compares arms.
  ///
  /// - Parameters:
  ///   - scores: the arms with the evaluations of their runs.
  ///   - seed: the seed of the resampling.
  /// - Throws: `StudyError.otherImages` if the runs were scored on different images, or `TorchError`.
  init(_ scores: [ArmScores], seed: UInt64) throws {
    let names = (scores.first?.evaluations ?? []).map(\.evaluation.site)
      .reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    arms = scores.map(Arm.init)
    comparison = try RunComparison(
      names.map { site in
        RunComparison.Place(
          site: site,
          arms: scores.map { arm in
            let own = arm.evaluations.map(\.evaluation).filter { $0.site == site }
            return (name: arm.name, runs: own.map(FoldResult.Image.images))
          })
      }, seed: seed)
    unit =
      scores.first?.evaluations.first?.evaluation.model.distanceUnit?.rawValue ?? DistanceUnit.pixels.rawValue
    rules = RunComparison.rules
  }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(arms, forKey: .arms)
    try values.encode(comparison.sites, forKey: .sites)
    try values.encode(comparison.scores, forKey: .scores)
    try values.encode(comparison.differences, forKey: .differences)
    try values.encode(rules, forKey: .rules)
  }

  /// The tables of each site, of the mean over several, and how they were computed.
  var text: String {
    let several = comparison.sites.count > 1
    let places = comparison.sites.map(section) + (several ? [overall] : [])
    return places.joined(separator: "\n\n") + "\n\n\(rules)\n"
  }

  private func section(_ site: RunComparison.Site) -> String {
    let familiar = arms.compactMap { arm -> String? in
      guard let count = arm.trainedCounts[site.site], count > 0 else { return nil }
      let members = arm.members?[site.site].flatMap {
        MemberPart.sentence($0, at: site.site, of: site.images)
      }
      return "familiar: \(arm.name) was trained on \(count) of the \(counted(site.images, "image"))"
        + (members.map { "; \($0)" } ?? "")
    }
    let unit = site.groups == site.images ? "image" : "patient or sequence"
    let units = site.groups == site.images ? "" : ", \(site.groups) patients or sequences"
    let classes = site.images == site.count ? "" : " in \(counted(site.images, "image")) of several classes"
    let title =
      "site \(site.site), n = \(site.count)\(classes), \(site.countWithLesion) with a lesion\(units); "
      + "95 % intervals over each \(unit)"
    return ([title] + familiar + tables(at: site.site)).joined(separator: "\n")
  }

  private var overall: String {
    (["mean over \(comparison.sites.count) sites"] + tables(at: nil)).joined(separator: "\n")
  }

  private func tables(at site: String?) -> [String] {
    let scores = Console.table(
      ["mean over images"] + comparison.arms,
      PairedMeasure.allCases.map { measure in
        [title(measure)]
          + comparison.arms.map { comparison.score($0, site: site)?.means[measure]?.text ?? "–" }
      })
    let own = comparison.differences.filter { $0.site == site }
    let pairs = own.map { [$0.candidate, $0.reference] }.reduce(into: [[String]]()) {
      if !$0.contains($1) { $0.append($1) }
    }
    return [scores]
      + pairs.map { pair in
        let rows = own.filter { [$0.candidate, $0.reference] == pair }.map { row in
          [
            title(row.measure), row.difference.signedText, format(row.wilcoxon?.p, 4),
            format(row.wilcoxon?.holm, 4), "\(row.wins)", "\(row.ties)", "\(row.losses)",
          ]
        }
        return "\n"
          + Console.table(
            ["\(pair[0]) minus \(pair[1])", "difference", "p", "p (Holm)", "better", "same", "worse"], rows)
      }
  }

  private func title(_ measure: PairedMeasure) -> String {
    measure == .hd95 ? "\(measure.title) (\(unit))" : measure.title
  }
}
