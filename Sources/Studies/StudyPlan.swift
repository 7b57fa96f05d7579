import Foundation
import Metrics
import Segmentation
import Storage
import Torch
import Training

/// The settings of training and scoring in a study; `study.json`.
///
/// A report can be made again from it.
public struct StudyPlan: Codable, Equatable, Sendable {
  /// The kind of study: `loso`, `demo`, or `ablate` with the name of the varied part.
  public var study: String
  /// The settings of every run, except for those that follow from its site, arm and seed.
  public var configuration: RunConfiguration
  /// The compared arms; the first is the reference of the others.
  public var arms: [Arm]
  /// The seeds of each arm.
  public var seeds: [UInt64]
  /// Settings that the validation split of the source sites chooses, separately in each fold.
  public var choices: [Choice] = []
  /// The images on which candidates are compared.
  public var selection = CandidateSelection.validation
  /// The rule of lesion pixels; nil for that of each run's settings, `inference.threshold`.
  public var threshold: MaskThreshold?
  /// The tolerance of the normalised surface Dice, in pixels or, with a spacing, millimetres.
  public var tolerance = 2.0
  /// Millimetres per pixel of all sites; nil measures in pixels.
  public var spacing: PixelSpacing?
  /// The version of this software.
  public var version: String

  /// Plans a study: resolves each arm's difference from the common settings.
  ///
  /// - Parameters:
  ///   - study: the kind of study.
  ///   - configuration: the common settings.
  ///   - arms: the arms; the first is the reference of the others.
  ///   - seeds: the seeds of each arm.
  /// - Throws: `SettingsError` that names the setting of an arm.
  public init(
    study: String, configuration: RunConfiguration, arms: [ArmDefinition], seeds: [UInt64]
  ) throws {
    self.study = study
    self.configuration = configuration
    self.arms = try arms.map { try $0.resolved(over: configuration) }
    self.seeds = seeds
    version = packageVersion
  }

