import Foundation
import Segmentation
import Storage

/// The names of settings in earlier versions.
///
/// Settings files, assignments and run folders may still use them.
enum EarlierNames {
  /// Each earlier name and the present one; a longer name comes before its prefixes.
  private static let moved: [(earlier: [String], present: [String])] = names.map {
    ($0.0.split(separator: ".").map(String.init), $0.1.split(separator: ".").map(String.init))
  }

  private static let names = [
    ("interventionStart", "model.options.start"),
    ("objective.causal", "model.options.causal"),
    ("objective.contrast", "model.options.contrast"),
    ("objective.temperature", "model.options.temperature"),
    ("interventions.invariance", "model.options.invariance"),
    ("interventions.attention", "model.options.attention"),
    ("model.intervention.prior", "interventions.prior"),
    ("model.intervention", "model.options.intervention"),
    ("model.region", "model.options.region"),
  ]

  /// Returns the present path of a setting.
  static func present(_ path: [String]) -> [String] {
    guard let match = moved.first(where: { path.starts(with: $0.earlier) }) else { return path }
    return match.present + path.dropFirst(match.earlier.count)
  }

  /// Converts settings to present names and values.
  ///
  /// - Parameter settings: an object, complete or not.
  /// - Returns: the same settings under present names.
  static func present(_ settings: JSONValue) -> JSONValue {
    guard settings.members != nil else { return settings }
    var result = JSONValue.object([:])
    for (path, value) in leaves(settings, []).sorted(by: { $0.path.lexicographicallyPrecedes($1.path) }) {
      for (path, value) in present(path, value) { result.insert(value, at: path) }
    }
    return result
  }

  /// Converts a leaf to its present name and value.
  private static func present(_ path: [String], _ value: JSONValue) -> [(path: [String], value: JSONValue)] {
    let now = present(path)
    switch (path.joined(separator: "."), value) {
    // `no-mtrs` and `no-cdrl` are MCDRL with a part turned off.
    case ("model.method", .string("no-mtrs")):
      return [(now, .string(MCDRL.name)), (["model", "options", "region"], .null)]
    case ("model.method", .string("no-cdrl")):
      return [(now, .string(MCDRL.name)), (["model", "options", "intervention"], .null)]
    case ("model.region.subtractsNormal", .bool(let subtracts)):
      let score: RegionScore = subtracts ? .lessNormal : .max
      return [(["model", "options", "region", "score"], .string(score.rawValue))]
    // Zeros and empty texts meant "none".
    case ("model.intervention.width", .integer(0)), ("confounders", .integer(0)),
      ("holdOut", .string("")), ("lesionClass", .string("")), ("data", .string("")), ("clip", .string("")):
      return [(now, .null)]
    case ("model.options.pooled", .integer(let number)): return [(now, .bool(number != 0))]
    default: return [(now, value)]
    }
  }

  /// Converts the settings of an earlier version's run.
  ///
  /// A run without settings for interventions was trained without them, and one without a setting
  /// for the choice of the epoch chose it by mean Dice, whatever the present defaults are.
  static func ofRun(_ settings: JSONValue) -> JSONValue {
    guard var members = settings.members else { return settings }
    if members["interventions"] == nil { members["interventions"] = .object(["share": .integer(0)]) }
    if members["selection"] == nil { members["selection"] = .string(EpochSelection.dice.rawValue) }
    return .object(members)
  }

  /// Returns the present key of a stored tensor.
  static func tensorKey(_ key: String) -> String {
    for (earlier, present) in [
      ("model.intervention.", "model.method.intervention."), ("model.fill", "model.method.fill"),
      ("model.constant", "model.dictionary.constant"),
    ] where key.hasPrefix(earlier) {
      return present + key.dropFirst(earlier.count)
    }
    return key == "prior" ? "model.dictionary.prior" : key
  }

  private static func leaves(_ value: JSONValue, _ path: [String]) -> [(path: [String], value: JSONValue)] {
    // An empty object has no settings, except at the top.
    guard let members = value.members else { return [(path, value)] }
    return members.flatMap { leaves($0.value, path + [$0.key]) }
  }
}

extension JSONValue {
  /// Inserts a value into nested objects; an object replaces a null.
  package mutating func insert(_ value: JSONValue, at path: [String]) {
    guard let first = path.first else {
      self = value
      return
    }
    var members = self.members ?? [:]
    var child = members[first] ?? .object([:])
    // A part that is turned off stays off, even if other settings of it follow.
    if child == .null, path.count > 1 { return }
    child.insert(value, at: Array(path.dropFirst()))
    members[first] = child
    self = .object(members)
  }
}
