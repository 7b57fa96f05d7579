import Foundation

/// English articles, from the sound at the start of a word as its spelling suggests it.
enum Article {
  /// Returns "a" or "an" for a noun phrase.
  ///
  /// Examples: a polyp, an ulcer, a uterine fibroid, an MRI scan, an X-ray shadow.
  static func indefinite(_ phrase: String) -> String {
    let first = phrase.split { $0.isWhitespace || $0 == "-" }.first.map(String.init) ?? ""
    guard let initial = first.first else { return "a" }
    // A reader spells these letters one by one. The names of some begin with a vowel: "em", "ar",
    // "ex".
    let isSpelt = first.allSatisfy { $0.isUppercase || $0.isNumber } && first.contains { $0.isLetter }
    if isSpelt { return "AEFHILMNORSX8".contains(initial) ? "an" : "a" }
    let word = first.lowercased()
    if ["hour", "honest", "heir"].contains(where: word.hasPrefix) { return "an" }
    // These words begin with a written vowel and with the sound of "you" or "w".
    let consonants = [
      "eu", "uni", "use", "usu", "ure", "uri", "uro", "ute", "uve", "uvu", "ubi", "one", "once",
    ]
    let vowels = ["unin", "unim", "uniden"]
    if consonants.contains(where: word.hasPrefix), !vowels.contains(where: word.hasPrefix) { return "a" }
    let plain = word.folding(options: .diacriticInsensitive, locale: nil)
    return plain.first.map { "aeiouæœ8".contains($0) } == true ? "an" : "a"
  }
}
