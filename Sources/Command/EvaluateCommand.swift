import Datasets
import Foundation
import Metrics
import Reporting
import Storage
import Studies
import Torch
import Training

/// The command `mcdrl evaluate`.
enum EvaluateCommand: Subcommand {
  static let name = "evaluate"
  static let summary = "score runs at a site, beside predictors that ignore the image"
  static let usage =
    "RUN|STUDY… [--data DATA] [--site SITE …] [--interventions all] [options] "
    + "| RUN… --counterfactual SWEEP | RUN… --unlabelled NEW"
  static let example = "mcdrl evaluate study --data new-hospital"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let sharesWork = true
  static let operands = [
    Operand.oneOrMore(
      "RUN", "a run folder", "a run folder of mcdrl train, or the folder of a study for all its runs")
  ]

  struct Options: OptionGroup {
    let data = Shared.data.optional("that of the run")
    let sites = Option.spaces(
      "site", "SITE", .text,
      remark: "the one held out, or the test or validation images; all of another data set",
      "the sites to score, or all")
    let inference = Shared.inference
    let scoring = ScoringOptions()
    let precision = Shared.precision("the fastest that keeps Dice on the run's validation images")
    let decoding = Shared.decoding
    let doing = InterventionOptions()
    let counterfactual = Option.optional(
      "counterfactual", "SWEEP", .file,
      "measure how predictions move under each intervention of mcdrl synth --sweep")
    let unlabelled = Option.optional(
      "unlabelled", "NEW", .file,
      "estimate the mean Dice of a folder of images without masks; needs mcdrl calibrate")
    let timeout = Shared.timeout
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    try SharedWork.run(console, waiting: arguments.timeout) { processes, console in
      if let folder = try arguments.unlabelled {
        return try unlabelled(arguments, folder: folder, processes, console)
      }
      if let sweep = try arguments.counterfactual {
        return try counterfactual(arguments, sweep: sweep, processes, console)
      }
      try score(arguments, processes, console)
    }
  }

  /// Scores runs at sites, of several processes each a part of the images; the first one writes.
  private static func score(
    _ arguments: Arguments<Options>, _ processes: Processes, _ console: Console
  ) throws {
    let (contest, interventions) = try processes.together {
      try arguments.doing.requireUse()
      try ProjectFiles.requireOneThreshold(arguments.scoring.threshold, changes: arguments.inference)
      let contest = try Contest(arguments.operands, changes: arguments.inference)
      return (contest, try Self.interventions(arguments, for: contest))
    }
    let first = contest.arms[0].runs[0]
    let locks = try lock(contest.arms.flatMap(\.runs), processes, console)
    defer { withExtendedLifetime(locks) {} }
    let (catalog, places) = try processes.together {
      let catalog = try first.catalog(at: arguments.data.map { URL(fileURLWithPath: $0) })
      return (
        catalog, try Self.places(arguments.sites, of: contest, catalog, hasOwnData: arguments.data == nil)
      )
    }
    let sites = places.map(\.site)
    if places.contains(where: { $0.role != nil }) { console.note(familiar) }
    DataNotes.leftOut(catalog, console)
    let settings = first.configuration
    try processes.first {
      try DataNotes.masks(sites, limits: settings.reader.limits, classes: settings.classes, console)
    }
    if let (plan, setting) = interventions {
      return try InterventionReport(
        contest, on: places, plan, setting,
        predictor: { try predictor(of: $0, study: $1.threshold, arguments) }, processes, console
      ).show(console)
    }
    let found = try ContestPlan(contest, at: places, processes, console).arms.map { arm, runs in
      (
        name: arm.name,
        evaluations: try runs.flatMap { try evaluate($0, of: arm, contest, arguments, processes, console) }
      )
    }
    // Every process has all scores, and one of them compares and prints.
    guard processes.isFirst else { return }
    let comparisons = try sites.map { site in
      try comparison(found, at: site, of: contest, seed: arguments.common.seed)
    }
    let evaluations = found.flatMap(\.evaluations)
    if contest.isSingle {
      if console.json { return try console.result(json: evaluations) }
      for (evaluation, comparison) in zip(evaluations, comparisons) {
        console.result(text(evaluation) + comparison.sentence + "\n")
      }
    } else {
      for comparison in comparisons {
        try contest.write(comparison, as: "comparison-\(comparison.site).json")
      }
      if console.json { return try console.result(json: comparisons) }
      for comparison in comparisons { console.result(comparison.text) }
    }
    console.result(EmptyMaskPolicy.statement)
    for finding in evaluations.flatMap(\.findings) { console.result(finding) }
  }

