import Foundation
import Segmentation
import Storage
import Studies
import Training

/// Options that change settings of a run, for every command that trains.
struct SettingOptions: OptionGroup {
  let config = Option.optional("config", "FILE", .text, "a JSON5 file of settings")
  let assignments = Option.spaces(
    "set", "KEY=VALUE", .text,
    "settings by dotted name, over those of --config; a list is written as "
      + "model.head.detailWidths=[8,16], KEY*=2 multiplies")
  let epochs = Option.optional(
    "epochs", "N", .integer(atLeast: 1), otherwise: RunConfiguration().epochs,
    "passes over the training images")
  let tune = Option.optional(
    "tune", "none|last-N|all", .tuning, otherwise: RunConfiguration().tune,
    "how much of the image tower is trained")
}

/// The settings that the options of a command name.
struct TrainSettings {
  /// An option, what it changes, and the `key*=factor` in it.
  private typealias Change = (
    option: String, multiples: [String], apply: (inout RunConfiguration) throws -> Void
  )

  private var changes: [Change] = []

  /// Reads the options of a study, whose folds have their own site, method and seed.
  ///
  /// - Throws: `UsageError` that names the option and its values.
  init(_ arguments: Arguments<SettingOptions>, clip: String) throws {
    add("--clip \(clip)") { $0.clip = clip }
    try addConfiguration(arguments)
    try addSettings(arguments)
  }

  /// Reads the options of `mcdrl train`.
  ///
  /// - Throws: `UsageError` that names the option and its values.
  init(_ arguments: Arguments<TrainCommand.Options>) throws {
    if let clip = try arguments.clip { add("--clip \(clip)") { $0.clip = clip } }
    if let site = try arguments.holdOut { add("--hold-out \(site)") { $0.holdOut = site } }
    try addConfiguration(arguments.settings)
    if let seed = try arguments.common.given(\.seed) { add("--seed \(seed)") { $0.seed = seed } }
    let method = try arguments.method
    try addSettings(arguments.settings, method: method, written: arguments.written(\.method))
  }

  private mutating func addConfiguration(_ arguments: Arguments<SettingOptions>) throws {
    guard let file = try arguments.config else { return }
    let url = ProjectFiles.file(file)
    add("--config \(file)") { try $0.merge(contentsOf: url) }
  }

  private mutating func addSettings(
    _ arguments: Arguments<SettingOptions>, method: Arm? = nil, written: String? = nil
  ) throws {
    if let epochs = try arguments.epochs { add("--epochs \(epochs)") { $0.epochs = epochs } }
    if let method {
      add(written ?? method.name, assignments: method.settings) { $0 = try method.applied(to: $0) }
    }
    if let tune = try arguments.tune { add("--tune \(tune)") { $0.tune = tune } }
    for assignment in try arguments.assignments {
      add("--set \(assignment)", assignments: [assignment]) { try $0.set(assignment) }
    }
  }

  private mutating func add(
    _ option: String, assignments: [String] = [], _ apply: @escaping (inout RunConfiguration) throws -> Void
  ) {
    changes.append((option, assignments.filter(RunConfiguration.isMultiple), apply))
  }

  /// Sets the defaults that depend on the origin of the tower's weights.
  static func adapt(_ configuration: inout RunConfiguration, toClip clip: String) {
    // Random weights learn everything, at a rate of their own. Trained weights only adapt.
    guard clip.hasPrefix("random:") else { return }
    configuration.tune = .all
    configuration.optimizer.towerLearningRate = 5e-4
  }

  /// Applies the settings in order.
  ///
  /// A later one wins.
  ///
  /// - Throws: `FileError` or `ConfigurationError` that names the file or setting.
  func apply(to configuration: inout RunConfiguration) throws {
    for change in changes { try change.apply(&configuration) }
  }

  /// Checks that a resumed run already has these settings, which shaped its weights and its schedule.
  ///
  /// - Throws: `UsageError` that names the option and the run's value.
  func check(resuming run: RunConfiguration) throws {
    // The run was started with multiples of settings that no option names. These settings depend on the
    // values before the multiplication, so they are not compared.
    var (wanted, other) = (run, run)
    for multiple in changes.flatMap(\.multiples) { try other.set(multiple) }
    try apply(to: &wanted)
    try apply(to: &other)
    let taken = Set(try wanted.differences(from: other).map(\.name))
    let names = Set(try run.differences(from: wanted).map(\.name)).subtracting(taken)
    for change in changes.reversed() {
      var alone = run
      try change.apply(&alone)
      guard let setting = try run.differences(from: alone).first(where: { names.contains($0.name) }) else {
        continue
      }
      throw UsageError.differsFromRun(
        option: change.option, own: "\(setting.name) = \(setting.value)")
    }
  }
}
