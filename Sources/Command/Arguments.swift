import Torch

/// One option of a command: a flag, or a name with values.
struct Option {
  let name: String
  /// What stands for the value in the help; nil for a flag.
  let value: String?
  let help: String
  /// Whether all words up to the next option are values.
  let takesMany: Bool

  static func flag(_ name: String, _ help: String) -> Option {
    Option(name: name, value: nil, help: help, takesMany: false)
  }
  static func one(_ name: String, _ value: String, _ help: String) -> Option {
    Option(name: name, value: value, help: help, takesMany: false)
  }
  static func many(_ name: String, _ value: String, _ help: String) -> Option {
    Option(name: name, value: value, help: help, takesMany: true)
  }
}

/// A command line that cannot be understood; exit code 2.
struct UsageError: Error, CustomStringConvertible {
  let description: String
}

/// The words after a command, sorted into options and the rest.
struct Arguments {
  private var values: [String: [String]] = [:]
  /// Words that belong to no option.
  private(set) var positional: [String] = []

  /// Sorts words; an option may be written `--name value` or `--name=value`.
  init(_ words: [String], options: [Option]) throws {
    var index = 0
    var onlyWords = false
    while index < words.count {
      let word = words[index]
      index += 1
      if word == "--" {
        onlyWords = true
        continue
      }
      guard !onlyWords, word.hasPrefix("--") else {
        positional.append(word)
        continue
      }
      let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts.first ?? "")
      guard let option = options.first(where: { $0.name == name }) else {
        throw UsageError(description: "--\(name) is not an option here" + Self.suggestion(name, options))
      }
      guard let placeholder = option.value else {
        guard parts.count == 1 else { throw UsageError(description: "--\(name) takes no value") }
        values[name, default: []].append("true")
        continue
      }
      var found = parts.count == 2 ? [String(parts[1])] : []
      while found.isEmpty || option.takesMany, index < words.count, !words[index].hasPrefix("--") {
        found.append(words[index])
        index += 1
      }
      guard !found.isEmpty else { throw UsageError(description: "--\(name) needs a value: \(placeholder)") }
      guard option.takesMany || values[name] == nil else {
        throw UsageError(description: "--\(name) is given twice; give it once")
      }
      values[name, default: []] += found
    }
  }

  private static func suggestion(_ name: String, _ options: [Option]) -> String {
    let near = options.filter { $0.name.hasPrefix(name.prefix(3)) }.map { "--" + $0.name }
    return near.isEmpty ? "; see --help" : "; did you mean \(near.joined(separator: " or "))?"
  }

  /// Whether a flag was given.
  func has(_ name: String) -> Bool { values[name] != nil }
  /// All values of an option.
  func all(_ name: String) -> [String] { values[name] ?? [] }
  /// The last value of an option.
  func last(_ name: String) -> String? { values[name]?.last }

  /// The value of an option that must be there.
  func required(_ name: String) throws -> String {
    guard let value = last(name) else { throw UsageError(description: "--\(name) is missing") }
    return value
  }

  /// A whole number.
  func integer(_ name: String, atLeast minimum: Int = 0) throws -> Int? {
    guard let text = last(name) else { return nil }
    guard let number = Int(text), number >= minimum else {
      throw UsageError(description: "--\(name) \(text): a whole number of at least \(minimum) is needed")
    }
    return number
  }

  /// The device that was asked for; nil when none was.
  func device() throws -> Device? {
    guard let text = last("device") else { return nil }
    do {
      let device = try Device(parsing: text)
      try device.requireAvailable()
      return device
    } catch {
      throw UsageError(description: "--device \(text): \(error)")
    }
  }

  /// The arithmetic that was asked for; nil when none was.
  func precision() throws -> Precision? {
    guard let text = last("precision") else { return nil }
    guard let precision = Precision(rawValue: text) else {
      let known = Precision.allCases.map(\.rawValue).joined(separator: ", ")
      throw UsageError(description: "--precision \(text) is not known; use \(known)")
    }
    return precision
  }

  /// A probability, from 0 to 1.
  func probability(_ name: String) throws -> Double? {
    guard let number = try number(name) else { return nil }
    guard (0...1).contains(number) else {
      throw UsageError(description: "--\(name) \(number): a number from 0 to 1 is needed")
    }
    return number
  }

  /// A number.
  func number(_ name: String) throws -> Double? {
    guard let text = last(name) else { return nil }
    guard let number = Double(text), number.isFinite else {
      throw UsageError(description: "--\(name) \(text): a number is needed")
    }
    return number
  }
}