  /// Checks that every run of the study is possible.
  ///
  /// - Parameter needsDevice: whether this machine computes the runs, so that it needs their device.
  /// - Throws: `StudyError` or `SettingsError` that names the setting.
  public func validate(needsDevice: Bool = true) throws {
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
      // A method that is not trained on interventions has no share to choose.
      if chosen.contains("interventions.share"),
        try !arm.applied(to: configuration).model.method.traits.trainsOnInterventions
      {
        throw StudyError.setAndChosen("interventions.share", arm: arm.name)
      }
      guard !chosen.contains("selection") else { throw StudyError.choosesSelection }
      if let blind = chosen.first(where: unseen) { throw StudyError.choiceUnseen(blind) }
      if (arm.settings.keys + chosen).contains("classes") { throw StudyError.classesOfArm(arm.name) }
      if let fixed = (arm.settings.keys.sorted() + chosen).first(where: Self.ownOfFold.contains) {
        throw StudyError.ownOfFold(fixed)
      }
      for candidate in candidates {
        let settings = try settings(arm, candidate)
        try needsDevice ? settings.validate() : settings.validateValues()
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

  /// Whether a setting changes nothing of the scores that choose.
  ///
  /// Validation looks at an image once. Inner folds predict with flips and turns. Both work at S with
  /// the threshold 0.5.
  private func unseen(_ setting: String) -> Bool {
    let seen = selection == .loso ? ["inference.flips", "inference.turns"] : []
    return setting.split(separator: ".").first == "inference" && !seen.contains(setting)
  }

  private static func twice(_ names: [String]) -> String? {
    names.first { name in names.filter { $0 == name }.count > 1 }
  }

  /// Settings that only a fold determines.
  private static let ownOfFold: Set = ["data", "holdOut", "sources", "seed"]

  /// Every combination of the settings that validation chooses; a single empty one without choices.
  public var candidates: [[String]] { Choice.combinations(choices) }

  /// Reads a plan; the decoder's registry holds the methods that it may name.
  ///
  /// In a plan of an earlier version, settings have earlier names and arms are lists of assignments.
  ///
  /// - Throws: `DecodingError`, or the errors of settings.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    study = try container.decode(String.self, forKey: .study)
    let common = try RunConfiguration(
      stored: container.decode(JSONValue.self, forKey: .configuration), methods: MethodRegistry(of: decoder),
      source: "configuration")
    configuration = common
    arms =
      try (try? container.decode([Arm].self, forKey: .arms))
      ?? container.decode([EarlierArm].self, forKey: .arms).map { try $0.definition.resolved(over: common) }
    seeds = try container.decode([UInt64].self, forKey: .seeds)
    choices = try container.decode([Choice].self, forKey: .choices)
    selection = try container.decodeIfPresent(CandidateSelection.self, forKey: .selection) ?? .validation
    threshold = try container.decodeIfPresent(MaskThreshold.self, forKey: .threshold)
    tolerance = try container.decode(Double.self, forKey: .tolerance)
    spacing = try container.decodeIfPresent(PixelSpacing.self, forKey: .spacing)
    version = try container.decode(String.self, forKey: .version)
  }

  private enum CodingKeys: String, CodingKey {
    case study, configuration, arms, seeds, choices, selection, threshold, tolerance, spacing, version
  }

  /// An arm as an earlier version stored it.
  private struct EarlierArm: Decodable {
    let name: String
    let settings: [String]

    var definition: ArmDefinition {
      get throws {
        let settings = settings
        return try ArmDefinition(name) {
          // An earlier version ignored options of other methods.
          for text in settings { _ = try $0.set(text) }
        }
      }
    }
  }

  /// Whether folds compare candidates by runs that hold out their source sites in turn.
  var hasInnerFolds: Bool { selection == .loso && candidates.count > 1 }

  /// Returns the settings of one run of a fold.
  ///
  /// - Parameters:
  ///   - fold: the fold.
  ///   - candidate: the assignments of the candidate.
  ///   - sites: the names of all sites.
  /// - Returns: the settings, resolved.
  /// - Throws: `StudyError` that names the setting.
  func settings(
    _ fold: LeaveOneSiteOut.Fold, _ candidate: [String], sites: [String]
  ) throws -> RunConfiguration {
    var settings = try settings(fold.arm, candidate)
    settings.holdOut = fold.site
    settings.sources = sites.filter { $0 != fold.site }
    settings.seed = fold.seed
    return settings
  }

  /// Returns the settings of an arm with those of a candidate.
  func settings(_ arm: Arm, _ candidate: [String]) throws -> RunConfiguration {
    try candidate.reduce(into: arm.applied(to: configuration)) {
      // `unreadOptions` names those that the arm does not read.
      _ = try $0.set($1, source: "to be chosen:")
    }
  }

  /// Returns whether a run of an arm with chosen settings marks lesion pixels by a rule.
  ///
  /// Any rule is right if each run chooses its own.
  ///
  /// - Throws: `SettingsError` that names the setting.
  func marks(_ arm: Arm, _ chosen: [String], by rule: MaskThreshold) throws -> Bool {
    if let threshold { return rule == threshold }
    let inference = try settings(arm, chosen).inference
    return inference.choose == .validation || rule == inference.threshold
  }

  /// Finds options that arms do not read.
  ///
  /// These are options of other methods that validation should choose, and options in the common
  /// settings if no arm has their method.
  ///
  /// - Returns: each option by its dotted name, with the arms that do not read it.
  /// - Throws: `SettingsError` that names the setting.
  package func unreadOptions() throws -> [(option: String, arms: [String])] {
    let settings = try arms.map { (name: $0.name, settings: try $0.applied(to: configuration)) }
    var found: [(option: String, arms: [String])] = try choices.compactMap { choice in
      let arms = try settings.filter { arm in
        var changed = arm.settings
        return try !changed.set("\(choice.setting)=\(choice.values[0])", source: "to be chosen:").isEmpty
      }
      return arms.isEmpty ? nil : (choice.setting, arms.map(\.name))
    }
    let method = configuration.model.method
    if !settings.contains(where: { $0.settings.model.method.name == method.name }) {
      let defaults = try configuration.methods.method(named: method.name).json.leaves
      let changed = try method.json.leaves.filter { defaults[$0.key] != $0.value }
      found += changed.keys.sorted().map { ("model.options.\($0)", settings.map(\.name)) }
    }
    return found
  }

  /// Returns the settings that all runs share, by dotted name.
  ///
  /// It omits settings that differ between runs, and folders, which state only where files are on
  /// this machine.
  ///
  /// - Throws: `EncodingError`, which settings that were decoded never meet.
  public func sharedSettings() throws -> [String: JSONValue] {
    let names = arms.flatMap(\.settings.keys) + choices.map { RunConfiguration.presentName($0.setting) }
    // Each method states its name and its share of interventions.
    let own = Self.ownOfFold.union(names).union(["model.method", "interventions.share"])
    var settings = try JSONValue(encoding: configuration).leaves.filter { leaf in
      !own.contains { leaf.key == $0 || leaf.key.hasPrefix($0 + ".") }
    }
    let chosen = configuration.inference.choose == .validation
    if threshold != nil || chosen { settings["inference.threshold"] = nil }
    if chosen { (settings["inference.smallestLesion"], settings["inference.fillHoles"]) = (nil, nil) }
    if settings["clip"] != nil { settings["clip"] = .string(clipName) }
    return settings
  }

  /// The name of the CLIP model without its folder.
  public var clipName: String { WeightsOrigin.shortName(configuration.clip ?? "") }

  /// The settings of the arms.
  private var ownSettings: [RunConfiguration] {
    arms.map { (try? $0.applied(to: configuration)) ?? configuration }
  }

  /// The rules by which the arms choose their weights, without repetition.
  private var weightsRules: [String] {
    ownSettings.map { settings in
      let isWhole = settings.averaging == .swad || settings.selection == .last
      return (isWhole ? "the " : "the epoch of the ") + settings.weightsRule
    }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// Describes in words how the epoch and the settings were chosen.
  ///
  /// - Parameter folds: the trained folds; without a score of validation images the last epoch is
  ///   used.
  /// - Returns: one sentence without its full stop.
  public func selection(_ folds: [FoldResult]) -> String {
    guard folds.contains(where: { $0.validationDice != nil }) else {
      return "the last epoch: the source sites had no validation split"
    }
    guard
      ownSettings.contains(where: { $0.selection != .markedDice })
        || folds.contains(where: { $0.validationScore != nil })
    else {
      return "the last epoch: no validation image of the source sites has a lesion"
    }
    let epoch = weightsRules.joined(separator: ", or for other methods ")
    guard !choices.isEmpty else { return epoch }
    let names = choices.map(\.setting).joined(separator: ", ")
    guard selection == .validation else {
      return
        "\(epoch); of \(names) the values with the highest mean of such scores at the source sites, each held "
        + "out in turn, in each fold for itself"
    }
    return
      "\(epoch); of \(names) the values whose chosen epoch has the highest such score, in each fold for itself"
  }
}

/// The images on which the candidates of a choice are compared.
public enum CandidateSelection: String, Codable, Sendable, CaseIterable {
  /// The validation split of the source sites.
  case validation
  /// Each source site in turn, by a run that was trained on the other source sites.
  ///
  /// It asks what the study asks, how settings do at a site that training never saw. Each candidate
  /// costs as many runs as there are source sites, and the chosen one is then trained on all of them.
  case loso
}
