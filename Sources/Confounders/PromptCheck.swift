import Foundation
import Storage
import Torch

/// One error in a prompt file, and its place.
public struct PromptFault: Codable, Equatable, Sendable, CustomStringConvertible {
  /// The place, such as `groups[1].confounders[0].text`; empty for the whole file.
  public let place: String
  /// The error and the fix.
  public let reason: String

  /// Makes an error with its place.
  public init(place: String = "", reason: String) {
    self.place = place
    self.reason = reason
  }

  /// One line.
  public var description: String { place.isEmpty ? reason : "\(place): \(reason)" }
}

/// Checks the content of a prompt file and reports every error, not only the first.
struct PromptCheck {
  /// The maximum size of a prompt file, in bytes.
  static let mostBytes = 1 << 20
  /// The maximum length of a text, in characters; CLIP reads about 300.
  static let longest = 1000
  /// The maximum number of faults in the list.
  private static let mostFaults = 1000
  /// The maximum number of placeholders in a sentence.
  private static let mostPlaceholders = 10
  /// The maximum number of sentences of a class with a confounder.
  static let mostSentences = 100_000

  /// The errors in the order of the file.
  private(set) var faults: [PromptFault] = []

  init(_ document: JSONValue) {
    guard let file = object(document, "", PromptSet.CodingKeys.self) else { return }
    _ = text(file["modality"], "modality")
    let classes = words(file["classes"], "classes", of: "lesion class")
    distinct(classes)
    distinct(words(file["normal"], "normal", of: "sentence for an image without a lesion"))
    if let templates = file["templates"] { check(templates: templates) }
    let confounders = check(groups: list(file["groups"], "groups", of: "group of confounders"))
    let templates = file["templates"]?.members?["joint"]
    let joint: Int = if case .array(let items)? = templates { items.count } else { 1 }
    // No product overflows, because each factor is below the size of the file.
    let sentences = classes.count * confounders * joint
    if sentences > Self.mostSentences {
      report(
        "",
        "\(classes.count) classes, \(confounders) confounders and \(joint) templates make \(sentences) "
          + "sentences; at most \(Self.mostSentences) are possible")
    }
  }

  private mutating func check(templates: JSONValue) {
    guard let templates = object(templates, "templates", PromptSet.Templates.CodingKeys.self) else { return }
    let names: [PromptPlaceholder] = [.name, .withArticle, .withCapitalArticle]
    template(templates["class"], "templates.class", wants: [names])
    template(templates["confounder"], "templates.confounder", wants: [[.domain]])
    template(templates["joint"], "templates.joint", wants: [names, [.domain]])
  }

  /// Returns the number of confounders.
  private mutating func check(groups: [JSONValue]) -> Int {
    var (kinds, names, texts) = ([Found](), [Found](), [Found]())
    for (index, value) in groups.enumerated() {
      let place = "groups[\(index)]"
      guard let group = object(value, place, PromptSet.Group.CodingKeys.self) else { continue }
      kinds += text(group["name"], place + ".name").map { [$0] } ?? []
      let members = list(group["confounders"], place + ".confounders", of: "confounder")
      for (index, value) in members.enumerated() {
        let place = "\(place).confounders[\(index)]"
        guard
          let member = object(
            value, place, PromptSet.Confounder.CodingKeys.self, optional: [.mechanism, .strength])
        else { continue }
        names += text(member["name"], place + ".name").map { [$0] } ?? []
        texts += word(member["text"], place + ".text").map { [$0] } ?? []
        mechanism(member["mechanism"], strength: member["strength"], place)
      }
    }
    distinct(kinds)
    distinct(names)
    distinct(texts)
    return texts.count
  }

  /// An existing text and its place.
  private typealias Found = (place: String, text: String)

  private mutating func report(_ place: String, _ reason: String) {
    guard faults.count < Self.mostFaults else { return }
    let isLast = faults.count == Self.mostFaults - 1
    faults.append(
      isLast
        ? PromptFault(reason: "further faults are not listed") : PromptFault(place: place, reason: reason))
  }

  /// Reports unknown mechanisms and invalid ranges of strength.
  private mutating func mechanism(_ value: JSONValue?, strength: JSONValue?, _ place: String) {
    if let (_, name) = text(value, place + ".mechanism"), Mechanism(rawValue: name) == nil {
      let names = Mechanism.allCases.map(\.rawValue)
      report(
        place + ".mechanism",
        "\"\(name)\" is not known" + Spelling.suggestion(for: name, among: names)
          + " Known are \(names.joined(separator: ", "))")
    }
    guard let strength else { return }
    if value == nil {
      report(place + ".strength", "belongs to a mechanism, and there is none; add \"mechanism\" or remove it")
    }
    let numbers: [Double] =
      if case .array(let items) = strength { items.compactMap(\.number) } else { [] }
    guard case .array(let items) = strength, items.count == 2, numbers.count == 2, numbers[0] > 0,
      numbers[0] <= numbers[1], numbers[1] <= 1
    else {
      report(
        place + ".strength",
        "must be the weakest and the strongest, such as [0.3, 1], above 0, at most 1, the weakest first; it is "
          + strength.text)
      return
    }
  }

