import Foundation
import Storage
import Torch

extension Tokenizer {
  /// Reads the vocabulary of a CLIP folder.
  ///
  /// The files are `vocab.json` with `merges.txt`, `tokenizer.json`, BERT's `vocab.txt`, or OpenAI's
  /// `bpe_simple_vocab_16e6.txt`.
  ///
  /// - Parameters:
  ///   - folder: the folder.
  ///   - cleaning: the cleaning; nil for the folder's own. This is `text_cleaning` in
  ///     `tokenizer_config.json`, if set. Otherwise it is OpenCLIP's if the folder has no Hugging
  ///     Face `config.json` but `open_clip_config.json` or only OpenAI's vocabulary. Otherwise it
  ///     is Hugging Face's.
  /// - Throws: `CLIPError` that names the file.
  public init(folder: URL, cleaning: TextCleaning? = nil) throws {
    func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name).path) }
    let openAI = "bpe_simple_vocab_16e6.txt"
    let isOpen =
      !exists("config.json")
      && (exists("open_clip_config.json") || !(exists("vocab.json") || exists("tokenizer.json")))
    if cleaning == nil, let pieces = try Self.pieces(folder) {
      self = pieces
      return
    }
    // A folder of CLIP's own tokenizer has vocab.json, as a rule, so that only others are read here.
    let other =
      exists("tokenizer.json") && !exists("vocab.json") ? try SettingsReader(file("tokenizer.json")) : nil
    if let other, Self.isWordPiece(other) {
      let pieces = try WordPiece(folder, whole: other, isOpen: isOpen, cleaning)
      self = try Tokenizer(pieces, file: other.file)
      return
    }
    if exists("vocab.txt"), !exists("vocab.json"), other == nil {
      let pieces = try WordPiece(folder, whole: nil, isOpen: isOpen, cleaning)
      self = try Tokenizer(pieces, file: file("vocab.txt"))
      return
    }
    var settings = try TokenizerSettings(folder, isOpen: isOpen, cleaning)
    // As in Hugging Face's reader, tokenizer.json comes first there. OpenCLIP's reads neither.
    let isWhole = exists("tokenizer.json") && (settings.cleaning == .huggingFace || !exists("vocab.json"))
    if isWhole || exists("vocab.json") {
      let source = file(isWhole ? "tokenizer.json" : "vocab.json")
      let (vocabulary, merges) =
        isWhole
        ? try Self.whole(other ?? SettingsReader(source), &settings)
        : (try Self.vocabulary(source), try Self.merges(file("merges.txt")))
      let added = try settings.addedTokens(vocabulary)
      try self.init(
        vocabulary: vocabulary, merges: merges, file: source, cleaning: settings.cleaning,
        padToken: added?.first { $0.content == settings.padText }?.id, addedTokens: added,
        longest: settings.longest)
    } else if exists(openAI) {
      // The published list is longer. CLIP's vocabulary is its first 48,894 merges.
      let merges = try Self.merges(file(openAI), hasHeader: true).prefix(48_894)
      try self.init(orderedMerges: Array(merges), file: file(openAI), cleaning: settings.cleaning)
    } else {
      throw CLIPError.missingFile(file("vocab.json"))
    }
  }

  private static func data(_ file: URL) throws -> Data {
    guard FileManager.default.fileExists(atPath: file.path) else { throw CLIPError.missingFile(file) }
    return try Data(file: file, limit: Data.documentLimit)
  }

  private static func vocabulary(_ file: URL) throws -> [String: Int] {
    _ = try data(file)
    return try vocabulary(JSONValue(json5File: file), file)
  }

  private static func vocabulary(_ value: JSONValue?, _ file: URL) throws -> [String: Int] {
    guard let members = value?.members else {
      throw CLIPError.badFile(file, reason: "it must hold one JSON object of tokens and ids; fetch it again")
    }
    return try members.mapValues { id in
      guard case .integer(let number) = id else {
        throw CLIPError.badFile(
          file, reason: "it must hold one JSON object of tokens and ids; fetch it again")
      }
      return number
    }
  }

  /// Reads pairs of tokens, one per line, and skips a first line that begins with `#version`.
  private static func merges(_ file: URL, hasHeader: Bool = false) throws -> [(String, String)] {
    guard let text = String(data: try data(file), encoding: .utf8) else {
      throw CLIPError.badFile(file, reason: "it is not UTF-8; fetch it again")
    }
    // The split is by bytes, because a carriage return and a newline are one character in Swift.
    let lines = text.utf8.split(whereSeparator: { $0 == 10 || $0 == 13 }).map { String(Substring($0)) }
    return try lines.enumerated().compactMap { index, line in
      if index == 0, hasHeader || line.hasPrefix("#version") { return nil }
      return try pair(line, file, "line \(index + 1)")
    }
  }

  private static func pair(_ text: String, _ file: URL, _ place: String) throws -> (String, String) {
    let parts = text.unicodeScalars.split(separator: " ")
    guard parts.count == 2 else {
      throw CLIPError.badFile(
        file,
        reason: "\(place): \"\(text.prefix(80))\" is not two tokens with a space between them; fetch it again"
      )
    }
    return (String(parts[0]), String(parts[1]))
  }

  /// Reads `tokenizer.json`.
  ///
  /// Hugging Face's `CLIPTokenizer` takes the vocabulary, the merges and the added tokens from it. It
  /// sets the normaliser, the splitting and the rest itself.
  private static func whole(
    _ whole: SettingsReader, _ settings: inout TokenizerSettings
  ) throws -> (vocabulary: [String: Int], merges: [(String, String)]) {
    var reader = whole
    let file = reader.file
    guard var model = try reader.object("model"), let vocabulary = model.take("vocab"),
      case .array(let items)? = model.take("merges")
    else {
      throw CLIPError.badFile(file, reason: "it must hold model.vocab and model.merges; fetch it again")
    }
    try model.expect([
      "type": ["BPE"], "dropout": [0], "continuing_subword_prefix": [""], "end_of_word_suffix": ["</w>"],
      "fuse_unk": [false], "byte_fallback": [false], "ignore_merges": [false],
    ])
    model.ignore(["unk_token"])
    try model.finish()
    if var truncation = try reader.settings("truncation") {
      try truncation.expect(["direction": ["Right", "right"]])
    }
    if var padding = try reader.settings("padding") { try padding.expect(["direction": ["Right", "right"]]) }
    try settings.readAdded(in: &reader)
    reader.ignore(["version", "normalizer", "pre_tokenizer", "post_processor", "decoder"])
    try reader.finish()
    let merges = try items.enumerated().map { index, merge -> (String, String) in
      switch merge {
      case .string(let line): return try pair(line, file, "merge \(index)")
      case .array(let items):
        if case .string(let left)? = items.first, case .string(let right)? = items.last, items.count == 2 {
          return (left, right)
        }
        fallthrough
      default: throw CLIPError.badFile(file, reason: "merge \(index) is not a pair of tokens; fetch it again")
      }
    }
    return (try Self.vocabulary(vocabulary, file), merges)
  }
}