  /// Keeps other commands out of the folders of runs; the first process does.
  ///
  /// Of several processes it also records which arithmetic is the fastest, which the others then find.
  static func lock(
    _ runs: [Run], _ processes: Processes, _ console: Console
  ) throws -> [FolderLock] {
    var locks: [FolderLock] = []
    try processes.first {
      locks = try OutputFolder.lock(runs.map(\.folder.url), console)
      // An unreadable file is an error where no arithmetic is stated.
      if processes.areSeveral { for run in runs { _ = try? run.measuredPrecision() } }
    }
    return locks
  }

  /// Scores a run at its sites, and writes its scores into its folder.
  private static func evaluate(
    _ scoring: ContestPlan.Scoring, of arm: Contest.Arm, _ contest: Contest,
    _ arguments: Arguments<Options>, _ processes: Processes, _ console: Console
  ) throws -> [Evaluation] {
    var rules = Run.EvaluationRules()
    (rules.tolerance, rules.spacing) = (
      try arguments.scoring.distances.tolerance, try arguments.scoring.distances.spacing
    )
    rules.evaluation = try arguments.scoring.evaluation
    let run = scoring.run
    let predictor = try processes.together { try Self.predictor(of: run, study: arm.threshold, arguments) }
    console.note(contest.isSingle ? predictor.statement : "\(run.folder.url.path): \(predictor.statement)")
    if let note = predictor.calibrationNote { console.note("note: \(note)") }
    return try scoring.sites.map { site, role in
      let count = run.scored(site, as: role).count
      let bar = ProgressBar(site.name, total: processes.part(of: count).count)
      let result = try run.evaluate(on: site, as: role, with: predictor, rules: rules, processes) { done, _ in
        console.progress(bar.line(done, unit: "images"))
      }
      console.progress("")
      try processes.first { try write(result, at: site, of: run) }
      return result
    }
  }

  /// Writes the scores of a run at a site into its folder.
  private static func write(_ result: Evaluation, at site: Site, of run: Run) throws {
    let folder = run.folder.url
    try run.folder.write(result, to: folder.appendingPathComponent("evaluation-\(site.name).json"))
    try result.table().write(to: folder.appendingPathComponent("evaluation-\(site.name).csv"))
    if let certainty = result.certainty {
      try AtomicFile.write(
        Data(CertaintyTables.plot(certainty, site: site.name).utf8),
        to: folder.appendingPathComponent("coverage-\(site.name).svg"))
    }
  }

  private static func comparison(
    _ found: [(name: String, evaluations: [Evaluation])], at site: Site, of contest: Contest, seed: UInt64
  ) throws -> SiteComparison {
    try SiteComparison(
      found.map { arm in
        (arm.name, arm.evaluations.filter { $0.site == site.name })
      }, seed: seed)
  }

  /// Makes a predictor by the options, otherwise by the rule of the run's study, otherwise by the run's own.
  static func predictor(
    of run: Run, study: MaskThreshold? = nil, _ arguments: Arguments<Options>
  ) throws -> Predictor {
    try run.predictor(
      device: ManyProcesses().device(arguments.common.device), precision: arguments.precision,
      decoding: arguments.decoding, threshold: arguments.scoring.threshold ?? study)
  }

  /// The note on the validation images of a run that holds no site out.
  private static let familiar =
    "note: the run holds no site out, so its validation images score: familiar sites, not a new hospital. "
    + "--data NEW scores a new one, --site SITE all images of a training site"

  /// Returns the sites to score, and their roles; nil lets the images decide.
  ///
  /// These are the named ones, otherwise the held-out one, otherwise all of another data set. Of a
  /// run that holds no site out they are those of its test list, or of its validation images.
  private static func places(
    _ names: [String], of contest: Contest, _ catalog: SiteCatalog, hasOwnData: Bool
  ) throws -> [(site: Site, role: SiteRole?)] {
    let run = contest.arms[0].runs[0]
    guard names.isEmpty, hasOwnData, contest.isSingle, run.configuration.holdOut == nil else {
      return try sites(names, of: contest, catalog, hasOwnData: hasOwnData).map { ($0, nil) }
    }
    let places = try run.familiarSites(catalog)
    guard !places.isEmpty else { throw WorkError.nothingToScore(run.folder.url) }
    return places
  }

