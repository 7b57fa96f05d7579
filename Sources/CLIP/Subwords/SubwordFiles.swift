import Foundation
import Storage

/// The files of a tokenizer that is saved as it was read.
struct SubwordFiles: Sendable {
  private let folder: URL

  /// The name of a SentencePiece model, and of a document of the library tokenizers.
  static let (pieces, document) = ("spiece.model", "tokenizer.json")

  private static let names = [
    pieces, document, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
  ]

  init(_ folder: URL) { self.folder = folder }

  /// Copies the files to a folder.
  ///
  /// - Throws: `FileError` that names the file.
  func copy(to other: URL) throws {
    guard other.resolvingSymlinksInPath() != folder.resolvingSymlinksInPath() else { return }
    for name in Self.names {
      let file = folder.appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      let data = try Data(file: file, limit: Data.documentLimit)
      try AtomicFile.write(data, to: other.appendingPathComponent(name))
    }
  }
}

extension Tokenizer {
  /// Reads the tokenizer of SigLIP or SigLIP 2; nil if the folder holds another one.
  ///
  /// - Throws: `CLIPError` or `FileError` that names the file and the setting.
  static func pieces(_ folder: URL) throws -> Tokenizer? {
    func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name).path) }
    func text(_ name: String, _ key: String) throws -> String? {
      guard exists(name), case .string(let text)? = try JSONValue(json5File: file(name)).members?[key] else {
        return nil
      }
      return text
    }
    let kind = try text("tokenizer_config.json", "tokenizer_class")
    if let kind, !(SubwordSettings.unigramKinds + SubwordSettings.gemmaKinds).contains(kind) { return nil }
    // As in Hugging Face's SiglipTokenizer, which reads nothing else.
    if exists(SubwordFiles.pieces) { return try CanonicalPieces.tokenizer(folder) }
    guard try kind != nil || text("config.json", "model_type") == "siglip" else { return nil }
    guard exists(SubwordFiles.document) else {
      if exists("vocab.json") { return nil }
      throw CLIPError.missingFile(file(SubwordFiles.document))
    }
    return try DocumentPieces.tokenizer(folder)
  }
}
