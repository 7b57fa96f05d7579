import Foundation
import Metrics
import Storage
import Torch
import Training

/// What a study trains and how it scores; `study.json`, from which a report can be made again.
package struct StudyPlan: Codable, Equatable, Sendable {
  /// What kind of study: `loso`, `demo`, or `ablate` with the name of what is varied.
  package var study: String
  /// The settings of every run but for what follows from its site, arm and seed.
  package var configuration: RunConfiguration
  /// What is compared; the first is what the others are compared with.
  package var arms: [Arm]
  /// The seeds of each.
  package var seeds: [UInt64]
  /// Settings that the source sites' validation split chooses, in each fold for itself.
  package var choices: [Choice] = []
  /// From which probability on a pixel is lesion.
  package var threshold = 0.5
  /// Of the normalised surface Dice, pixels or, with a spacing, millimetres.
  package var tolerance = 2.0
  /// Millimetres per pixel of all sites; nil measures in pixels.
  package var spacing: PixelSpacing?
  /// The version of this software.
  package var version: String

  /// Describes a study.
  package init(study: String, configuration: RunConfiguration, arms: [Arm], seeds: [UInt64], version: String) {
    self.study = study
    self.configuration = configuration
    self.arms = arms
    self.seeds = seeds
    self.version = version
  }

  /// Checks that every run of the study is possible.
  ///
  /// - Throws: `ConfigurationError` that names the setting.
  package func validate() throws {
    guard !arms.isEmpty, !seeds.isEmpty else {
      throw ConfigurationError("at least one method and one seed are needed")
    }
    for (what, names) in [("method", arms.map(\.name)), ("seed", seeds.map { "\($0)" })] {
      if let twice = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
        throw ConfigurationError("the \(what) \(twice) stands twice; give each once")
      }
    }
    let chosen = choices.map(\.setting)
    if let twice = chosen.first(where: { name in chosen.filter { $0 == name }.count > 1 }) {
      throw ConfigurationError("--choose \(twice): stands twice; give all its values at once")
    }
    for arm in arms {
      if let both = arm.names.first(where: chosen.contains) {
        throw ConfigurationError(
          "\(both): is set by the arm \(arm.name) and to be chosen; leave one of them out")
      }
      if let fixed = (arm.names + chosen).first(where: Self.ownOfFold.contains) {
        throw ConfigurationError("\(fixed): follows from the fold; it can be neither an arm's nor chosen")
      }
      for candidate in candidates {
        let settings = try settings(arm, candidate)
        try settings.validate()
        guard choices.isEmpty || settings.validationShare > 0 else {
          throw ConfigurationError(
            "validationShare is 0 in the arm \(arm.name), but settings are to be chosen on the validation split"
          )
        }
      }
    }
    let settings = try arms.map { try $0.applied(to: configuration) }
    for (index, arm) in arms.enumerated() {
      if let first = settings[..<index].firstIndex(of: settings[index]) {
        throw ConfigurationError("the arms \(arms[first].name) and \(arm.name) have the same settings")
      }
    }
  }

  /// Settings that a fold sets itself.
  private static let ownOfFold: Set = ["data", "holdOut", "sources", "seed"]

  /// Every combination of the settings that validation chooses from; one without assignments when it chooses none.
  package var candidates: [[String]] { Choice.combinations(choices) }

  /// The settings of one run of a fold.
  ///
  /// - Parameters:
  ///   - fold: the fold.
  ///   - candidate: assignments that are chosen or tried.
  ///   - sites: the names of all sites.
  /// - Returns: the settings, resolved.
  /// - Throws: `ConfigurationError` that names the setting.
  func settings(
    _ fold: LeaveOneSiteOut.Fold, _ candidate: [String], sites: [String]
  ) throws -> RunConfiguration {
    var settings = try settings(fold.arm, candidate)
    settings.holdOut = fold.site
    settings.sources = sites.filter { $0 != fold.site }
    settings.seed = fold.seed
    return settings
  }

  /// The settings of an arm with those of a candidate.
  func settings(_ arm: Arm, _ candidate: [String]) throws -> RunConfiguration {
    try candidate.reduce(into: arm.applied(to: configuration)) { try $0.set($1, option: "--choose") }
  }

  /// The settings that all runs share, by dotted name.
  ///
  /// Without what differs between them, and without folders, which say where files are on this machine and not what they hold.
  ///
  /// - Throws: `EncodingError`, which settings that were decoded never meet.
  package func sharedSettings() throws -> [String: JSONValue] {
    let own = Self.ownOfFold.union(arms.flatMap(\.names)).union(choices.map(\.setting)).union(["model.method"]
    )
    var settings = try JSONValue(encoding: configuration).leaves.filter { leaf in
      !own.contains { leaf.key == $0 || leaf.key.hasPrefix($0 + ".") }
    }
    if settings["clip"] != nil { settings["clip"] = .string(clipName) }
    return settings
  }

  /// The CLIP model without the folder that it lies in.
  package var clipName: String {
    let name = configuration.clip
    guard name.contains("/") else { return name }
    let file = URL(fileURLWithPath: name).lastPathComponent
    return name.hasPrefix("random:") ? "random:\(file)" : file
  }

  /// How the epoch and the settings were chosen, in words.
  ///
  /// - Parameter folds: what was trained; without any validation image the last epoch is taken.
  /// - Returns: one sentence without its stop.
  package func selection(_ folds: [FoldResult]) -> String {
    guard folds.contains(where: { $0.validationDice != nil }) else {
      return "the last epoch: the source sites had no validation split"
    }
    let epoch = "the epoch of the highest mean Dice on the source sites' validation split"
    guard !choices.isEmpty else { return epoch }
    let names = choices.map(\.setting).joined(separator: ", ")
    return
      "\(epoch); of \(names) the values whose chosen epoch has the highest such Dice, in each fold for itself"
  }
}