  static func sites(
    _ names: [String], of contest: Contest, _ catalog: SiteCatalog, hasOwnData: Bool
  ) throws -> [Site] {
    if names == ["all"] { return catalog.sites }
    guard names.isEmpty else { return try names.map(catalog.site) }
    let heldOut = Set(contest.arms.flatMap(\.runs).compactMap(\.configuration.holdOut)).sorted()
    let known = heldOut.filter { name in catalog.sites.contains { $0.name == name } }
    guard hasOwnData else { return known.isEmpty ? catalog.sites : try known.map(catalog.site) }
    return heldOut.isEmpty ? catalog.sites : try heldOut.map(catalog.site)
  }

  /// Returns what `--interventions` sets, and its description; nil without the option.
  ///
  /// A run has the mechanisms, unless another prompt file is named.
  private static func interventions(
    _ arguments: Arguments<Options>, for contest: Contest
  ) throws -> (plan: Predictor.InterventionPlan, setting: Counterfactual.Setting)? {
    guard try arguments.doing.areWanted else { return nil }
    if let other = writtenDistances(arguments).first {
      throw UsageError.conflict(
        other, with: "interventions", reason: "do(z) is scored by Dice and IoU; leave one of them out")
    }
    return try arguments.doing.resolved(for: contest)
  }

  /// The given options, as written, that only the scores of `evaluation-SITE.json` use.
  static func writtenDistances(_ arguments: Arguments<Options>) -> [String] {
    let (scoring, distances) = (arguments.scoring, arguments.scoring.distances)
    return [distances.written(\.tolerance), distances.written(\.spacing), scoring.written(\.evaluation)]
      .compactMap { $0 }
  }

  /// States which members of an ensemble were trained on the images, on a line of its own.
  private static func members(_ evaluation: Evaluation) -> String {
    evaluation.members.flatMap {
      MemberPart.sentence($0, at: evaluation.site, of: evaluation.model.count)
    }.map { "\n\($0)" } ?? ""
  }

  private static func text(_ evaluation: Evaluation) -> String {
    let rows =
      [(evaluation.method, evaluation.model)]
      + (evaluation.classes ?? []).map { ("\(evaluation.method): \($0.name)", $0.model) }
      + TrivialPredictor.allCases.compactMap { predictor in
        evaluation.trivial[predictor.rawValue].map { (predictor.rawValue, $0) }
      }
    let overlap = Console.table(
      ["", "Dice", "IoU", "boundary IoU", "accuracy", "Dice (lesion)", "SD of Dice"],
      rows.map { name, summary in
        [name] + [Metric.dice, .iou, .boundaryIoU, .accuracy].map { format(summary.metrics[$0]?.mean) }
          + [format(summary.meanDiceWithLesion), format(summary.metrics[.dice]?.standardDeviation)]
      })
    let unit = evaluation.model.distanceUnit?.rawValue ?? DistanceUnit.pixels.rawValue
    // Only images with a lesion count. If both masks are empty, the distance is 0, which would
    // reward a model that marks nothing.
    let detection = Console.table(
      [
        "", "HD95 (\(unit))", "% of diagonal", "defined on", "found", "missed", "false", "sensitivity",
        "false an image",
      ],
      rows.map { name, summary in
        let (distance, lesions) = (summary.metricsWithLesion, summary.detection)
        return [name, format(distance[.hd95]?.mean, 1), format(distance[.hd95Percent]?.mean, 1)]
          + [distance[.hd95]?.count ?? 0, lesions.found, lesions.missed, lesions.falseMarks].map(String.init)
          + [format(lesions.sensitivity), format(lesions.falsePerImage)]
      })
    let certainty =
      evaluation.certainty.map {
        "\n" + CertaintyTables.text($0, dice: evaluation.model.metrics[.dice]?.mean)
      } ?? ""
    let criterion = evaluation.model.detection.criterion ?? LesionDetection.defaultCriterion
    return """
      site \(evaluation.site) (\(evaluation.role.text)), n = \(evaluation.model.count)\(ScoreTables.note(evaluation)), \
      \(evaluation.model.countEmptyReference) without a lesion, means over images at their own size\(members(evaluation))
      \(overlap)

      \(detection)
      HD95 over images with a lesion and a mark; a mark finds a lesion with an IoU of at least \(criterion)
      \(ScoreTables.sentence(evaluation.calibration))\(certainty)\(evaluation.polyp.map { "\n\n" + ScoreTables.text($0) } ?? "")

      """
  }
}
