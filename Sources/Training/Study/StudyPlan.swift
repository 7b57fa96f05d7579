import Evaluation
import Foundation
import Torch

/// What a study trains and how it scores; `study.json`, from which a report can be made again.
public struct StudyPlan: Codable, Equatable, Sendable {
  /// What kind of study: `loso`, `demo`, or `ablate` with the name of what is varied.
  public var study: String
  /// The settings of every run but for what follows from its site, arm and seed.
  public var configuration: RunConfiguration
  /// What is compared; the first is what the others are compared with.
  public var arms: [Arm]
  /// The seeds of each.
  public var seeds: [UInt64]
  /// Settings that the source sites' validation split chooses, in each fold for itself.
  public var choices: [Choice] = []
  /// From which probability on a pixel is lesion.
  public var threshold = 0.5
  /// Of the normalised surface Dice, pixels.
  public var tolerance = 2.0
  /// The version of this software.
  public var version: String

  /// Describes a study.
  public init(study: String, configuration: RunConfiguration, arms: [Arm], seeds: [UInt64], version: String) {
    self.study = study
    self.configuration = configuration
    self.arms = arms
    self.seeds = seeds
    self.version = version
  }

  /// Checks that every run of the study is possible.
  ///
  /// - Throws: `ConfigurationError` that names the setting.
  public func validate() throws {
    guard !arms.isEmpty, !seeds.isEmpty else {
      throw ConfigurationError("at least one method and one seed are needed")
    }
    for (what, names) in [("method", arms.map(\.name)), ("seed", seeds.map { "\($0)" })] {
      if let twice = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
        throw ConfigurationError("the \(what) \(twice) stands twice; give each once")
      }
    }
    guard choices.isEmpty || configuration.validationShare > 0 else {
      throw ConfigurationError("validationShare is 0, but settings are to be chosen on the validation split")
    }
    for arm in arms {
      for candidate in candidates { try settings(arm, candidate).validate() }
    }
  }

  /// Every combination of the settings that validation chooses from; one without assignments when it chooses none.
  public var candidates: [[String]] { Choice.combinations(choices) }

  /// The settings of an arm with those of a candidate, which win.
  func settings(_ arm: Arm, _ candidate: [String]) throws -> RunConfiguration {
    try candidate.reduce(into: arm.applied(to: configuration)) { try $0.set($1) }
  }

  /// How the epoch and the settings were chosen, in words.
  public var selection: String {
    let epoch = "the epoch of the highest mean Dice on the source sites' validation split"
    guard !choices.isEmpty else { return epoch }
    let names = choices.map(\.setting).joined(separator: ", ")
    return
      "\(epoch); of \(names) the values whose chosen epoch has the highest such Dice, in each fold for itself"
  }
}
