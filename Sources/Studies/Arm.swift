import Foundation
import Metrics
import Segmentation
import Training

/// One way of training that is compared with others: a name, and how its settings differ from the common ones.
package struct Arm: Hashable, Codable, Sendable {
  /// What tables and folders call it.
  package let name: String
  /// Settings by dotted name, as `--set` takes them: `model.intervention.depth=5`.
  package let settings: [String]

  /// Names an arm.
  ///
  /// - Parameters:
  ///   - name: letters, digits, dots, hyphens and underscores, for folders are named after it.
  ///   - settings: assignments by dotted name; none for the common settings as they are.
  /// - Throws: `ConfigurationError` for another name.
  package init(_ name: String, settings: [String]) throws {
    let isPlain = name.unicodeScalars.allSatisfy {
      $0.isASCII && (CharacterSet.alphanumerics.contains($0) || "-_.".unicodeScalars.contains($0))
    }
    guard isPlain, name.contains(where: { $0.isLetter || $0.isNumber }) else {
      throw ConfigurationError(
        "the arm \"\(name)\": folders are named after it, so use letters, digits, dots, hyphens and underscores"
      )
    }
    self.init(plain: name, settings: settings)
  }

  /// Names an arm by what is known to be a folder's name.
  init(plain name: String, settings: [String]) {
    self.name = name
    self.settings = settings
  }

  /// One of the methods, with the common settings; those without an intervention are not trained on interventions.
  package init(_ method: Method) {
    name = method.name
    settings = ["model.method=\(method)"] + (method.intervenes ? [] : ["interventions.share=0"])
  }

  /// Reads `NAME` of a method or control, or `NAME:key=value,key=value`.
  ///
  /// - Throws: `ConfigurationError` that says what was wrong.
  package init(parsing text: String) throws {
    guard let colon = text.firstIndex(of: ":") else {
      guard let arm = Self.named(text) else {
        throw ConfigurationError(
          "the method \"\(text)\" is not known; use one of \(Self.knownNames), or NAME:key=value,… for one of "
            + "your own")
      }
      self = arm
      return
    }
    let name = String(text[..<colon])
    // A method with settings of its own stays that method.
    let known = Self.named(name)?.settings ?? []
    try self.init(name, settings: known + parts(of: text[text.index(after: colon)...]))
  }

  /// The method or control of a name.
  static func named(_ name: String) -> Arm? { Method(name).map { Arm($0) } ?? Control(rawValue: name)?.arm }

  /// All methods and controls, each with what it is in one line.
  package static var known: [(name: String, summary: String)] {
    Method.all.map { ($0.name, $0.summary) } + Control.allCases.map { ($0.rawValue, $0.summary) }
  }

  /// The names of all methods and controls, for messages.
  package static var knownNames: String { known.map(\.name).joined(separator: ", ") }

  /// The names of its settings.
  package var names: [String] { settings.map { String($0.prefix { $0 != "=" && $0 != "*" }) } }

  /// The common settings with this arm's laid over them.
  ///
  /// - Throws: `ConfigurationError` that names the setting.
  package func applied(to configuration: RunConfiguration) throws -> RunConfiguration {
    try settings.reduce(into: configuration) { try $0.set($1, option: "\(name):") }
  }
}

/// A setting that validation chooses: its dotted name and the values that are tried.
package struct Choice: Hashable, Codable, Sendable {
  /// The dotted name.
  package let setting: String
  /// The values, as `--set` takes them.
  package let values: [String]

  /// Reads `key=value,value,…`.
  ///
  /// - Throws: `ConfigurationError` when there is no name or fewer than two values.
  package init(parsing text: String) throws {
    let sides = text.split(separator: "=", maxSplits: 1)
    let values = sides.count == 2 ? parts(of: sides[1]) : []
    guard Set(values).count == values.count, values.count >= 2 else {
      throw ConfigurationError(
        "--choose \(text): write key=value,value with at least two values that differ, such as "
          + "optimizer.learningRate=0.001,0.005")
    }
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
