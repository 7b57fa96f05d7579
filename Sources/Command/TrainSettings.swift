import CLIP
import Datasets
import Foundation
import Segmentation
import Storage
import Studies
import Training

/// The options that change settings of a run, for every command that trains.
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

/// The settings in a command's options.
struct TrainSettings {
  /// An option, its effect, and its `key*=factor`.
  private typealias Change = (
    option: String, multiples: [String], apply: (inout RunConfiguration) throws -> [String]
  )

  private var changes: [Change] = []
  /// The value of `--epochs`; nil without the option.
  private var epochs: Int?
  /// `--epochs-from` as written, which states epochs in the place of other options.
  private var epochsFrom: String?

  /// Reads the options of a study, whose folds have their own site, method and seed.
  ///
  /// - Throws: `UsageError` that names the option and its values.
  init(_ arguments: Arguments<SettingOptions>, clip: String) throws {
    set("--clip \(clip)") { $0.clip = clip }
    // Arms name their method; options in the common settings are those of MCDRL.
    set("--study") { $0.model.method = .mcdrl }
    try addConfiguration(arguments)
    try addSettings(arguments)
  }

  /// Reads the options of `mcdrl train`.
  ///
  /// - Throws: `UsageError` that names the option and its values.
  init(_ arguments: Arguments<TrainCommand.Options>) throws {
    if let clip = try arguments.clip { set("--clip \(clip)") { $0.clip = clip } }
    if let site = try arguments.holdOut { set("--hold-out \(site)") { $0.holdOut = site } }
    try addConfiguration(arguments.settings)
    let sites = try arguments.final.sites
    if !sites.isEmpty { set("--sites \(sites.joined(separator: ","))") { $0.sources = sites } }
    epochsFrom = arguments.final.written(\.epochsFrom)
    if epochsFrom != nil, let epochs = arguments.settings.written(\.epochs) {
      throw UsageError.conflict(epochs, with: "epochs-from", reason: "both state the number of epochs")
    }
    if let seed = try arguments.common.given(\.seed) { set("--seed \(seed)") { $0.seed = seed } }
    let method = try arguments.method
    try addSettings(arguments.settings, method: method, written: arguments.written(\.method))
  }

  private mutating func addConfiguration(_ arguments: Arguments<SettingOptions>) throws {
    guard let file = try arguments.config else { return }
    let url = ProjectFiles.file(file)
    add("--config \(file)") { try $0.merge(contentsOf: url) }
  }

  private mutating func addSettings(
    _ arguments: Arguments<SettingOptions>, method: ArmDefinition? = nil, written: String? = nil
  ) throws {
    epochs = try arguments.epochs
    if let epochs { set("--epochs \(epochs)") { $0.epochs = epochs } }
    if let method {
      add(written ?? method.name, assignments: method.assignments) {
        try method.apply(to: &$0)
        return []
      }
    }
    if let tune = try arguments.tune { set("--tune \(tune)") { $0.tune = tune } }
    for assignment in try arguments.assignments {
      add("--set \(assignment)", assignments: [assignment]) { try $0.set(assignment, source: "--set") }
    }
  }

  private mutating func add(
    _ option: String, assignments: [String] = [],
    _ apply: @escaping (inout RunConfiguration) throws -> [String]
  ) {
    changes.append((option, assignments.filter(RunConfiguration.isMultiple), apply))
  }

  private mutating func set(_ option: String, _ change: @escaping (inout RunConfiguration) -> Void) {
    add(option) {
      change(&$0)
      return []
    }
  }

  /// Returns the settings of a new run or study, and their CLIP model.
  ///
  /// The default image size is the CLIP model's own.
  ///
  /// - Parameters:
  ///   - clip: the CLIP model as written.
  ///   - data: the data folder as written.
  ///   - isStudy: whether the settings hold out every site in turn, not one or none.
  ///   - console: receives notes about settings that have no effect.
  /// - Returns: the settings and the model.
  /// - Throws: `FileError`, `SettingsError` or `CLIPError` that names the file or setting.
  func configuration(
    clip: String, data: String, isStudy: Bool = true, _ console: Console
  ) throws -> (configuration: RunConfiguration, model: CLIPModel) {
    var start = RunConfiguration(methods: MCDRLCommand.methods)
    (start.data, start.clip) = (data, clip)
    if clip.hasPrefix("random:") { start.adaptToRandomWeights() }
    var draft = start
    _ = try apply(to: &draft)
    if isStudy, draft.holdOut == nil, clip.contains(RunConfiguration.sitePlaceholder) {
      // A study holds out every site. The CLIP models of all sites have the geometry of the first.
      let catalog = try SiteCatalog(at: URL(fileURLWithPath: data), allowsMissingMasks: true)
      draft.holdOut = catalog.sites.first?.name
    }
    let model = try ProjectFiles.clips(draft)
    start.imageSize = model.configuration.vision.imageSize
    let ignored = try apply(to: &start)
    Self.note(ignored, start, console)
    if start.statistics == .batch, let reason = Self.reason(againstStatistics: start, model) {
      console.note("note: statistics=batch has no effect: \(reason)")
    }
    return (start, model)
  }

