import Foundation
import Segmentation
import Storage
import Training

/// One way of training that is compared with others: a name, and the settings that differ from the common ones.
///
/// `ArmDefinition` says how settings change; the difference is resolved once, when a study is planned.
public struct Arm: Hashable, Codable, Sendable {
  /// The name in tables and folders.
  public let name: String
  /// The resolved difference: each setting by its dotted name, with its value.
  package let settings: [String: JSONValue]

  init(name: String, settings: [String: JSONValue]) {
    self.name = name
    self.settings = settings
  }

  /// The common settings with this arm's laid over them.
  ///
  /// - Throws: `SettingsError` that names the setting.
  package func applied(to configuration: RunConfiguration) throws -> RunConfiguration {
    var changed = configuration
    var tree = JSONValue.object([:])
    for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
      tree.insert(value, at: name.split(separator: ".").map(String.init))
    }
    try changed.lay(tree, source: name)
    return changed
  }
}

/// An arm before a study is planned: a name and a change of settings.
public struct ArmDefinition: Sendable {
  /// The name in tables and folders.
  public let name: String
  /// A one-line description; empty for an arm of the user's own.
  public let summary: String
  private let change: @Sendable (inout RunConfiguration) throws -> Void

  /// Defines an arm.
  ///
  /// - Parameters:
  ///   - name: letters, digits, dots, hyphens and underscores, for folders are named after it.
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
    plain name: String, summary: String, _ change: @escaping @Sendable (inout RunConfiguration) throws -> Void
  ) {
    self.name = name
    self.summary = summary
    self.change = change
  }

  /// A method with its default options, or with the common ones where these are its own.
  ///
  /// A method that does not train on interventions unless it is told to turns them off.
  public init(_ method: MethodChoice) {
    self.init(plain: method.name, summary: method.summary) { configuration in
      if configuration.model.method.name != method.name { configuration.model.method = method }
      if !method.traits.trainsOnInterventions { configuration.interventions.share = 0 }
    }
  }

  /// The baseline.
  public static var baseline: ArmDefinition { ArmDefinition(.baseline) }
  /// The paper's method with training on interventions.
  public static var mcdrl: ArmDefinition { ArmDefinition(.mcdrl) }

  /// The same with one more change after its own.
  func changing(
    _ name: String, _ summary: String, _ more: @escaping @Sendable (inout RunConfiguration) throws -> Void
  ) -> ArmDefinition {
    let change = change
    return ArmDefinition(plain: name, summary: summary) { configuration in
      try change(&configuration)
      try more(&configuration)
    }
  }

  /// Applies the change.
  ///
  /// - Throws: `SettingsError` that names the setting.
  package func apply(to configuration: inout RunConfiguration) throws { try change(&configuration) }

  /// The arm over common settings: the resolved difference.
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
  ///   - text: as it was written.
  ///   - methods: the methods that may be named.
  /// - Throws: `StudyError` or `SettingsError` that says what was wrong.
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
    // A method with settings of its own stays that method.
    let base = known.first { $0.name == name }
    try self.init(name) { configuration in
      try base?.apply(to: &configuration)
      for assignment in assignments { try configuration.set(assignment, source: "\(name):") }
    }
  }

  /// All methods and controls.
  package static func known(_ methods: MethodRegistry) -> [ArmDefinition] {
    let own = methods.methods.map { ArmDefinition($0) }
    return own + Control.allCases.map(\.arm)
  }
}

/// A setting that validation chooses: its dotted name and the values that are tried.
public struct Choice: Hashable, Codable, Sendable {
  /// The dotted name.
  public let setting: String
  /// The values, as `key=value` takes them.
  public let values: [String]

  /// Reads `key=value,value,…`.
  ///
  /// - Throws: `StudyError.choice` when there is no name or fewer than two values.
  public init(parsing text: String) throws {
    let sides = text.split(separator: "=", maxSplits: 1)
    let values = sides.count == 2 ? parts(of: sides[1]) : []
    guard Set(values).count == values.count, values.count >= 2 else { throw StudyError.choice(text) }
    setting = String(sides[0])
    self.values = values
  }

  /// Every combination of the values of some choices, the last varying fastest; one empty one of no choice.
  static func combinations(_ choices: [Choice]) -> [[String]] {
    choices.reduce([[]]) { found, choice in
      found.flatMap { start in choice.values.map { start + ["\(choice.setting)=\($0)"] } }
    }
  }
}

/// Parts at commas outside brackets, for a value may be a list.
private func parts(of text: Substring) -> [String] {
  var (parts, depth) = ([""], 0)
  for character in text {
    depth += "[{".contains(character) ? 1 : "]}".contains(character) ? -1 : 0
    if character == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
  }
  return parts.filter { !$0.isEmpty }
}
