import Foundation

/// A byte-pair encoding over characters, as Gemma's: the pair with the lowest rank is joined first.
///
/// A character outside the vocabulary becomes its bytes, if all of these are tokens, otherwise the
/// unknown token. It agrees with the model `BPE` of the library tokenizers.
struct PieceMerging: Sendable {
  private let characters: [Unicode.Scalar: Int]
  /// The ids of the 256 bytes; -1 for one that is no token.
  private let bytes: [Int]
  private let unknown: Int?
  /// Whether adjacent unknown characters are one token.
  private let joinsUnknown: Bool
  /// The rank and the token of each pair of tokens.
  private let joins: [UInt64: UInt64]
  /// The whole words that are tokens without any join; empty unless `ignore_merges` is set.
  private let words: [[UInt8]: Int]

  /// Makes the model.
  ///
  /// - Parameters:
  ///   - tokens: the ids of the tokens.
  ///   - merges: pairs of tokens, the first joined first.
  ///   - unknown: the text of the unknown token; nil to drop unknown characters.
  ///   - joinsUnknown: whether adjacent unknown characters are one token.
  ///   - hasByteFallback: whether unknown characters become bytes.
  ///   - takesWords: whether a word that is a token is not divided.
  ///   - file: the file, for messages.
  /// - Throws: `CLIPError.badFile` for a merge whose tokens the vocabulary lacks.
  init(
    _ tokens: [[UInt8]: Int], merges: [(left: [UInt8], right: [UInt8])], unknown: String?,
    joinsUnknown: Bool, hasByteFallback: Bool, takesWords: Bool, file: URL
  ) throws {
    func id(_ text: [UInt8], _ place: String) throws -> UInt64 {
      guard let id = tokens[text] else {
        throw CLIPError.badFile(
          file,
          reason: "\(place): the vocabulary lacks \"\(String(decoding: text.prefix(80), as: UTF8.self))\"; "
            + "fetch it again")
      }
      return UInt64(id)
    }
    var joins: [UInt64: UInt64] = Dictionary(minimumCapacity: merges.count)
    for (rank, merge) in merges.enumerated() {
      let place = "merge \(rank)"
      let pair = try id(merge.left, place) << 32 | id(merge.right, place)
      joins[pair] = UInt64(rank) << 32 | (try id(merge.left + merge.right, place))
    }
    var characters: [Unicode.Scalar: Int] = [:]
    for (text, id) in tokens where text.count <= 4 {
      let scalars = String(decoding: text, as: UTF8.self).unicodeScalars
      if scalars.count == 1, let scalar = scalars.first { characters[scalar] = id }
    }
    let digits = Array("0123456789ABCDEF".utf8)
    bytes = (0..<256).map { byte in
      hasByteFallback
        ? tokens[Array("<0x".utf8) + [digits[byte >> 4], digits[byte & 15], UInt8(ascii: ">")]] ?? -1 : -1
    }
    self.unknown = try unknown.map { Int(try id(Array($0.utf8), "model.unk_token")) }
    (self.characters, self.joins, self.joinsUnknown) = (characters, joins, joinsUnknown)
    words = takesWords ? tokens : [:]
  }

  /// Returns the ids of a word.
  func ids(of word: ArraySlice<Unicode.Scalar>) -> [Int] {
    if !words.isEmpty, let id = words[Array(String(String.UnicodeScalarView(word)).utf8)] { return [id] }
    return joined(spelled(word))
  }

  /// Spells a word in characters and bytes.
  private func spelled(_ word: ArraySlice<Unicode.Scalar>) -> [Int] {
    var ids: [Int] = []
    var isUnknown = false
    for scalar in word {
      if let id = characters[scalar] {
        ids.append(id)
        isUnknown = false
        continue
      }
      let parts = (UTF8.encode(scalar).map { Array($0) } ?? []).map { bytes[Int($0)] }
      if !parts.contains(-1) {
        ids += parts
      } else if let unknown {
        if !isUnknown || !joinsUnknown { ids.append(unknown) }
        isUnknown = true
      }
    }
    return ids
  }

  /// A pair that may be joined; those of a lower rank come first, of one rank those to the left.
  private struct Candidate: Comparable {
    let rank: UInt64
    let place: Int
    let token: Int

    static func < (left: Self, right: Self) -> Bool {
      (left.rank, left.place) < (right.rank, right.place)
    }
  }

  /// Joins pairs until no pair is known.
  private func joined(_ parts: [Int]) -> [Int] {
    var tokens = parts
    var before = Array(-1..<max(0, parts.count) - 1)
    var after = Array(1..<parts.count + 1)
    var heap = Heap<Candidate>()
    func offer(_ place: Int) {
      guard place >= 0, after[place] < tokens.count else { return }
      let pair = UInt64(tokens[place]) << 32 | UInt64(tokens[after[place]])
      guard let join = joins[pair] else { return }
      heap.insert(Candidate(rank: join >> 32, place: place, token: Int(join & 0xFFFF_FFFF)))
    }
    for place in parts.indices { offer(place) }
    while let best = heap.removeFirst() {
      let place = best.place
      // A join since then may have taken one of both tokens.
      guard tokens[place] >= 0, after[place] < tokens.count else { continue }
      let next = after[place]
      guard let join = joins[UInt64(tokens[place]) << 32 | UInt64(tokens[next])],
        Int(join & 0xFFFF_FFFF) == best.token
      else { continue }
      tokens[place] = best.token
      tokens[next] = -1
      after[place] = after[next]
      if after[next] < tokens.count { before[after[next]] = place }
      offer(before[place])
      offer(place)
    }
    return tokens.filter { $0 >= 0 }
  }
}

/// A queue of elements that gives the smallest first.
private struct Heap<Element: Comparable> {
  private var elements: [Element] = []

  mutating func insert(_ element: Element) {
    elements.append(element)
    var place = elements.count - 1
    while place > 0, elements[place] < elements[(place - 1) / 2] {
      elements.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  mutating func removeFirst() -> Element? {
    guard let last = elements.popLast() else { return nil }
    guard let first = elements.first else { return last }
    elements[0] = last
    var place = 0
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2]
      where child < elements.count && elements[child] < elements[least] { least = child }
      if least == place { return first }
      elements.swapAt(place, least)
      place = least
    }
  }
}
