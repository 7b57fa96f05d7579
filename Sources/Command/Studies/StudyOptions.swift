import CLIP
import Foundation
import Segmentation
import Studies
import Torch
import Training

/// The common options of `mcdrl loso` and `mcdrl ablate`.
struct StudyOptions: OptionGroup {
  let data = Shared.data.optional(StudyOptions.stored)
  let clip = Shared.clip.optional(StudyOptions.stored)
  let out = Shared.out("DIR", "the folder of runs, results.json, images.csv and report.html")
  let tasks = TaskOptions()
  let seeds = Option.commas("seeds", "N", .seed, said: "the value of --seed", "the seeds of each method")
  let prompts: Option<String?>
  let settings = SettingOptions()
  let choices = Option.spaces(
    "choose", "KEY=V1,V2", .choiceOfSetting,
    "settings that each fold chooses on its source sites")
  let select = Option.value(
    "select", CandidateSelection.allCases.map(\.rawValue).joined(separator: "|"),
    .choice(of: CandidateSelection.self), default: .validation,
    "where it compares them: on validation images, or at each source site, held out in turn")
  let workers = Option.value(
    "workers", "N", .integer(atLeast: 1), default: ProcessInfo.processInfo.activeProcessorCount,
    said: "one a core", "folds that train in parallel, each with --threads")
  let threshold = Shared.threshold
  let distances = DistanceOptions()
  let allowLeakage = Shared.allowLeakage.saying(
    "continue although the same patient or picture is at two sites")
  let cache = CacheOptions()

  init(prompts: Option<String?> = Shared.prompts) { self.prompts = prompts }

  /// The remark of options without which the settings are those of the folder.
  static let stored = "required unless DIR has a study.json"
  /// The options that change no result, so that they go with the settings of the folder.
  static let besideStored: Set = [
    "out", "plan", "fold", "collect", "workers", "threads", "cache", "cache-limit", "keep-cache",
    "image-memory", "json", "quiet", "help",
  ]

  /// Makes the plan of the options.
  ///
  /// - Throws: `UsageError` or an error that names the setting.
  static func plan(
    study: String, arms: [ArmDefinition], _ arguments: Arguments<StudyOptions>, _ console: Console
  ) throws -> StudyPlan {
    try SettingFault.inCommandLine { try unchecked(study: study, arms: arms, arguments, console) }
  }

  private static func unchecked(
    study: String, arms: [ArmDefinition], _ arguments: Arguments<StudyOptions>, _ console: Console
  ) throws -> StudyPlan {
    let (data, clip) = (try arguments.required(\.data), try arguments.required(\.clip))
    let settings = try TrainSettings(arguments.settings, clip: clip)
    var (configuration, model) = try settings.configuration(clip: clip, data: data, console)
    configuration.seed = 0
    if let device = try arguments.common.given(\.device) { configuration.device = device }
    let seeds = try arguments.seeds
    var plan = try StudyPlan(
      study: study, configuration: configuration, arms: arms,
      seeds: seeds.isEmpty ? [arguments.common.seed] : seeds)
    plan.choices = try arguments.choices
    plan.selection = try arguments.select
    plan.threshold = try arguments.threshold
    (plan.tolerance, plan.spacing) = (try arguments.distances.tolerance, try arguments.distances.spacing)
    let part = try TaskOptions.part(arguments.tasks)
    try plan.validate(needsDevice: part.trains)
    try plan.requireTower(of: model)
    for (option, arms) in try plan.unreadOptions() {
      console.note(
        "note: \(option): an option of another method; not read by \(arms.joined(separator: ", "))")
    }
    return plan
  }
}

extension ValueForm where Value == Choice {
  /// A setting with the values from which validation chooses: `KEY=V1,V2`.
  fileprivate static var choiceOfSetting: ValueForm {
    ValueForm(
      read: { try Choice(parsing: $0) }, text: { "\($0.setting)=\($0.values.joined(separator: ","))" })
  }
}

extension ValueForm where Value == ArmDefinition {
  /// A method or control by name, or `NAME:KEY=VALUE,…`.
  static var arm: ValueForm {
    ValueForm(read: { try ArmDefinition(parsing: $0, methods: MCDRLCommand.methods) }, text: \.name)
  }
}
