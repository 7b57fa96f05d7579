import Foundation
import Metrics
import Segmentation
import Storage
import Torch
import Training

/// What a study trains and how it scores; `study.json`, from which a report can be made again.
public struct StudyPlan: Codable, Equatable, Sendable {
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

  /// Plans a study: resolves each arm's difference from the common settings.
  ///
  /// - Parameters:
  ///   - study: the kind of study.
  ///   - configuration: the common settings.
  ///   - arms: the arms; the others are compared with the first.
  ///   - seeds: the seeds of each.
  /// - Throws: `SettingsError` that names the setting of an arm.
  public init(
    study: String, configuration: RunConfiguration, arms: [ArmDefinition], seeds: [UInt64]
  ) throws {
    self.study = study
    self.configuration = configuration
    self.arms = try arms.map { try $0.resolved(over: configuration) }
    self.seeds = seeds
    version = PackageVersion.current
  }

  /// Checks that every run of the study is possible.
  ///
  /// - Throws: `StudyError` or `SettingsError` that names the setting.
  package func validate() throws {
    guard !arms.isEmpty, !seeds.isEmpty else { throw StudyError.empty }
    for (kind, names) in [("method", arms.map(\.name)), ("seed", seeds.map { "\($0)" })] {
      if let twice = Self.twice(names) { throw StudyError.twice(kind: kind, twice) }
    }
    let chosen = choices.map { RunConfiguration.presentName($0.setting) }
    if let twice = Self.twice(chosen) { throw StudyError.choiceTwice(twice) }
    for arm in arms {
      if let both = arm.settings.keys.sorted().first(where: chosen.contains) {
        throw StudyError.setAndChosen(both, arm: arm.name)
      }
      if let fixed = (arm.settings.keys.sorted() + chosen).first(where: Self.ownOfFold.contains) {
        throw StudyError.ownOfFold(fixed)
      }
      for candidate in candidates {
        let settings = try settings(arm, candidate)
        try settings.validate()
        guard choices.isEmpty || settings.validationShare > 0 else {
          throw StudyError.noValidation(arm: arm.name)
        }
      }
    }
    let settings = try arms.map { try $0.applied(to: configuration) }
    for (index, arm) in arms.enumerated() {
      if let first = settings[..<index].firstIndex(of: settings[index]) {
        throw StudyError.sameArms(arms[first].name, arm.name)
      }
    }
  }

  private static func twice(_ names: [String]) -> String? {
    names.first { name in names.filter { $0 == name }.count > 1 }
  }

  /// Settings that a fold sets itself.
  private static let ownOfFold: Set = ["data", "holdOut", "sources", "seed"]

  /// Every combination of the settings that validation chooses from; one without assignments when it chooses none.
  package var candidates: [[String]] { Choice.combinations(choices) }

  /// Reads a plan; the decoder's registry says which methods there are.
  ///
  /// An earlier version's plan has settings under earlier names, and its arms are lists of assignments.
  ///
  /// - Throws: `DecodingError`, or what settings throw.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    study = try container.decode(String.self, forKey: .study)
    let registry = MethodRegistry.userInfoKey.flatMap { decoder.userInfo[$0] as? MethodRegistry }
    let common = try RunConfiguration(
      stored: container.decode(JSONValue.self, forKey: .configuration), methods: registry ?? .builtIn,
      source: "configuration")
    configuration = common
    arms = try (try? container.decode([Arm].self, forKey: .arms))
      ?? container.decode([EarlierArm].self, forKey: .arms).map { try $0.definition.resolved(over: common) }
    seeds = try container.decode([UInt64].self, forKey: .seeds)
    choices = try container.decode([Choice].self, forKey: .choices)
    threshold = try container.decode(Double.self, forKey: .threshold)
    tolerance = try container.decode(Double.self, forKey: .tolerance)
    spacing = try container.decodeIfPresent(PixelSpacing.self, forKey: .spacing)
    version = try container.decode(String.self, forKey: .version)
  }

  private enum CodingKeys: String, CodingKey {
    case study, configuration, arms, seeds, choices, threshold, tolerance, spacing, version
  }

  /// An arm as an earlier version stored it.
  private struct EarlierArm: Decodable {
    let name: String
    let settings: [String]

    var definition: ArmDefinition {
      get throws {
        let settings = settings
        return try ArmDefinition(name) { for text in settings { try $0.set(text) } }
      }
    }
  }

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
    try candidate.reduce(into: arm.applied(to: configuration)) { try $0.set($1, source: "to be chosen:") }
  }

  /// The settings that all runs share, by dotted name.
  ///
  /// Without what differs between them, and without folders, which say where files are on this machine and not what they hold.
  ///
  /// - Throws: `EncodingError`, which settings that were decoded never meet.
  package func sharedSettings() throws -> [String: JSONValue] {
    let names = arms.flatMap(\.settings.keys) + choices.map { RunConfiguration.presentName($0.setting) }
    let own = Self.ownOfFold.union(names).union(["model.method"])
    var settings = try JSONValue(encoding: configuration).leaves.filter { leaf in
      !own.contains { leaf.key == $0 || leaf.key.hasPrefix($0 + ".") }
    }
    if settings["clip"] != nil { settings["clip"] = .string(clipName) }
    return settings
  }

  /// The CLIP model without the folder that it lies in.
  package var clipName: String {
    let name = configuration.clip ?? ""
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