  /// Returns the members of an object that may have only these keys; some are optional.
  private mutating func object<Key: CodingKey & CaseIterable & Equatable>(
    _ value: JSONValue, _ place: String, _ type: Key.Type, optional: [Key] = []
  ) -> [String: JSONValue]? {
    let keys = type.allCases.map(\.stringValue)
    let needed = type.allCases.filter { !optional.contains($0) }.map(\.stringValue)
    guard let members = value.members else {
      report(place, "must be an object with \(needed.joined(separator: ", ")); it is \(value.kind)")
      return nil
    }
    for key in members.keys.sorted() where !keys.contains(key) {
      report(place, "the key \"\(key)\" is not known" + Spelling.suggestion(for: key, among: keys))
    }
    for key in type.allCases where members[key.stringValue] == nil && !optional.contains(key) {
      report(place, "\"\(key.stringValue)\" is missing")
    }
    return members
  }

  /// Returns a list that is not empty; the object around it reports a missing one.
  private mutating func list(_ value: JSONValue?, _ place: String, of what: String) -> [JSONValue] {
    guard let value else { return [] }
    guard case .array(let items) = value else {
      report(place, "must be a list between [ and ]; it is \(value.kind)")
      return []
    }
    if items.isEmpty { report(place, "is empty; give at least one \(what)") }
    return items
  }

  private mutating func text(_ value: JSONValue?, _ place: String) -> Found? {
    guard let value else { return nil }
    guard case .string(let text) = value else {
      report(place, "must be a text in quotes; it is \(value.kind)")
      return nil
    }
    guard text.contains(where: { !$0.isWhitespace }) else {
      report(place, "is empty; write something or remove it")
      return nil
    }
    guard text.count <= Self.longest else {
      report(place, "has more than \(Self.longest) characters; shorten it")
      return nil
    }
    return (place, text)
  }

  /// Returns a text that goes into sentences without change.
  private mutating func word(_ value: JSONValue?, _ place: String) -> Found? {
    guard let found = text(value, place) else { return nil }
    if found.text.contains(where: { $0 == "{" || $0 == "}" }) {
      report(place, "\"\(found.text)\" has a brace; { and } belong in templates only")
    }
    return found
  }

  private mutating func words(_ value: JSONValue?, _ place: String, of what: String) -> [Found] {
    var found: [Found] = []
    for (index, item) in list(value, place, of: what).enumerated() {
      if let word = word(item, "\(place)[\(index)]") { found.append(word) }
    }
    return found
  }

  /// Reports duplicate texts; CLIP reads capital letters as small letters.
  private mutating func distinct(_ found: [Found]) {
    var first: [String: String] = [:]
    for (place, text) in found {
      let key = text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
      if let other = first[key] {
        report(place, "\"\(text)\" stands at \(other) already; each must be there once")
      } else {
        first[key] = place
      }
    }
  }

  /// Checks a template: one sentence, or a list of different sentences.
  private mutating func template(_ value: JSONValue?, _ place: String, wants: [[PromptPlaceholder]]) {
    guard case .array? = value else {
      _ = sentence(value, place, wants: wants)
      return
    }
    var found: [Found] = []
    for (index, item) in list(value, place, of: "sentence").enumerated() {
      if let sentence = sentence(item, "\(place)[\(index)]", wants: wants) { found.append(sentence) }
    }
    distinct(found)
  }

  /// Reports placeholders that are unknown, in the wrong template, or missing.
  ///
  /// - Parameters:
  ///   - value: a sentence of the template.
  ///   - place: its place in the file.
  ///   - wants: for each required part of the sentence, the placeholders that provide it.
  /// - Returns: the sentence, if there is one.
  private mutating func sentence(
    _ value: JSONValue?, _ place: String, wants: [[PromptPlaceholder]]
  ) -> Found? {
    guard let sentence = text(value, place) else { return nil }
    guard let found = Self.placeholders(in: sentence.text) else {
      report(place, "\"\(sentence.text)\" has a brace without its partner; write placeholders as {class}")
      return sentence
    }
    if found.count > Self.mostPlaceholders {
      report(place, "has more than \(Self.mostPlaceholders) placeholders")
    }
    let allowed = wants.flatMap { $0 }.map(\.rawValue)
    for name in found where !allowed.contains(name) {
      let isKnown = PromptPlaceholder(rawValue: name) != nil
      report(
        place,
        isKnown
          ? "\(name) has no place in this template; it may hold \(allowed.joined(separator: ", "))"
          : "\(name) is not known" + Spelling.suggestion(for: name, among: allowed, quoted: false))
    }
    for choices in wants where !choices.contains(where: { found.contains($0.rawValue) }) {
      report(place, "lacks \(choices.map(\.rawValue).joined(separator: " or "))")
    }
    return sentence
  }

  /// Finds all `{…}` of a template; nil if a brace has no partner.
  private static func placeholders(in text: String) -> [String]? {
    func isBrace(_ character: Character) -> Bool { character == "{" || character == "}" }
    var found: [String] = []
    var rest = text[...]
    while let open = rest.firstIndex(where: isBrace) {
      let after = rest.index(after: open)
      guard rest[open] == "{", let close = rest[after...].firstIndex(where: isBrace), rest[close] == "}"
      else {
        return nil
      }
      found.append(String(rest[open...close]))
      rest = rest[rest.index(after: close)...]
    }
    return found
  }
}

extension JSONValue {
  /// The number, if this is one.
  fileprivate var number: Double? { double }

  /// The common name of this kind of value.
  fileprivate var kind: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer, .unsigned, .number: "a number"
    case .string: "a text"
    case .array: "a list"
    case .object: "an object"
    }
  }
}
