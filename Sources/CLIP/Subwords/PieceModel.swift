import Foundation
import Storage

/// A SentencePiece model as its file holds it: pieces with scores, and the normalisation of text.
///
/// Kudo & Richardson, EMNLP 2018.
struct PieceModel {
  /// The role of a piece.
  enum Kind: UInt64 {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  /// One piece; its id is its place.
  struct Piece {
    var text: [UInt8] = []
    var score: Float = 0
    var kind = Kind.normal
  }

  private(set) var pieces: [Piece] = []
  /// Whether unknown characters become bytes.
  private(set) var hasByteFallback = false
  /// Whether a space belongs to the word before it.
  private(set) var spaceIsSuffix = false
  /// The normalisation, without the pieces that it leaves as they are.
  private(set) var normalizer = PieceNormalizer()
  /// The id of the unknown piece.
  private(set) var unknown = 0

  /// Reads `spiece.model`.
  ///
  /// - Parameter file: the file.
  /// - Throws: `FileError` or `CLIPError` that names the file.
  init(_ file: URL) throws {
    guard FileManager.default.fileExists(atPath: file.path) else { throw CLIPError.missingFile(file) }
    let bytes = [UInt8](try Data(file: file, limit: Data.documentLimit))
    var reader = WireReader(bytes[...], file)
    while let (field, value) = try reader.next() {
      guard case .bytes(let part) = value else { continue }
      switch field {
      case 1:
        // Memory is bounded, as for JSON.
        guard pieces.count < TokenizerDocument.mostEntries else {
          throw CLIPError.badFile(file, reason: "more than \(pieces.count) pieces; fetch it again")
        }
        pieces.append(try Self.piece(part, pieces.count, file))
      case 2: try readTraining(part, file)
      case 3: try readNormalization(part, file)
      default: continue
      }
    }
    let unknowns = pieces.indices.filter { pieces[$0].kind == .unknown }
    guard unknowns.count == 1 else {
      throw CLIPError.badFile(
        file,
        reason: "it must hold pieces with exactly one for unknown characters, it has \(pieces.count) pieces "
          + "and \(unknowns.count) of these; fetch it again")
    }
    unknown = unknowns[0]
    if hasByteFallback, pieces.count(where: { $0.kind == .byte }) != 256 {
      throw CLIPError.badFile(file, reason: "it must hold a piece for each of the 256 bytes; fetch it again")
    }
  }

  private static func piece(_ bytes: ArraySlice<UInt8>, _ id: Int, _ file: URL) throws -> Piece {
    var reader = WireReader(bytes, file)
    var piece = Piece()
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let text)): piece.text = Array(text)
      case (2, .fixed32(let bits)): piece.score = Float(bitPattern: bits)
      case (3, .number(let number)):
        guard let kind = Kind(rawValue: number) else {
          throw CLIPError.badFile(file, reason: "piece \(id) has the unknown type \(number)")
        }
        piece.kind = kind
      default: continue
      }
    }
    guard !piece.text.isEmpty, piece.score.isFinite else {
      throw CLIPError.badFile(
        file, reason: "piece \(id) has no text, or a score that is not a number; fetch it again")
    }
    return piece
  }

  /// Reads the settings of the training that matter to the encoding.
  private mutating func readTraining(_ bytes: ArraySlice<UInt8>, _ file: URL) throws {
    var reader = WireReader(bytes, file)
    while let (field, value) = try reader.next() {
      guard case .number(let number) = value else { continue }
      switch field {
      case 3 where number != 1:
        throw CLIPError.badFile(
          file, reason: "it is a model of type \(number); only Unigram (1) is supported: give tokenizer.json")
      case 24: spaceIsSuffix = number != 0
      case 35: hasByteFallback = number != 0
      default: continue
      }
    }
  }

  private mutating func readNormalization(_ bytes: ArraySlice<UInt8>, _ file: URL) throws {
    var reader = WireReader(bytes, file)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (2, .bytes(let map)):
        normalizer.map = map.isEmpty ? nil : try CharacterMap(Array(map), file, "its normalisation")
      case (3, .number(let number)): normalizer.addsPrefix = number != 0
      case (4, .number(let number)): normalizer.removesExtraSpaces = number != 0
      case (5, .number(let number)): normalizer.escapesSpaces = number != 0
      default: continue
      }
    }
  }

  /// The normalisation of a text, as the model's own library does it.
  func normalization() -> PieceNormalizer {
    var normalizer = normalizer
    normalizer.spaceIsSuffix = spaceIsSuffix
    for (id, piece) in pieces.enumerated() where piece.kind == .userDefined {
      normalizer.kept.insert(piece.text, id)
    }
    return normalizer
  }
}
