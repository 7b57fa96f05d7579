import Foundation

/// The cleaning of text before it is split into words; the two families of CLIP files differ.
public enum TextCleaning: String, Codable, Sendable {
  /// Hugging Face's `CLIPTokenizer`: NFC, white space collapsed, lower case letter by letter.
  case huggingFace
  /// OpenAI's and OpenCLIP's tokenizer.
  ///
  /// It applies repairs of `ftfy`, resolves HTML references twice, collapses white space and lowers
  /// the case of the whole text. It has every repair of `ftfy` except one: the decoding of text
  /// that was read in a wrong encoding ("Ã©" for "é").
  case openCLIP

  /// Cleans a text.
  func callAsFunction(_ text: String) -> String {
    switch self {
    case .huggingFace:
      let normal = text.precomposedStringWithCanonicalMapping.unicodeScalars
      var clean = ""
      var isAfterSpace = false
      for scalar in normal {
        let isSpace = scalar.properties.isWhitespace
        if !isSpace { clean += scalar.properties.lowercaseMapping } else if !isAfterSpace { clean += " " }
        isAfterSpace = isSpace
      }
      return clean
    case .openCLIP:
      return Self.lowercased(Self.repaired(text))
    }
  }

  /// Cleans a text as OpenCLIP does, without lowering its case.
  static func repaired(_ text: String) -> [Unicode.Scalar] {
    let repaired = TextRepair.fixed(Array(text.unicodeScalars))
    let plain = CharacterReferences.resolved(CharacterReferences.resolved(repaired))
    return Array(plain.split(whereSeparator: isPythonSpace).joined(separator: [" "]))
  }

  /// Returns whether Python's `str.split()` splits at a character.
  ///
  /// It splits at Unicode's white space and four separators of ASCII.
  static func isPythonSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// Lowers the case by Unicode's rules, with the word-final sigma.
  static func lowercased(_ scalars: [Unicode.Scalar]) -> String {
    var lower = ""
    for (index, scalar) in scalars.enumerated() {
      guard scalar == "\u{3A3}" else {
        lower += scalar.properties.lowercaseMapping
        continue
      }
      let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
      let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
      let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
      lower += isFinal ? "\u{3C2}" : "\u{3C3}"
    }
    return lower
  }
}

/// The repairs of the Python package `ftfy`, line by line.
private enum TextRepair {
  static func fixed(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var resolves = true
    var rest = text[...]
    while !rest.isEmpty {
      let end = rest.firstIndex(of: "\n").map { $0 + 1 } ?? rest.endIndex
      let line = Array(rest[..<end])
      rest = rest[end...]
      // Text with a "<" may be HTML, where references have a meaning. ftfy then resolves none in
      // this and all further lines.
      if line.contains("<") { resolves = false }
      result += settled(line, resolves)
    }
    return result
  }

  private static func settled(_ line: [Unicode.Scalar], _ resolves: Bool) -> [Unicode.Scalar] {
    var text = line
    while true {
      let before = text
      // The order of repairs matters to terminal escapes, of which none is left after the first time.
      if resolves, text.contains("\u{1B}") {
        text = CharacterReferences.resolvedStrictly(text).flatMap(replacement)
      } else {
        text = resolves ? CharacterReferences.resolvedStrictly(text, repaired) : text.flatMap(replacement)
      }
      text = withoutTerminalEscapes(unixLines(text)).filter { !isControl($0.value) }
      var view = String.UnicodeScalarView()
      view.append(contentsOf: text)
      text = Array(String(view).precomposedStringWithCanonicalMapping.unicodeScalars)
      if text == before { return text }
    }
  }

  /// Returns the form of a character that may be a part of a reference.
  ///
  /// It is empty for a control character. It is a semicolon for the Greek question mark, which
  /// normalises to it.
  private static func repaired(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    replacement(scalar).compactMap { repaired in
      if repaired == "\u{37E}" { return ";" }
      return isControl(repaired.value) ? nil : repaired
    }
  }

  /// Returns the repaired form of a character.
  ///
  /// Control codes become Windows-1252, ligatures are split, full and half widths become normal,
  /// and quotes become straight.
  private static func replacement(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    switch scalar.value {
    case 0x80...0x9F: plain(CharacterReferences.windows(scalar))
    default: plain(scalar)
    }
  }

  private static func plain(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    let wide: [Unicode.Scalar]
    switch scalar.value {
    case 0x149: wide = ["'", "n"]
    case 0x132, 0x133, 0x1C4...0x1CC, 0x1F1...0x1F3, 0xFB00...0xFB04, 0xFB06, 0xFF01...0xFFEF:
      wide = Array(String(scalar).precomposedStringWithCompatibilityMapping.unicodeScalars)
    case 0xFB05: wide = ["\u{17F}", "t"]
    case 0x3000: wide = [" "]
    default: wide = [scalar]
    }
    return wide.map { quote in
      switch quote.value {
      case 0x2BC, 0x2018...0x201B: "'"
      case 0x201C...0x201F: "\""
      default: quote
      }
    }
  }

  private static func unixLines(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    for (index, scalar) in text.enumerated() {
      switch scalar {
      case "\n" where index > 0 && text[index - 1] == "\r": continue
      case "\r", "\u{2028}", "\u{2029}", "\u{85}": result.append("\n")
      default: result.append(scalar)
      }
    }
    return result
  }

  /// Removes terminal escapes: ESC [, digits and semicolons, a letter.
  private static func withoutTerminalEscapes(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard text.contains("\u{1B}") else { return text }
    var result: [Unicode.Scalar] = []
    var index = 0
    while index < text.count {
      if text[index] == "\u{1B}", index + 1 < text.count, text[index + 1] == "[" {
        var end = index + 2
        while end < text.count, text[end].properties.numericType == .decimal || text[end] == ";" { end += 1 }
        if end < text.count, text[end].isASCII, text[end].properties.isAlphabetic {
          index = end + 1
          continue
        }
      }
      result.append(text[index])
      index += 1
    }
    return result
  }

  private static func isControl(_ code: UInt32) -> Bool {
    switch code {
    case 0...8, 0x0B, 0x0E...0x1F, 0x7F, 0x206A...0x206F, 0xFEFF, 0xFFF9...0xFFFC: true
    default: false
    }
  }
}
