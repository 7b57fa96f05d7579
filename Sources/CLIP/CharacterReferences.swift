/// HTML's character references (`&eacute;`, `&#233;`).
///
/// They are resolved as by Python's `html` module and `ftfy`.
enum CharacterReferences {
  /// Resolves as `html.unescape`: the longest known name wins, and the semicolon may be missing.
  static func resolved(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var index = 0
    while index < text.count {
      if text[index] == "&", let (value, end) = reference(text, at: index) {
        result += value
        index = end
      } else {
        result.append(text[index])
        index += 1
      }
    }
    return result
  }

  /// Resolves as `ftfy`: only with a semicolon, but also names in capitals.
  ///
  /// `ftfy` repeats itself, because a reference to "&" may begin another one. With a repair, this
  /// function does all repetitions in one pass; its work is linear in the length of the text.
  ///
  /// - Parameters:
  ///   - text: the text.
  ///   - repair: the repaired form of a character, which may be a part of a reference; nil to resolve
  ///     only the references of the text itself.
  /// - Returns: the text without these references.
  static func resolvedStrictly(
    _ text: [Unicode.Scalar], _ repair: ((Unicode.Scalar) -> [Unicode.Scalar])? = nil
  ) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var pending: [Unicode.Scalar] = []
    // References do not begin before this place.
    var first = 0
    for scalar in text {
      pending.append(contentsOf: (repair?(scalar) ?? [scalar]).reversed())
      while let next = pending.popLast() {
        result.append(next)
        guard next == ";", let start = strictStart(result), start >= first else { continue }
        let reference = Array(result[start...])
        let value = strictValue(reference)
        guard value != reference else { continue }
        result.removeSubrange(start...)
        if let repair {
          pending.append(contentsOf: value.flatMap(repair).reversed())
        } else {
          result += value
          first = result.count
        }
      }
    }
    return result
  }

  /// Returns the Windows-1252 character of a control code; itself if there is none.
  static func windows(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    let index = Int(scalar.value) - 0x80
    guard windowsTable.indices.contains(index), windowsTable[index] != 0 else { return scalar }
    return Unicode.Scalar(windowsTable[index]) ?? scalar
  }

  private static let windowsTable: [UInt32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,
    0x017D, 0, 0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
    0x0153, 0, 0x017E, 0x0178,
  ]

  private static func reference(
    _ text: [Unicode.Scalar], at start: Int
  ) -> (value: [Unicode.Scalar], end: Int)? {
    let body = start + 1
    if body < text.count, text[body] == "#" { return numeric(text, at: start) }
    var end = body
    while end < text.count, end - body < 32, !"\t\n\u{0C} <&#;".unicodeScalars.contains(text[end]) {
      end += 1
    }
    guard end > body else { return nil }
    if end < text.count, text[end] == ";" { end += 1 }
    // The longest name that begins here wins. The text after it stays, as the standard requires.
    for stop in stride(from: end, to: body + 1, by: -1) {
      if let value = HTMLEntities.byName[string(text[body..<stop])] {
        return (Array(value.unicodeScalars), stop)
      }
    }
    // A single letter counts only if it is the whole name.
    return (Array(text[start..<end]), end)
  }

  private static func numeric(
    _ text: [Unicode.Scalar], at start: Int
  ) -> (value: [Unicode.Scalar], end: Int)? {
    var index = start + 2
    let isHexadecimal = index < text.count && (text[index] == "x" || text[index] == "X")
    if isHexadecimal { index += 1 }
    let first = index
    var number = 0
    while index < text.count, let digit = digit(text[index], isHexadecimal) {
      number = min(number * (isHexadecimal ? 16 : 10) + digit, 0x11_0000)
      index += 1
    }
    guard index > first else { return nil }
    if index < text.count, text[index] == ";" { index += 1 }
    return (character(number), index)
  }

  private static func digit(_ scalar: Unicode.Scalar, _ isHexadecimal: Bool) -> Int? {
    switch scalar.value {
    case 0x30...0x39: Int(scalar.value) - 0x30
    case 0x41...0x46 where isHexadecimal: Int(scalar.value) - 0x37
    case 0x61...0x66 where isHexadecimal: Int(scalar.value) - 0x57
    default: nil
    }
  }

  private static func character(_ number: Int) -> [Unicode.Scalar] {
    switch number {
    case 0, 0xD800...0xDFFF, 0x11_0000...: return ["\u{FFFD}"]
    case 0x0D: return ["\r"]
    case 0x80...0x9F: return [windows(Unicode.Scalar(UInt8(number)))]
    case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0xFDD0...0xFDEF: return []
    default:
      if number & 0xFFFE == 0xFFFE { return [] }
      return Unicode.Scalar(UInt32(number)).map { [$0] } ?? []
    }
  }

  /// Returns the start of `&name;` or `&#…;` with at most 24 letters and digits, at the end of a text.
  private static func strictStart(_ text: [Unicode.Scalar]) -> Int? {
    let end = text.count - 1
    var index = end - 1
    while index >= 0, end - index <= 24, isLetterOrDigit(text[index]) { index -= 1 }
    guard index >= 0, index < end - 1 else { return nil }
    if text[index] == "#" { index -= 1 }
    return index >= 0 && text[index] == "&" ? index : nil
  }

  private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII && (scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value))
  }

  private static func strictValue(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    let name = string(text[1...])
    if let value = HTMLEntities.byName[name] { return Array(value.unicodeScalars) }
    if text[1] == "#" {
      let value = resolved(text)
      return value.contains(";") ? text : value
    }
    // A name in capitals counts only if HTML itself would not read a part of it.
    if name == name.uppercased(), let value = HTMLEntities.byName[name.lowercased()], resolved(text) == text {
      return value.unicodeScalars.flatMap { $0.properties.uppercaseMapping.unicodeScalars }
    }
    return text
  }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }
}
