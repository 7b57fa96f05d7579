import Foundation
import Segmentation
import Storage
import Studies
import Training

/// The settings that the options of `mcdrl train` name.
struct TrainSettings {
  /// An option, what it does, and the `key*=factor` in it.
  private typealias Change = (
    option: String, multiples: [String], apply: (inout RunConfiguration) throws -> Void
  )

  private var changes: [Change] = []

  /// Reads the options.
  ///
  /// - Throws: `UsageError` that names the option and what it takes.
  init(_ arguments: Arguments) throws {
    func add(
      _ name: String, _ value: String, assignments: [String] = [],
      _ apply: @escaping (inout RunConfiguration) throws -> Void
    ) {
      changes.append(("--\(name) \(value)", assignments.filter(RunConfiguration.isMultiple), apply))
    }
    if let clip = arguments.last("clip") { add("clip", clip) { $0.clip = clip } }
    if let site = arguments.last("hold-out") { add("hold-out", site) { $0.holdOut = site } }
    if let file = arguments.last("config") {
      let url = ProjectFiles.file(file)
      add("config", file) { try $0.merge(contentsOf: url) }
    }
    if let seed = try arguments.integer("seed") { add("seed", "\(seed)") { $0.seed = UInt64(seed) } }
    if let epochs = try arguments.integer("epochs", atLeast: 1) {
      add("epochs", "\(epochs)") { $0.epochs = epochs }
    }
    if let text = arguments.last("method") {
      let arm: Arm
      do { arm = try Arm(parsing: text) } catch let error as ConfigurationError {
        throw UsageError(description: "--method: \(error)")
      }
      add("method", text, assignments: arm.settings) { $0 = try arm.applied(to: $0) }
    }
    if let text = arguments.last("tune") {
      guard let tune = Tuning(text) else {
        throw UsageError(description: "--tune \(text) is none of none, last-N, all")
      }
      add("tune", text) { $0.tune = tune }
    }
    for assignment in arguments.all("set") {
      add("set", assignment, assignments: [assignment]) { try $0.set(assignment) }
    }
  }

  /// Defaults that follow from where the tower's weights come from.
  static func adapt(_ configuration: inout RunConfiguration, toClip clip: String) {
    // Random weights need to learn everything at a rate of their own; trained ones only to adapt.
    guard clip.hasPrefix("random:") else { return }
    configuration.tune = .all
    configuration.optimizer.towerLearningRate = 5e-4
  }

  /// Lays the settings over others; what stands later here wins.
  ///
  /// - Throws: `FileError` or `ConfigurationError` that names the file or setting.
  func apply(to configuration: inout RunConfiguration) throws {
    for change in changes { try change.apply(&configuration) }
  }

  /// Checks that a run which is resumed has these settings already: they shaped its weights and its schedule.
  ///
  /// - Throws: `UsageError` that names the option and the run's value.
  func check(resuming run: RunConfiguration) throws {
    // Multiples of what no option sets were taken when the run was started. These are the settings that hang on the
    // values one begins with.
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
      throw Self.refusal(change.option, "\(setting.name) = \(setting.value)")
    }
  }

  /// The error for an option that a run, resumed, cannot follow.
  static func refusal(_ option: String, _ own: String) -> UsageError {
    UsageError(
      description: "\(option): the run was started with \(own); leave the option out to continue it, "
        + "or start a new run with another --out")
  }
}
