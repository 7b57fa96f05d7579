import Foundation

/// English articles, by the sound that a word begins with as far as its spelling tells.
enum Article {
  /// "a" or "an" for a noun phrase: a polyp, an ulcer, a uterine fibroid, an MRI scan, an X-ray shadow.
  static func indefinite(_ phrase: String) -> String {
    let first = phrase.split { $0.isWhitespace || $0 == "-" }.first.map(String.init) ?? ""
    guard let initial = first.first else { return "a" }
    // Letters that are read one by one: their names begin with a vowel for "em", "ar", "ex" and the like.
    let isSpelt = first.allSatisfy { $0.isUppercase || $0.isNumber } && first.contains { $0.isLetter }
    if isSpelt { return "AEFHILMNORSX8".contains(initial) ? "an" : "a" }
    let word = first.lowercased()
    if ["hour", "honest", "heir"].contains(where: word.hasPrefix) { return "an" }
    // Spelt with a vowel and spoken with "you" or "w".
    let consonants = [
      "eu", "uni", "use", "usu", "ure", "uri", "uro", "ute", "uve", "uvu", "ubi", "one", "once",
    ]
    let vowels = ["unin", "unim", "uniden"]
    if consonants.contains(where: word.hasPrefix), !vowels.contains(where: word.hasPrefix) { return "a" }
    let plain = word.folding(options: .diacriticInsensitive, locale: nil)
    return plain.first.map { "aeiouæœ8".contains($0) } == true ? "an" : "a"
  }
}
