import Foundation

/// A Unigram model: the segmentation of a text into the pieces with the highest sum of scores.
///
/// Kudo, ACL 2018. The sum is a log-probability; an unknown character costs ten less than the
/// worst piece. Adjacent unknown characters are one part.
struct Unigram: Sendable {
  /// One part of a segmentation.
  struct Part: Equatable {
    /// The piece; nil for unknown characters.
    let id: Int?
    /// The bytes of the text.
    let range: Range<Int>
  }

  private let trie: PieceTrie
  private let scores: [Double]
  /// The pieces that a text never becomes by the search.
  private let reserved: PieceTrie
  private let unknownScore: Double
  /// Whether sums are rounded to float32, as in SentencePiece's own library.
  private let isSingle: Bool
  /// The ids of the 256 bytes for unknown characters; nil without byte fallback.
  private let bytes: [Int]?
  /// The id of unknown characters.
  let unknown: Int
  /// The number of pieces.
  let count: Int

  /// Uses a SentencePiece model.
  ///
  /// - Throws: `CLIPError.badFile` if a piece stands twice or a byte is missing.
  init(_ model: PieceModel, file: URL) throws {
    var (trie, reserved) = (PieceTrie(), PieceTrie())
    let normal = model.pieces.filter { $0.kind == .normal }.map(\.score)
    // The library starts its search for the largest score at this number.
    let (least, most) = (normal.min() ?? 0, max(.leastNormalMagnitude, normal.max() ?? 0))
    var scores: [Double] = []
    for (id, piece) in model.pieces.enumerated() {
      let isNew: Bool
      switch piece.kind {
      case .normal, .userDefined: isNew = trie.insert(piece.text, id)
      case .unused, .unknown, .control, .byte: isNew = reserved.insert(piece.text, id)
      }
      guard isNew else { throw Self.doubled(piece.text, file) }
      let bonus = Float(piece.text.count) * most - 0.1
      scores.append(Double(piece.kind == .userDefined ? bonus : piece.score))
    }
    (self.trie, self.reserved, self.scores) = (trie, reserved, scores)
    unknownScore = Double(least - 10)
    (isSingle, unknown, count) = (true, model.unknown, model.pieces.count)
    bytes = model.hasByteFallback ? Self.byteIds { reserved[$0] } : nil
    if model.hasByteFallback, bytes == nil {
      throw CLIPError.badFile(file, reason: "a byte from <0x00> to <0xFF> is no piece; fetch it again")
    }
  }

  /// Uses the list of `tokenizer.json`, as the library tokenizers does.
  ///
  /// - Parameters:
  ///   - pieces: the texts and their scores.
  ///   - unknown: the id of unknown characters.
  ///   - hasByteFallback: whether unknown characters become bytes, if all these are pieces.
  ///   - file: the file, for messages.
  /// - Throws: `CLIPError.badFile` if a piece stands twice or the unknown one is missing.
  init(_ pieces: [(text: [UInt8], score: Double)], unknown: Int, hasByteFallback: Bool, file: URL) throws {
    guard pieces.indices.contains(unknown) else {
      throw CLIPError.badFile(
        file, reason: "model.unk_id is \(unknown), and model.vocab has \(pieces.count) pieces; fetch it again"
      )
    }
    var trie = PieceTrie()
    for (id, piece) in pieces.enumerated() where !trie.insert(piece.text, id) {
      throw Self.doubled(piece.text, file)
    }
    (self.trie, reserved, scores) = (trie, PieceTrie(), pieces.map(\.score))
    unknownScore = (scores.min() ?? 0) - 10
    (isSingle, self.unknown, count) = (false, unknown, pieces.count)
    bytes = hasByteFallback ? Self.byteIds { trie[$0] } : nil
  }

  private static func doubled(_ text: [UInt8], _ file: URL) -> CLIPError {
    .badFile(
      file,
      reason: text.isEmpty
        ? "a piece has no text; fetch it again"
        : "the piece \"\(String(decoding: text.prefix(40), as: UTF8.self))\" stands twice; fetch it again")
  }

  /// The ids of `<0x00>` to `<0xFF>`; nil if one is missing.
  static func byteIds(_ id: ([UInt8]) -> Int?) -> [Int]? {
    let digits = Array("0123456789ABCDEF".utf8)
    let found = (0..<256).compactMap { byte in
      id(Array("<0x".utf8) + [digits[byte >> 4], digits[byte & 15], UInt8(ascii: ">")])
    }
    return found.count == 256 ? found : nil
  }

  /// Finds a piece by its whole text, also one that the search never finds.
  func id(of text: some Sequence<UInt8>) -> Int? { trie[text] ?? reserved[text] }

  /// Returns the ids of a normalised text.
  func ids(of text: [UInt8]) -> [Int] { parts(of: text).flatMap { ids(of: $0, in: text) } }

  /// Returns the ids of a part: one, or those of the bytes of unknown characters.
  func ids(of part: Part, in text: [UInt8]) -> [Int] {
    // In the other library, the text of the unknown piece is that piece.
    if let id = part.id ?? (isSingle ? nil : trie[text[part.range]]) { return [id] }
    return bytes.map { bytes in text[part.range].map { bytes[Int($0)] } } ?? [unknown]
  }

  /// Divides a normalised text into the parts with the highest sum of scores.
  func parts(of text: [UInt8]) -> [Part] {
    /// The best way to a place: its sum, the start of its last part, and that part's piece.
    var sums = [Double](repeating: 0, count: text.count + 1)
    var starts = [Int](repeating: -1, count: text.count + 1)
    var pieces = [Int](repeating: -1, count: text.count + 1)
    func offer(_ exact: Double, _ piece: Int, from start: Int, to end: Int) {
      // Of equal sums the first one stays, so it matters when a sum is rounded.
      let sum = isSingle ? Double(Float(exact)) : exact
      guard starts[end] < 0 || sum > sums[end] else { return }
      (sums[end], starts[end], pieces[end]) = (sum, start, piece)
    }
    var start = 0
    while start < text.count {
      let next = min(text.count, start + utf8Length(text[start]))
      var hasCharacter = false
      let before = sums[start]
      trie.forEach(in: text, from: start) { end, piece in
        offer(scores[piece] + before, piece, from: start, to: end)
        if end == next { hasCharacter = true }
      }
      if !hasCharacter {
        offer(unknownScore + before, -1, from: start, to: next)
      }
      start = next
    }
    var (found, end) = ([Part](), text.count)
    while end > 0 {
      let (start, piece) = (starts[end], pieces[end])
      let isUnknown = piece < 0 || piece == unknown
      if isUnknown, let last = found.last, last.id == nil {
        found[found.count - 1] = Part(id: nil, range: start..<last.range.upperBound)
      } else {
        found.append(Part(id: isUnknown ? nil : piece, range: start..<end))
      }
      end = start
    }
    return found.reversed()
  }
}
