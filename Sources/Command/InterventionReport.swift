import Datasets
import Foundation
import Statistics
import Storage
import Studies
import Training

/// The scores of runs on the images of sites without and under do(z), arm by arm.
struct InterventionReport {
  /// One comparison for each site.
  let comparisons: [Counterfactual.Comparison]
  /// The part of each site in the training of the only run; empty for several runs.
  private let roles: [String]

  /// Scores the runs, and writes `interventions-SITE.json` into their folders.
  ///
  /// In a comparison of several runs, sites that a run was trained on are left out. If the command
  /// names a study alone, its folder gets the comparison.
  ///
  /// - Parameters:
  ///   - contest: the runs, by arm.
  ///   - sites: the sites.
  ///   - plan: the interventions.
  ///   - setting: their description.
  ///   - predictor: makes the predictor of a run of an arm.
  ///   - console: receives notes and progress.
  /// - Throws: an error that names the file, or `WorkError.trainedOn`.
  init(
    _ contest: Contest, on sites: [Site], _ plan: Predictor.InterventionPlan,
    _ setting: Counterfactual.Setting,
    predictor: (Run, Contest.Arm) throws -> Predictor, _ console: Console
  ) throws {
    if let note = Self.note(contest) { console.note(note) }
    let plans = try ContestPlan(contest, at: sites, console).arms
    var roles: [String] = []
    // By arm, then by the name of the site.
    let found = try plans.map { arm, runs in
      var scores: [String: [Counterfactual.SiteScores]] = [:]
      for scoring in runs {
        let (run, own) = (scoring.run, scoring.sites)
        if contest.isSingle { roles = own.map(\.role.text) }
        let predictor = try predictor(run, arm)
        let place = contest.isSingle ? "" : "\(run.folder.url.path): "
        console.note(place + predictor.statement)
        for (site, role) in own {
          scores[site.name, default: []].append(
            try Self.scores(
              of: run, on: site, samples: run.scored(site, as: role), predictor, plan, setting, console))
        }
      }
      return (name: arm.name, scores: scores)
    }
    self.roles = roles
    comparisons = try sites.map { site in
      let arms = found.map { (name: $0.name, runs: $0.scores[site.name] ?? []) }
      let comparison = try Counterfactual.Comparison(at: site.name, setting, arms)
      try contest.write(comparison, as: "interventions-\(site.name).json")
      return comparison
    }
  }

  /// Scores a run at a site, and writes its scores into its folder.
  private static func scores(
    of run: Run, on site: Site, samples: [Sample], _ predictor: Predictor, _ plan: Predictor.InterventionPlan,
    _ setting: Counterfactual.Setting, _ console: Console
  ) throws -> Counterfactual.SiteScores {
    let bar = ProgressBar("\(site.name) under do(z)", total: samples.count)
    let scores = try predictor.counterfactualScores(samples, under: plan) {
      console.progress(bar, $0, unit: "images")
    }
    console.progress("")
    let findings = Counterfactual.findings(
      predictor.methodLabel, at: site.name, scores, trivial: try run.trivialOverlaps(samples))
    let entry = try Counterfactual.Entry(
      run, with: predictor, scores: Array(scores.joined()), site: site.name, setting: setting,
      findings: findings)
    let file = run.folder.url.appendingPathComponent("interventions-\(site.name).json")
    try run.folder.write(entry, to: file)
    return Counterfactual.SiteScores(entry, samples: samples, scores: scores)
  }

  /// States that the runs do not see equal pictures, if they do not.
  private static func note(_ contest: Contest) -> String? {
    let settings = contest.arms.flatMap(\.runs).map(\.configuration)
    guard let first = settings.first,
      settings.contains(where: {
        $0.imageSize != first.imageSize || $0.framing != first.framing
          || $0.inference.scales != first.inference.scales
      })
    else { return nil }
    return
      "note: the runs differ in imageSize, framing or inference.scales; a mechanism draws the same for all, but changes "
      + "what enters each network, so their pictures are not equal pixel by pixel"
  }

  /// Prints the tables of each site.
  func show(_ console: Console) throws {
    if console.json { return try console.result(json: comparisons) }
    for (index, comparison) in comparisons.enumerated() {
      console.result(Self.text(comparison, role: roles.indices.contains(index) ? roles[index] : nil))
    }
    console.result(Counterfactual.Comparison.legend)
    let findings = comparisons.flatMap(\.arms).flatMap(\.runs).compactMap(\.findings).joined()
    for finding in findings { console.result(finding) }
  }

  private static func text(_ comparison: Counterfactual.Comparison, role: String?) -> String {
    let setting = comparison.interventions
    let site = comparison.site + (role.map { " (\($0))" } ?? "")
    let tables = comparison.arms.map { arm in
      (comparison.arms.count > 1 ? "\(arm.name), \(counted(arm.runs.count, "run"))\n" : "") + table(arm)
    }
    let reason = comparison.arms.first?.change.mean.reason.map { "; \($0)" } ?? ""
    return """
      site \(site), n = \(comparison.images), do(z) at strength \(format(setting.strength, 2)) \
      by the mechanisms of \(setting.prompts)
      \((tables + differences(comparison)).joined(separator: "\n\n"))
      \(Interval.resampling(groups: comparison.groups, images: comparison.images))\(reason)

      """
  }

  /// Formats the scores of an arm with a row for each confounder, and their mean in the last row.
  private static func table(_ arm: Counterfactual.Comparison.Arm) -> String {
    func mean(_ values: [Double?]) -> Double? {
      let known = values.compactMap { $0 }
      return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }
    func signed(_ value: Double?) -> String {
      value.map { ($0 < 0 ? "−" : "+") + format(abs($0)) } ?? "–"
    }
    func cells(
      _ name: String, dice: (Double?, Double?, Interval?), iou: (Double?, Double?), same: Double?
    ) -> [String] {
      let change = iou.0.flatMap { before in iou.1.map { $0 - before } }
      return [
        name, format(dice.0), format(dice.1), dice.2?.signedText ?? "–", format(iou.0), format(iou.1),
        signed(change), format(same),
      ]
    }
    let rows = arm.summary.rows
    let lines = zip(rows, zip(arm.change.rows, arm.sameMasks)).map { row, own in
      cells(
        row.confounder, dice: (row.diceBefore, row.diceAfter, own.0.dice),
        iou: (row.iouBefore, row.iouAfter), same: own.1.iou)
    }
    let last = cells(
      "mean", dice: (mean(rows.map(\.diceBefore)), mean(rows.map(\.diceAfter)), arm.change.mean),
      iou: (mean(rows.map(\.iouBefore)), mean(rows.map(\.iouAfter))), same: mean(arm.sameMasks.map(\.iou)))
    let headings = [
      "do(confounder)", "Dice", "under it", "change", "IoU", "under it", "change", "same masks",
    ]
    return Console.table(headings, lines + [last])
  }

  /// Formats the differences to the first arm; nothing for a single arm.
  private static func differences(_ comparison: Counterfactual.Comparison) -> [String] {
    guard let first = comparison.differences.first else { return [] }
    let names = first.under.rows.map(\.confounder)
    let rows = names.indices.map { row in
      [names[row]] + comparison.differences.map { $0.under.rows[row].dice.signedText }
    }
    let last = ["mean"] + comparison.differences.map { $0.under.mean.signedText }
    let headings = ["do(confounder)"] + comparison.differences.map(\.candidate)
    return [
      "Dice under do(z) minus that of \(first.reference), paired by image\n"
        + Console.table(headings, rows + [last])
    ]
  }
}
