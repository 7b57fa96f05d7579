import Datasets
import Foundation
import Metrics
import Reporting
import Statistics
import Storage
import Studies
import Torch
import Training

/// The command `mcdrl compare`.
enum CompareCommand: Subcommand {
  static let name = "compare"
  static let summary = "compare runs on the same images: paired differences, intervals and tests"
  static let example = "mcdrl compare runs/c3 runs/c3-224 --data new-hospital"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let operands = [
    Operand.oneOrMore(
      "RUN", "a run folder", "run folders, or the folder of a study for its runs; the first is the reference")
  ]

  struct Options: OptionGroup {
    let data = Shared.data.optional("that of the runs, if it is the same")
    let sites = Option.spaces(
      "site", "SITE", .text, remark: "those that were held out; all of another data set",
      "the sites to score, or all")
    let inference = Shared.inference
    let spacing = Option.optional(
      "spacing", "X[,Y]", .spacing, "mm per pixel, across and down; HD95 is then in mm")
    let threshold = Shared.threshold
    let precision = Shared.precision("the fastest that keeps Dice on the run's validation images")
    let decoding = Shared.decoding
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    try ProjectFiles.requireOneThreshold(arguments.threshold, changes: arguments.inference)
    let contest = try Contest(arguments.operands, changes: arguments.inference)
    guard contest.arms.count > 1 else {
      throw UsageError.inCall(.missingWords(["a second run folder"]), usage: fullUsage)
    }
    let runs = contest.arms.flatMap(\.runs)
    let named = Set(runs.compactMap(\.configuration.data)).sorted()
    if try arguments.data == nil, named.count > 1 { throw WorkError.differentData(named) }
    let first = runs[0]
    let catalog = try first.catalog(at: arguments.data.map { URL(fileURLWithPath: $0) })
    let sites = try EvaluateCommand.sites(
      arguments.sites, of: contest, catalog, hasOwnData: arguments.data == nil)
    DataNotes.leftOut(catalog, console)
    try DataNotes.masks(
      sites, limits: first.configuration.reader.limits, classes: first.configuration.classes, console)
    let found = try scores(arguments, contest, sites, console)
    let report = try ComparisonReport(found, seed: arguments.common.seed)
    if console.json { return try console.result(json: report) }
    console.result(report.text)
    console.result(EmptyMaskPolicy.statement)
  }

  /// Returns the images of a site that score every run; without one, all that can score a run.
  private static func shared(_ choices: [[Sample]], at site: Site) -> [Sample] {
    let common = choices.dropFirst().reduce(Set(choices[0].map(\.image))) {
      $0.intersection($1.map(\.image))
    }
    return common.isEmpty ? site.testSamples : choices[0].filter { common.contains($0.image) }
  }

  /// Scores every run at every site on the same images.
  ///
  /// An arm of several runs, as of a study, counts at a site those that never saw it, if there are any.
  private static func scores(
    _ arguments: Arguments<Options>, _ contest: Contest, _ sites: [Site], _ console: Console
  ) throws -> [ComparisonReport.ArmScores] {
    let hashes = ImageHashes()
    var rules = Run.EvaluationRules()
    rules.spacing = try arguments.spacing
    let alone = try contest.arms.map { arm in
      try arm.runs.map { run in try sites.map { try run.role(of: $0, hashes) } }
    }
    // Every run scores the same images, also where one was trained on the site and another was not.
    let samples = sites.indices.map { index -> [Sample] in
      let choices = zip(contest.arms, alone).flatMap { arm, roles in
        zip(arm.runs, roles).map { $0.scored(sites[index], as: $1[index]) }
      }
      let shared = shared(choices, at: sites[index])
      if choices.contains(where: { $0.count != shared.count }) {
        console.note("site \(sites[index].name): all runs score the same \(counted(shared.count, "image"))")
      }
      return shared
    }
    let roles = try zip(contest.arms, alone).map { arm, roles in
      try zip(arm.runs, roles).map { run, roles in
        try sites.indices.map {
          try run.role(of: sites[$0], on: samples[$0], alone: roles[$0], hashes)
        }
      }
    }
    return try zip(contest.arms, roles).map { arm, roles in
      var found = ComparisonReport.ArmScores(name: arm.name, evaluations: [])
      for (run, own) in zip(arm.runs, roles) {
        let wanted = sites.indices.filter { index in
          own[index].isUnseen || !roles.contains { $0[index].isUnseen }
        }
        guard !wanted.isEmpty else { continue }
        let predictor = try run.predictor(
          device: arguments.common.device, precision: arguments.precision, decoding: arguments.decoding,
          threshold: arguments.threshold ?? arm.threshold)
        console.note("\(run.folder.url.path): \(predictor.statement)")
        for index in wanted {
          let bar = ProgressBar(sites[index].name, total: samples[index].count)
          let evaluation = try run.evaluate(
            on: sites[index], as: own[index], samples: samples[index], with: predictor, rules: rules
          ) { done, _ in console.progress(bar.line(done, unit: "images")) }
          console.progress("")
          found.evaluations.append((run: run.folder.url.path, evaluation: evaluation))
        }
      }
      return found
    }
  }
}
