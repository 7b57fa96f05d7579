import Foundation
import Storage

/// The text form of a value: its parsing and its printing.
struct ValueForm<Value: Sendable>: Sendable {
  /// The function that parses a word.
  ///
  /// It throws `WrongValue`, or an error whose message describes the fault of the word.
  let read: @Sendable (String) throws -> Value
  /// The function that prints a value in the form that `read` parses.
  let text: @Sendable (Value) -> String

  /// Returns the form of a value that parses itself.
  ///
  /// - Parameters:
  ///   - needs: what is needed, for a word that `parse` does not know.
  ///   - text: prints the value.
  ///   - parse: parses a word; nil for a word that is no value.
  /// - Returns: the form.
  static func parsed(
    needs: String, text: @escaping @Sendable (Value) -> String,
    _ parse: @escaping @Sendable (String) -> Value?
  ) -> ValueForm {
    ValueForm(
      read: { word in
        guard let value = parse(word) else { throw WrongValue.needs(needs) }
        return value
      }, text: text)
  }

  /// Parses one of an option's words.
  ///
  /// - Throws: `WrongWord` with the word.
  func value(_ word: String) throws -> Value {
    do { return try read(word) } catch let reason as WrongValue {
      throw WrongWord(word: word, reason: reason)
    }
  }

  /// Parses the last of an option's words.
  func last(_ words: [String]) throws -> Value { try value(words.last ?? "") }

  /// Returns a form that also checks the values of this one.
  func checked(_ needs: String, _ isRight: @escaping @Sendable (Value) -> Bool) -> ValueForm {
    ValueForm(
      read: { word in
        let value = try read(word)
        guard isRight(value) else { throw WrongValue.needs(needs) }
        return value
      }, text: text)
  }
}

/// The reason why a word is not the value of an option.
enum WrongValue: Error, Equatable {
  /// Another value is needed, such as "a whole number of at least 1 is needed".
  case needs(String)
  /// The word is none of the known ones.
  case unknown(known: [String])
}

extension ValueForm where Value == String {
  /// Any word.
  static var text: ValueForm { ValueForm(read: { $0 }, text: { $0 }) }

  /// Returns the form of one of some names.
  static func name(of known: [String]) -> ValueForm {
    ValueForm(
      read: { word in
        guard known.contains(word) else { throw WrongValue.unknown(known: known) }
        return word
      }, text: { $0 })
  }
}

extension ValueForm where Value == URL {
  /// The path of a file or folder.
  static var file: ValueForm {
    ValueForm(
      read: { word in
        guard !word.isEmpty else { throw WrongValue.needs("a path is needed") }
        return NativePath.url(word)
      }, text: \.relativePath)
  }
}

extension ValueForm where Value == Int {
  /// Returns the form of an integer in a range.
  static func integer(atLeast minimum: Int = 0, atMost maximum: Int = .max) -> ValueForm {
    let range = maximum == .max ? "of at least \(minimum)" : "from \(minimum) to \(maximum)"
    return ValueForm(
      read: { word in
        guard let number = Int(word), (minimum...maximum).contains(number) else {
          throw WrongValue.needs("a whole number \(range) is needed")
        }
        return number
      }, text: { "\($0)" })
  }

  /// A number of bytes: `0`, `500MB`, `4GiB`.
  static var bytes: ValueForm {
    ValueForm(
      read: { word in
        guard let bytes = bytes(in: word) else {
          throw WrongValue.needs("a size is needed, such as 500MB, 4GiB or 0")
        }
        return bytes
      },
      text: { bytes in
        let unit = ["TiB": 40, "GiB": 30, "MiB": 20, "KiB": 10].filter {
          bytes > 0 && bytes % (1 << $0.value) == 0
        }.max { $0.value < $1.value }
        return unit.map { "\(bytes >> $0.value)\($0.key)" } ?? "\(bytes)"
      })
  }

  private static func bytes(in word: String) -> Int? {
    let digits = word.prefix { $0.isNumber || $0 == "." }
    let unit = word.dropFirst(digits.count).trimmingCharacters(in: .whitespaces).lowercased()
    let units: [String: Double] = [
      "": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 0x1p10, "mib": 0x1p20,
      "gib": 0x1p30, "tib": 0x1p40,
    ]
    guard let factor = units[unit], let number = Double(digits) else { return nil }
    return Int(exactly: (number * factor).rounded())
  }
}

extension ValueForm where Value == UInt64 {
  /// The seed of a generator.
  static var seed: ValueForm {
    parsed(needs: "a whole number of at least 0 is needed", text: { "\($0)" }) { UInt64($0) }
  }
}

extension ValueForm where Value == Double {
  /// A finite number.
  static var number: ValueForm {
    ValueForm(
      read: { word in
        guard let number = Double(word), number.isFinite else { throw WrongValue.needs("a number is needed") }
        return number
      }, text: \.short)
  }

  /// A number from 0 to 1.
  static var probability: ValueForm {
    number.checked("a number from 0 to 1 is needed") { (0...1).contains($0) }
  }

  /// A number above 0.
  static var positive: ValueForm { number.checked("a number above 0 is needed") { $0 > 0 } }

  /// A number that is not below 0.
  static var notNegative: ValueForm { number.checked("a number of 0 or more is needed") { $0 >= 0 } }
}

extension ValueForm where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// Returns the form of the cases of a type.
  static func choice(of type: Value.Type) -> ValueForm {
    ValueForm(
      read: { word in
        guard let value = Value(rawValue: word) else {
          throw WrongValue.unknown(known: Value.allCases.map(\.rawValue))
        }
        return value
      }, text: \.rawValue)
  }
}

/// Returns the placeholder of an option for the cases of a type: `jpg|png`.
func choices<Value: RawRepresentable & CaseIterable>(_ type: Value.Type) -> String
where Value.RawValue == String {
  type.allCases.map(\.rawValue).joined(separator: "|")
}

extension Double {
  /// The shortest text that parses to this number, without a decimal point for an integer.
  var short: String { self == rounded() && magnitude < 1e9 ? String(Int(self)) : description }
}
