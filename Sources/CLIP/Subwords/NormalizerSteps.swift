import Foundation
import Storage

/// The normaliser of a `tokenizer.json`: steps that change a text one after another.
///
/// Each step agrees with the library tokenizers. A step of another kind is refused.
struct NormalizerSteps: Sendable {
  /// One step.
  enum Step: Sendable {
    case lowercase
    case replace(Pattern, with: [Unicode.Scalar])
    case strip(left: Bool, right: Bool)
    case prepend([Unicode.Scalar])
    case composed, decomposed, compatible, compatibleDecomposed
    case map(CharacterMap)
  }

  /// The text that a step replaces.
  enum Pattern: Sendable {
    case text([Unicode.Scalar])
    /// Runs of at least some characters of a set.
    case run(@Sendable (Unicode.Scalar) -> Bool, least: Int, joins: Bool)
  }

  private(set) var steps: [Step] = []

  /// Makes steps.
  init(_ steps: [Step] = []) { self.steps = steps }

  /// Reads the normaliser of a document; null is none.
  ///
  /// - Throws: `CLIPError` that names the file and the step.
  init(_ reader: inout SettingsReader) throws {
    guard let part = try reader.settings("normalizer") else { return }
    try read(part)
    guard steps.count <= Self.most else {
      throw CLIPError.badFile(
        part.file, reason: "normalizer has \(steps.count) steps; at most \(Self.most) are possible")
    }
    guard steps.reduce(1, { $0 * $1.growth }) <= Self.mostGrowth else {
      throw CLIPError.badFile(
        part.file,
        reason: "the replacements of normalizer may make a text more than \(Int(Self.mostGrowth)) times as "
          + "long")
    }
  }

  /// The most steps.
  private static let most = 64
  /// The most characters that replacements may make of one; a real map makes 18 of it.
  private static let mostGrowth = 100.0

  private static let kinds = [
    "Sequence", "Lowercase", "Replace", "Strip", "Prepend", "NFC", "NFD", "NFKC", "NFKD", "Precompiled",
  ]

  private mutating func read(_ part: SettingsReader) throws {
    var part = part
    switch try part.choice("type", Self.kinds) {
    case "Sequence":
      guard let list = part.take("normalizers"), case .array(let items) = list else {
        throw CLIPError.badFile(part.file, reason: "\(part.name("normalizers")) must be a list")
      }
      for (index, item) in items.enumerated() {
        let name = part.name("normalizers[\(index)]")
        guard let members = item.members else {
          throw part.refusal("normalizers", item, "it must be an object")
        }
        guard name.count < 400 else { throw part.refusal("normalizers", item, "it is nested too deeply") }
        try read(SettingsReader(file: part.file, place: name, members: members))
      }
    case "Lowercase": steps.append(.lowercase)
    case "Strip":
      let sides = (try part.flag("strip_left") ?? true, try part.flag("strip_right") ?? true)
      steps.append(.strip(left: sides.0, right: sides.1))
    case "Prepend":
      steps.append(.prepend(Array(try part.text("prepend")?.unicodeScalars ?? "".unicodeScalars)))
    case "Replace":
      let pattern = try Pattern(&part)
      let content = try part.text("content") ?? ""
      steps.append(.replace(pattern, with: Array(content.unicodeScalars)))
    case "NFC": steps.append(.composed)
    case "NFD": steps.append(.decomposed)
    case "NFKC": steps.append(.compatible)
    case "NFKD": steps.append(.compatibleDecomposed)
    case "Precompiled":
      let name = part.name("precompiled_charsmap")
      guard let text = try part.optionalText("precompiled_charsmap") else { break }
      guard let data = Data(base64Encoded: text) else {
        throw CLIPError.badFile(part.file, reason: "\(name) is not base64; fetch it again")
      }
      if !data.isEmpty { steps.append(.map(try CharacterMap([UInt8](data), part.file, name))) }
    default:
      throw CLIPError.badFile(
        part.file, reason: "\(part.name("type")) is missing; supported: \(Self.kinds.joined(separator: ", "))"
      )
    }
    try part.finish()
  }

  /// Normalises a text.
  func callAsFunction(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    steps.reduce(text) { $1($0) }
  }
}

extension NormalizerSteps.Pattern {
  /// Reads the pattern of a replacement: a text, or one of the regular expressions of such files.
  ///
  /// - Throws: `CLIPError.badSetting` for another regular expression.
  init(_ reader: inout SettingsReader) throws {
    guard var pattern = try reader.settings("pattern") else {
      throw CLIPError.badFile(
        reader.file, reason: "\(reader.name("pattern")) is missing; fetch the file again")
    }
    if let text = try pattern.text("String") {
      self = .text(Array(text.unicodeScalars))
      try pattern.finish()
      return
    }
    let expression = try pattern.text("Regex") ?? ""
    guard let found = Self.run(Array(expression.unicodeScalars)) else {
      throw pattern.refusal(
        "Regex", .string(expression),
        "supported: \\s and sets of characters in brackets, followed by + or {2,}")
    }
    self = found
    try pattern.finish()
  }

  /// Reads `\s`, a space or a set in brackets, with `+`, `{n,}` or nothing behind it.
  private static func run(_ expression: [Unicode.Scalar]) -> NormalizerSteps.Pattern? {
    var rest = expression[...]
    let contains: @Sendable (Unicode.Scalar) -> Bool
    if rest.starts(with: ["\\", "s"]) {
      rest = rest.dropFirst(2)
      contains = { $0.properties.isWhitespace }
    } else if rest.first == "[" {
      rest = rest.dropFirst()
      guard let set = characters(&rest) else { return nil }
      contains = { set.contains($0) }
    } else if rest.first == " " {
      rest = rest.dropFirst()
      contains = { $0 == " " }
    } else {
      return nil
    }
    switch String(String.UnicodeScalarView(rest)) {
    case "": return .run(contains, least: 1, joins: false)
    case "+": return .run(contains, least: 1, joins: true)
    case "{2,}": return .run(contains, least: 2, joins: true)
    default: return nil
    }
  }

