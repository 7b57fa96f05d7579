import Foundation

/// Learns a vocabulary from captions in CLIP's own scheme (byte pairs: Sennrich et al., 2016).
///
/// Captions are cleaned and split as the tokenizer does it, words begin as bytes with `</w>` at their end, and the pair
/// that occurs most often is joined again and again. Among pairs that occur equally often those that were there first
/// are joined first, and among these the one whose tokens have the lower ids; so the same captions, in whatever order,
/// give the same merges.
package struct BytePairLearning {
  /// Pairs of tokens, the first joined first.
  package let merges: [(String, String)]
  /// How the captions were cleaned.
  package let cleaning: TextCleaning

  /// Learns merges until there are enough, or until no pair occurs twice.
  ///
  /// Every word that occurs twice is then one token, unless the limit came first.
  ///
  /// - Parameters:
  ///   - captions: sentences; none is fine and gives no merges.
  ///   - limit: the most merges; CLIP's own vocabulary has 48,894.
  ///   - cleaning: how text is cleaned, here and by the tokenizer.
  /// - Throws: what `Tokenizer.bytes` throws.
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

  /// The tokenizer with the merges; its `write(to:)` writes `vocab.json` and `merges.txt`.
  ///
  /// - Throws: `CLIPError.badFile` when the merges do not fit together, which merges that were learnt always do.
  package func tokenizer() throws -> Tokenizer {
    try Tokenizer(orderedMerges: merges, file: URL(fileURLWithPath: "captions"), cleaning: cleaning)
  }
}

/// How often each pair of neighbours occurs in a list of words.
private struct PairCounts {
  typealias Pair = Tokenizer.Pair

  private var words: [[Int]]
  private let occurrences: [Int]
  private var counts: [Pair: Int] = [:]
  /// The words that have, or had, a pair.
  private var places: [Pair: Set<Int>] = [:]
  /// Pairs by the count they had when they came here.
  ///
  /// Counts only fall once a pair is there, so what is out of date is found by looking at the count again.
  private var ranks: [Int: [Pair]] = [:]
  /// Those of the highest count that are not yet looked at, the next one last.
  private var queue: (count: Int, pairs: [Pair]) = (0, [])

  init(_ occurrences: [[Int]: Int]) {
    words = Array(occurrences.keys)
    self.occurrences = words.map { occurrences[$0] ?? 0 }
    for word in words.indices { add(word) }
    for (pair, count) in counts { ranks[count, default: []].append(pair) }
  }

  /// The pair to join next; nil when none occurs twice.
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
