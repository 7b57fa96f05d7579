import Datasets
import Foundation
import Statistics
import Storage
import Studies
import Torch
import Training

/// The scores of runs on the images of sites without and under do(z), arm by arm.
struct InterventionReport {
  /// One comparison for each site; of several runs at several sites also that of the mean over sites.
  let comparisons: [Counterfactual.Comparison]
  /// What was done to the images.
  let setting: Counterfactual.Setting
  /// The part of each site in the training of the only run; empty for several runs.
  let roles: [String]

  /// Scores the runs, and writes `interventions-SITE.json` into their folders.
  ///
  /// In a comparison of several runs, sites that a run was trained on are left out. If the command
  /// names a study alone, its folder gets the comparisons, that of the mean as `interventions.json`.
  ///
  /// - Parameters:
  ///   - contest: the runs, by arm.
  ///   - places: the sites, and the role of each; nil finds it.
  ///   - plan: the interventions.
  ///   - setting: their description.
  ///   - predictor: makes the predictor of a run of an arm.
  ///   - processes: the processes that share the images; the first one writes.
  ///   - console: receives notes and progress.
  /// - Throws: an error that names the file, or `WorkError.trainedOn`.
  init(
    _ contest: Contest, on places: [(site: Site, role: SiteRole?)], _ plan: Predictor.InterventionPlan,
    _ setting: Counterfactual.Setting,
    predictor: (Run, Contest.Arm) throws -> Predictor, _ processes: Processes, _ console: Console
  ) throws {
    if let note = Self.note(contest) { console.note(note) }
    let sites = places.map(\.site)
    let plans = try ContestPlan(contest, at: places, processes, console).arms
    let files = plans.flatMap(\.runs).flatMap { scoring in
      scoring.sites.map { Self.file($0.site.name, in: scoring.run) }
    }
    let shared =
      sites.map { "interventions-\($0.name).json" } + (sites.count > 1 ? ["interventions.json"] : [])
    for note in ReplacedScores.notes(files + shared.compactMap(contest.file), by: setting) {
      console.note(note)
    }
    var roles: [String] = []
    // By arm, then by the name of the site.
    let found = try plans.map { arm, runs in
      var scores: [String: [Counterfactual.SiteScores]] = [:]
      for scoring in runs {
        let (run, own) = (scoring.run, scoring.sites)
        if contest.isSingle { roles = own.map(\.role.text) }
        let segmenter = try processes.together { try predictor(run, arm) }
        let place = contest.isSingle ? "" : "\(run.folder.url.path): "
        console.note(place + segmenter.statement)
        for (site, role) in own {
          scores[site.name, default: []].append(
            try Self.scores(
              of: run, on: site, samples: run.scored(site, as: role), segmenter, plan, setting, processes,
              console))
        }
      }
      return (name: arm.name, scores: scores)
    }
    self.roles = roles
    self.setting = setting
    let scored = sites.map { site in
      (site: site.name, arms: found.map { (name: $0.name, runs: $0.scores[site.name] ?? []) })
    }
    let several = !contest.isSingle && scored.count > 1
    comparisons = try (scored.map { [$0] } + (several ? [scored] : [])).map { places in
      let comparison = try Counterfactual.Comparison(over: places, setting)
      let name = comparison.site.map { "interventions-\($0).json" } ?? "interventions.json"
      try processes.first { try contest.write(comparison, as: name) }
      return comparison
    }
  }

  /// Returns the file of a run's scores at a site.
  private static func file(_ site: String, in run: Run) -> URL {
    run.folder.url.appendingPathComponent("interventions-\(site).json")
  }

  /// Scores a run at a site, and writes its scores into its folder.
  private static func scores(
    of run: Run, on site: Site, samples: [Sample], _ predictor: Predictor, _ plan: Predictor.InterventionPlan,
    _ setting: Counterfactual.Setting, _ processes: Processes, _ console: Console
  ) throws -> Counterfactual.SiteScores {
    let bar = ProgressBar("\(site.name) under do(z)", total: processes.part(of: samples.count).count)
    let scores = try predictor.counterfactualScores(samples, under: plan, processes) {
      console.progress(bar, $0, unit: "images")
    }
    console.progress("")
    let findings = Counterfactual.findings(
      predictor.methodLabel, at: site.name, scores,
      // Under do(z), several classes are one mask. Predictors that ignore the image are scored by class.
      trivial: run.configuration.segmentsClasses ? [:] : try run.trivialOverlaps(samples, processes))
    let entry = try Counterfactual.Entry(
      run, with: predictor, scores: Array(scores.joined()), site: site.name, setting: setting,
      findings: findings)
    try processes.first { try run.folder.write(entry, to: file(site.name, in: run)) }
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
}