  /// Returns the settings of a run that continues from another one.
  ///
  /// - Parameters:
  ///   - ancestor: the other run, whose settings hold unless the options change them.
  ///   - data: the data folder as written.
  ///   - console: receives notes about settings that have no effect.
  /// - Returns: the settings.
  /// - Throws: `FileError`, `SettingsError` or `RunError` that names the file or setting.
  func configuration(
    continuing ancestor: Run, data: String, _ console: Console
  ) throws -> RunConfiguration {
    var start = try ancestor.continuation()
    start.data = data
    Self.note(try apply(to: &start), start, console)
    return start
  }

  /// Returns why the statistics of the tower cannot follow the batches; nil if they can.
  private static func reason(
    againstStatistics configuration: RunConfiguration, _ model: CLIPModel
  ) -> String? {
    let method = configuration.model.method
    if method.traits.ignoresTower { return "\(method.name) ignores the tower" }
    if configuration.tune == .none { return "tune is none, so the tower is not trained" }
    return model.vision.normalizesBatches ? nil : "\(model.vision.name) has no batch normalisation"
  }

  /// Notes options of other methods than the chosen one.
  private static func note(_ ignored: [String], _ configuration: RunConfiguration, _ console: Console) {
    guard !ignored.isEmpty else { return }
    console.note(
      "note: \(ignored.joined(separator: ", ")): options of another method; "
        + "\(configuration.model.method.name) does not read them")
  }

  /// Applies the settings in order; a later one wins.
  ///
  /// - Returns: the options for methods other than the chosen one, which have no effect.
  /// - Throws: `FileError` or `SettingsError` that names the file or setting.
  private func apply(to configuration: inout RunConfiguration) throws -> [String] {
    let ignored = try changes.flatMap { try $0.apply(&configuration) }
    try Self.makePathsAbsolute(&configuration)
    return ignored
  }

  /// Makes the paths of data and CLIP model absolute; a geometry may be a file of the project.
  private static func makePathsAbsolute(_ configuration: inout RunConfiguration) throws {
    if let clip = configuration.clip, clip.hasPrefix("random:") {
      configuration.clip = try ProjectFiles.clip(clip)
    }
    configuration.makePathsAbsolute()
  }

  /// Checks that a resumed run has these settings, which determined its weights and schedule.
  ///
  /// `--epochs` may state more epochs than the run was planned for.
  ///
  /// - Parameters:
  ///   - run: the settings of the run.
  ///   - console: receives a note about options of other methods.
  /// - Returns: the number of epochs to extend the run to; nil for its own.
  /// - Throws: `UsageError` that names the option and the run's value.
  func check(resuming run: RunConfiguration, _ console: Console) throws -> Int? {
    // Multiples at the start of the run changed settings that no option names. These settings
    // depend on the values before the multiplication, so they are not compared.
    var (wanted, other) = (run, run)
    for multiple in changes.flatMap(\.multiples) { _ = try other.set(multiple) }
    Self.note(try apply(to: &wanted), run, console)
    _ = try apply(to: &other)
    let taken = Set(try wanted.resolved.differences(from: other.resolved).map(\.name))
    if let epochsFrom {
      guard run.selection == .last else {
        throw UsageError.differsFromRun(option: epochsFrom, own: "selection = \(run.selection.rawValue)")
      }
      (wanted.epochs, wanted.selection, wanted.patience) = (run.epochs, run.selection, run.patience)
    }
    let more = moreEpochs(than: run, wanted)
    var run = run.resolved
    run.epochs = more ?? run.epochs
    let names = Set(try run.differences(from: wanted.resolved).map(\.name)).subtracting(taken)
    for change in changes.reversed() {
      var alone = run
      _ = try change.apply(&alone)
      try Self.makePathsAbsolute(&alone)
      guard let setting = try run.differences(from: alone.resolved).first(where: { names.contains($0.name) })
      else {
        continue
      }
      throw UsageError.differsFromRun(
        option: change.option, own: "\(setting.name) = \(setting.value.text)")
    }
    return more
  }

  /// Returns the value of `--epochs` if it extends a run.
  private func moreEpochs(than run: RunConfiguration, _ wanted: RunConfiguration) -> Int? {
    guard let epochs, epochs == wanted.epochs, epochs > run.epochs,
      !changes.flatMap(\.multiples).contains(where: { $0.hasPrefix("epochs*") })
    else { return nil }
    return epochs
  }
}
