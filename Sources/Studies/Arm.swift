import Foundation
import Segmentation
import Storage
import Training

/// One way of training in a comparison: a name, and its differences from the common settings.
///
/// `ArmDefinition` defines how settings change. The difference is resolved once, when a study is
/// planned.
public struct Arm: Hashable, Codable, Sendable {
  /// The name in tables and folders.
  public let name: String
  /// The resolved difference: each setting by its dotted name, with its value.
  package let settings: [String: JSONValue]

  init(name: String, settings: [String: JSONValue]) {
    self.name = name
    self.settings = settings
  }

  /// Merges this arm's settings into the common settings.
  ///
  /// - Throws: `SettingsError` that names the setting.
  package func applied(to configuration: RunConfiguration) throws -> RunConfiguration {
    var changed = configuration
    var tree = JSONValue.object([:])
    for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
      tree.insert(value, at: name.split(separator: ".").map(String.init))
    }
    _ = try changed.lay(tree, source: name)
    return changed
  }
}

/// An arm before a study is planned: a name and a change of settings.
public struct ArmDefinition: Sendable {
  /// The name in tables and folders.
  public let name: String
  /// A one-line description; empty for an arm that a user defines.
  public let summary: String
  /// The assignments among its changes, in order, such as `epochs*=2`.
  package let assignments: [String]
  private let change: @Sendable (inout RunConfiguration) throws -> Void

  /// Defines an arm.
  ///
  /// - Parameters:
  ///   - name: letters, digits, dots, hyphens and underscores, because folders have this name.
  ///   - change: changes the common settings.
  /// - Throws: `StudyError.armName` for another name.
  public init(_ name: String, _ change: @escaping @Sendable (inout RunConfiguration) throws -> Void) throws {
    let isPlain = name.unicodeScalars.allSatisfy {
      $0.isASCII && (CharacterSet.alphanumerics.contains($0) || "-_.".unicodeScalars.contains($0))
    }
    guard isPlain, name.contains(where: { $0.isLetter || $0.isNumber }) else {
      throw StudyError.armName(name)
    }
    self.init(plain: name, summary: "", change)
  }

  init(
    plain name: String, summary: String, assignments: [String] = [],
    _ change: @escaping @Sendable (inout RunConfiguration) throws -> Void
  ) {
    self.name = name
    self.summary = summary
    self.assignments = assignments
    self.change = change
  }

  /// Makes an arm of a method.
  ///
  /// The method has its default options. If the common settings name the same method, it has their
  /// options. If a method trains on interventions only on request, the arm drops a share of the
  /// common settings, so that it is not trained on them.
  public init(_ method: MethodChoice) {
    self.init(plain: method.name, summary: method.summary) { configuration in
      if configuration.model.method.name != method.name { configuration.model.method = method }
      if !method.traits.trainsOnInterventions { configuration.interventions.share = nil }
    }
  }

  /// The baseline.
  public static var baseline: ArmDefinition { ArmDefinition(.baseline) }
  /// The baseline shown interventions as augmentation.
  public static var baselineInterventions: ArmDefinition { ArmDefinition(.baselineInterventions) }
  /// The paper's method with training on interventions.
  public static var mcdrl: ArmDefinition { ArmDefinition(.mcdrl) }

  /// Returns the same arm with one more change after its own.
  func changing(
    _ name: String, _ summary: String, _ more: @escaping @Sendable (inout RunConfiguration) throws -> Void
  ) -> ArmDefinition {
    let change = change
    return ArmDefinition(plain: name, summary: summary, assignments: assignments) { configuration in
      try change(&configuration)
      try more(&configuration)
    }
  }

  /// Returns the same arm with assignments such as `epochs*=2` after its own changes.
  func changing(_ name: String, _ summary: String, assignments more: [String]) -> ArmDefinition {
    let change = change
    return ArmDefinition(plain: name, summary: summary, assignments: assignments + more) { configuration in
      try change(&configuration)
      for assignment in more {
        if let stranger = try configuration.set(assignment, source: "\(name):").first {
          throw SettingsError.othersOption(
            source: "\(name): \(assignment)", name: stranger, method: configuration.model.method.name)
        }
      }
    }
  }

  /// Applies the change.
  ///
  /// - Throws: `SettingsError` that names the setting.
  package func apply(to configuration: inout RunConfiguration) throws { try change(&configuration) }

  /// Resolves the arm against common settings: returns its differences.
  ///
  /// - Throws: `SettingsError` that names the setting.
  package func resolved(over common: RunConfiguration) throws -> Arm {
    var changed = common
    try change(&changed)
    let differences = try changed.differences(from: common)
    return Arm(
      name: name, settings: Dictionary(differences.map { ($0.name, $0.value) }) { first, _ in first })
  }
}

extension ArmDefinition {
  /// Reads `NAME` of a method or control, or `NAME:key=value,key=value`.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - methods: the methods that may be named.
  /// - Throws: `StudyError` or `SettingsError` with the error.
  package init(parsing text: String, methods: MethodRegistry = .builtIn) throws {
    let known = Self.known(methods)
    guard let colon = text.firstIndex(of: ":") else {
      guard let arm = known.first(where: { $0.name == text }) else {
        throw StudyError.unknownMethod(text, known: known.map(\.name))
      }
      self = arm
      return
    }
    let name = String(text[..<colon])
    let assignments = parts(of: text[text.index(after: colon)...])
    // A method with its own settings stays that method.
    let base = known.first { $0.name == name }
    self = try (base ?? ArmDefinition(name) { _ in }).changing(name, "", assignments: assignments)
  }

  /// All methods and controls.
  package static func known(_ methods: MethodRegistry) -> [ArmDefinition] {
    let own = methods.methods.map { ArmDefinition($0) }
    return own + Control.allCases.map(\.arm)
  }
}

/// A setting that validation chooses: its dotted name and its candidate values.
public struct Choice: Hashable, Codable, Sendable {
  /// The dotted name.
  public let setting: String
  /// The values, in the form of `key=value`.
  public let values: [String]

  /// Reads `key=value,value,…`.
  ///
  /// - Throws: `StudyError.choice` if there is no name, or there are fewer than two values.
  public init(parsing text: String) throws {
    let sides = text.split(separator: "=", maxSplits: 1)
    let values = sides.count == 2 ? parts(of: sides[1]) : []
    guard Set(values).count == values.count, values.count >= 2 else { throw StudyError.choice(text) }
    setting = String(sides[0])
    self.values = values
  }

  /// Returns every combination of the values of some choices; the last varies fastest.
  ///
  /// Without a choice there is one empty combination.
  static func combinations(_ choices: [Choice]) -> [[String]] {
    choices.reduce([[]]) { found, choice in
      found.flatMap { start in choice.values.map { start + ["\(choice.setting)=\($0)"] } }
    }
  }
}

/// Splits a text at commas outside brackets, because a value may be a list.
private func parts(of text: Substring) -> [String] {
  var (parts, depth) = ([""], 0)
  for character in text {
    depth += "[{".contains(character) ? 1 : "]}".contains(character) ? -1 : 0
    if character == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
  }
  return parts.filter { !$0.isEmpty }
}