  /// Reads the set behind a bracket: characters, escaped ones and ranges of ASCII.
  private static func characters(_ rest: inout ArraySlice<Unicode.Scalar>) -> Set<Unicode.Scalar>? {
    var set: Set<Unicode.Scalar> = []
    var start: Unicode.Scalar?
    while var scalar = rest.popFirst() {
      let isEscaped = scalar == "\\"
      if scalar == "]" { return set.isEmpty ? nil : set }
      // A nested set, a negation and intersections are not read.
      if scalar == "[" || scalar == "^" && set.isEmpty || scalar == "&" && rest.first == "&" { return nil }
      if isEscaped {
        guard let next = rest.popFirst(), !(next.properties.isAlphabetic || ("0"..."9").contains(next)) else {
          return nil
        }
        scalar = next
      }
      if scalar == "-", !isEscaped, let first = start, let last = rest.first, last != "]", last != "\\" {
        guard first.value <= last.value, last.value < 128 else { return nil }
        set.formUnion((first.value...last.value).compactMap(Unicode.Scalar.init))
        rest = rest.dropFirst()
        start = nil
      } else {
        set.insert(scalar)
        start = scalar
      }
    }
    return nil
  }
}

extension NormalizerSteps.Step {
  /// The most characters that a replacement makes of one; 1 for other steps, which repeat no growth.
  fileprivate var growth: Double {
    switch self {
    case .replace(.text(let pattern), let content):
      max(1, Double(content.count) / Double(max(1, pattern.count)))
    case .replace(.run(_, let least, _), let content): max(1, Double(content.count) / Double(max(1, least)))
    case .prepend(let content): Double(1 + content.count)
    case .map(let map): Double(max(1, map.longest))
    case .lowercase, .strip, .composed, .decomposed, .compatible, .compatibleDecomposed: 1
    }
  }

  /// Applies the step.
  func callAsFunction(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    func whole(_ change: (String) -> String) -> [Unicode.Scalar] {
      Array(change(String(String.UnicodeScalarView(text))).unicodeScalars)
    }
    switch self {
    case .lowercase: return text.flatMap { Array($0.properties.lowercaseMapping.unicodeScalars) }
    case .replace(.text(let pattern), let content): return Self.replaced(pattern, in: text, with: content)
    case .replace(.run(let contains, let least, let joins), let content):
      return Self.replaced(contains, least, joins, in: text, with: content)
    case .strip(let left, let right):
      var rest = text[...]
      if left { rest = rest.drop { $0.properties.isWhitespace } }
      if right { while rest.last?.properties.isWhitespace == true { rest.removeLast() } }
      return Array(rest)
    case .prepend(let content): return text.isEmpty ? [] : content + text
    case .composed: return whole(\.precomposedStringWithCanonicalMapping)
    case .decomposed: return whole(\.decomposedStringWithCanonicalMapping)
    case .compatible: return whole(\.precomposedStringWithCompatibilityMapping)
    case .compatibleDecomposed: return whole(\.decomposedStringWithCompatibilityMapping)
    case .map(let map): return Self.mapped(text, map)
    }
  }

  private static func replaced(
    _ pattern: [Unicode.Scalar], in text: [Unicode.Scalar], with content: [Unicode.Scalar]
  ) -> [Unicode.Scalar] {
    guard let first = pattern.first else { return text }
    var (result, place) = ([Unicode.Scalar](), 0)
    while place < text.count {
      if text[place] == first, text[place...].starts(with: pattern) {
        result += content
        place += pattern.count
      } else {
        result.append(text[place])
        place += 1
      }
    }
    return result
  }

  private static func replaced(
    _ contains: (Unicode.Scalar) -> Bool, _ least: Int, _ joins: Bool, in text: [Unicode.Scalar],
    with content: [Unicode.Scalar]
  ) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var rest = text[...]
    while let scalar = rest.first {
      let run = joins ? rest.prefix(while: contains) : contains(scalar) ? rest.prefix(1) : rest.prefix(0)
      if run.count >= least {
        result += content
        rest = rest.dropFirst(run.count)
      } else {
        let kept = max(1, run.count)
        result += rest.prefix(kept)
        rest = rest.dropFirst(kept)
      }
    }
    return result
  }

  /// Replaces characters by a table, as the library tokenizers does: user-perceived characters of
  /// less than six bytes first, by the shortest known text at their start, then single scalars.
  private static func mapped(_ text: [Unicode.Scalar], _ map: CharacterMap) -> [Unicode.Scalar] {
    var result = String.UnicodeScalarView()
    func replacement(_ part: some StringProtocol) -> String? {
      let bytes = Array(part.utf8)
      return map.replacement(in: bytes[...], at: 0, takesShortest: true)
        .map { String(decoding: $0.text, as: UTF8.self) }
    }
    for character in String(String.UnicodeScalarView(text)) {
      let part = String(character)
      if part.utf8.count < 6, let found = replacement(part) {
        result.append(contentsOf: found.unicodeScalars)
        continue
      }
      for scalar in part.unicodeScalars {
        let found = replacement(String(scalar))
        result.append(contentsOf: (found ?? String(scalar)).unicodeScalars)
      }
    }
    return Array(result)
  }
}
