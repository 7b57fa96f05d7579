import Foundation
import Storage

/// The names of items and videos in a review.
package enum ReviewID {
  /// The most characters.
  static let mostCharacters = 64

  /// Returns whether a text can be an ID: letters, digits, `_` and `-`, the first a letter or digit.
  static func isValid(_ text: some StringProtocol) -> Bool {
    let bytes = Array(text.utf8)
    guard (1...mostCharacters).contains(bytes.count), let first = bytes.first else { return false }
    return isAlphanumeric(first)
      && bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  /// Makes the IDs of names; the same names in any order always get the same ones.
  ///
  /// A name that is no ID, or that differs from another one by case alone, gets its own characters as far
  /// as they fit, and a hash.
  ///
  /// - Parameter names: different names.
  /// - Returns: an ID for each.
  package static func make(for names: [String]) -> [String] {
    let counts = Dictionary(names.map { ($0.lowercased(), 1) }, uniquingKeysWith: +)
    return names.map { name in
      if isValid(name), counts[name.lowercased()] == 1 { return name }
      let plain = name.utf8.map { isAlphanumeric($0) ? $0 : UInt8(ascii: "-") }.prefix(46)
      let text = String(decoding: plain, as: UTF8.self).drop { $0 == "-" }
      return "\(text.isEmpty ? "item" : text)-\(SHA256.text(Array(name.utf8)).prefix(12))"
    }
  }
}

/// The names of reviewers.
package enum ReviewerName {
  /// The rule in words.
  static let rule =
    "a reviewer's name has 1 to 40 letters, digits, blanks and . _ - ', begins with a letter or digit and ends with "
    + "neither blank nor dot"

  /// Returns whether a text can be a name, and so that of a folder.
  package static func isValid(_ text: String) -> Bool {
    guard (1...40).contains(text.count), let first = text.unicodeScalars.first,
      let last = text.unicodeScalars.last
    else { return false }
    return isAlphanumeric(first) && last != " " && last != "."
      && text.unicodeScalars.allSatisfy { isAlphanumeric($0) || " ._-'".unicodeScalars.contains($0) }
      && text.precomposedStringWithCanonicalMapping.unicodeScalars.elementsEqual(text.unicodeScalars)
  }

  private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
      .nonspacingMark, .spacingMark, .decimalNumber:
      true
    default: false
    }
  }
}
