import Foundation

/// A regular expression on paths whose search ends, whatever the expression.
struct BoundedPattern {
  private let option: String
  private let text: String
  private let expression: NSRegularExpression
  /// The most wildcards of a file pattern, whose search takes longer with each.
  private static let mostWildcards = 8

  /// Makes a pattern from a regular expression.
  ///
  /// - Parameters:
  ///   - text: the expression.
  ///   - option: the option that states it, with its hyphens, for errors.
  /// - Throws: `ImportError.option` if the text is not a regular expression.
  init(_ text: String, option: String) throws {
    try self.init(text, expression: text, option: option)
  }

  /// Makes a pattern from a pattern of files: `*` and `?` within a name, `**` across folders.
  ///
  /// `{a,b}` is one of two texts. The text of each wildcard is captured; that of braces is not.
  ///
  /// - Parameters:
  ///   - glob: the pattern, relative to the source.
  ///   - option: the option that states it, with its hyphens, for errors.
  /// - Throws: `ImportError.option` for a pattern without wildcards, or with too many.
  init(files glob: String, option: String) throws {
    var (rest, expression, wildcards, braces) = (Substring(glob), "", 0, 0)
    while let character = rest.first {
      if rest.hasPrefix("**/") {
        expression += "((?:[^/]+/)*)"
        rest = rest.dropFirst(3)
        wildcards += 1
        continue
      }
      if rest.hasPrefix("**") {
        expression += "(.*)"
        rest = rest.dropFirst(2)
        wildcards += 1
        continue
      }
      switch character {
      case "*", "?":
        expression += character == "*" ? "([^/]*)" : "([^/])"
        wildcards += 1
      case "{":
        expression += "(?:"
        braces += 1
      case "}" where braces > 0:
        expression += ")"
        braces -= 1
      case "," where braces > 0: expression += "|"
      default: expression += NSRegularExpression.escapedPattern(for: String(character))
      }
      rest = rest.dropFirst()
    }
    guard wildcards > 0, wildcards <= Self.mostWildcards, braces == 0 else {
      let fault =
        braces > 0
        ? "a { has no }"
        : wildcards == 0
          ? "a pattern needs a * for the part of the name that image and mask share"
          : "a pattern has at most \(Self.mostWildcards) wildcards"
      throw ImportError.option(option, reason: "\(glob): \(fault), such as images/*.jpg and masks/*_mask.png")
    }
    try self.init(glob, expression: "^\(expression)$", option: option)
  }

  private init(_ text: String, expression: String, option: String) throws {
    (self.text, self.option) = (text, option)
    do {
      self.expression = try NSRegularExpression(pattern: expression)
    } catch {
      throw ImportError.option(option, reason: "\(text) is not a regular expression")
    }
  }

  /// Returns what the parentheses match, or the whole match where there are none; nil without a
  /// match.
  ///
  /// - Throws: `ImportError.option` if the search takes more than a million steps.
  func captures(in path: String) throws -> [String]? {
    switch expression.boundedMatch(in: path) {
    case .nothing: return nil
    case .found(let found):
      let ranges = found.numberOfRanges > 1 ? Array(1..<found.numberOfRanges) : [0]
      return ranges.map { Range(found.range(at: $0), in: path).map { String(path[$0]) } ?? "" }
    case .tooLong:
      throw ImportError.option(
        option,
        reason: "\(text) takes too long on \(path); write it without repetitions inside of repetitions")
    }
  }
}
