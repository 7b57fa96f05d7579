import Foundation

/// A vocabulary that is learnt from captions in CLIP's own scheme.
///
/// The scheme is byte pairs (Sennrich et al., 2016).
///
/// Captions are cleaned and split as by the tokenizer. Words begin as bytes with `</w>` at their
/// end. The most frequent pair is joined again and again. Among equally frequent pairs, the pair
/// that existed first is joined first. Among these, the pair whose tokens have the lower ids is
/// joined first. So the same captions give the same merges in any order.
package struct BytePairLearning {
  /// Pairs of tokens, the first joined first.
  package let merges: [(String, String)]
  /// The cleaning of the captions.
  package let cleaning: TextCleaning

  /// Learns merges until their number reaches the limit or no pair occurs twice.
  ///
  /// Below the limit, every word that occurs twice is then one token.
  ///
  /// - Parameters:
  ///   - captions: sentences; an empty list gives no merges.
  ///   - limit: the most merges; CLIP's own vocabulary has 48,894.
  ///   - cleaning: the cleaning of text, here and in the tokenizer.
  /// - Throws: the errors of `Tokenizer.bytes`.
  package init(captions: [String], limit: Int = 48_894, cleaning: TextCleaning = .huggingFace) throws {
    let bytes = try Tokenizer.bytes(cleaning: cleaning)
    var occurrences: [[Int]: Int] = [:]
    for caption in captions {
      for word in bytes.spelledWords(caption) { occurrences[word, default: 0] += 1 }
    }
    var counts = PairCounts(occurrences)
    let symbols = Tokenizer.orderedSymbols
    var tokens = symbols + symbols.map { $0 + "</w>" }
    var merges: [(String, String)] = []
    while merges.count < limit, let pair = counts.mostFrequent() {
      counts.join(pair, as: tokens.count)
      merges.append((tokens[pair.left], tokens[pair.right]))
      tokens.append(tokens[pair.left] + tokens[pair.right])
    }
    self.merges = merges
    self.cleaning = cleaning
  }

  /// Makes the tokenizer of the merges; its `write(to:)` writes `vocab.json` and `merges.txt`.
  ///
  /// - Throws: `CLIPError.badFile` if the merges do not fit together. Learnt merges always do.
  package func tokenizer() throws -> Tokenizer {
    try Tokenizer(orderedMerges: merges, file: URL(fileURLWithPath: "captions"), cleaning: cleaning)
  }
}

/// The frequency of each pair of neighbours in a list of words.
private struct PairCounts {
  typealias Pair = Tokenizer.Pair

  private var words: [[Int]]
  private let occurrences: [Int]
  private var counts: [Pair: Int] = [:]
  /// The words that have or had a pair.
  private var places: [Pair: Set<Int>] = [:]
  /// The pairs by their count at insertion.
  ///
  /// The count of a pair only falls after that, so a look at the current count shows an outdated
  /// entry.
  private var ranks: [Int: [Pair]] = [:]
  /// The unread pairs of the highest count, the next one last.
  private var queue: (count: Int, pairs: [Pair]) = (0, [])

  init(_ occurrences: [[Int]: Int]) {
    words = Array(occurrences.keys)
    self.occurrences = words.map { occurrences[$0] ?? 0 }
    for word in words.indices { add(word) }
    for (pair, count) in counts { ranks[count, default: []].append(pair) }
  }

  /// Returns the pair to join next; nil if none occurs twice.
  mutating func mostFrequent() -> Pair? {
    while true {
      while let pair = queue.pairs.popLast() { if counts[pair] == queue.count { return pair } }
      guard let highest = ranks.keys.max(), highest > 1, let pairs = ranks.removeValue(forKey: highest) else {
        return nil
      }
      queue = (highest, pairs.sorted { ($0.left, $0.right) > ($1.left, $1.right) })
    }
  }

  /// Joins a pair in every word.
  mutating func join(_ pair: Pair, as token: Int) {
    var changed: Set<Pair> = []
    for word in places.removeValue(forKey: pair) ?? [] {
      changed.formUnion(pairs(words[word]))
      for old in pairs(words[word]) { counts[old, default: 0] -= occurrences[word] }
      words[word] = pair.joined(in: words[word], as: token)
      add(word)
      changed.formUnion(pairs(words[word]))
    }
    counts[pair] = nil
    for pair in changed { if let count = counts[pair], count > 1 { ranks[count, default: []].append(pair) } }
  }

  private mutating func add(_ word: Int) {
    for pair in pairs(words[word]) {
      counts[pair, default: 0] += occurrences[word]
      places[pair, default: []].insert(word)
    }
  }

  private func pairs(_ word: [Int]) -> [Pair] {
    zip(word, word.dropFirst()).map { Pair(left: $0, right: $1) }
  }
}

extension Tokenizer.Pair {
  /// Replaces each occurrence of the pair, from the left, by one token.
  func joined(in parts: [Int], as token: Int) -> [Int] {
    var joined: [Int] = []
    var index = 0
    while index < parts.count {
      if index + 1 < parts.count, parts[index] == left, parts[index + 1] == right {
        joined.append(token)
        index += 2
      } else {
        joined.append(parts[index])
        index += 1
      }
    }
    return joined
  }
}
