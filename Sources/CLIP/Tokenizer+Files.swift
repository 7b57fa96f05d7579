import Foundation
import Storage
import Torch

extension Tokenizer {
  /// Reads the vocabulary of a CLIP folder.
  ///
  /// The files are `vocab.json` with `merges.txt`, `tokenizer.json`, or OpenAI's
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
    let cleaning = try cleaning ?? Self.cleaning(folder) ?? (isOpen ? .openCLIP : .huggingFace)
    if exists("vocab.json") {
      let vocabulary = try Self.vocabulary(file("vocab.json"))
      try self.init(
        vocabulary: vocabulary, merges: try Self.merges(file("merges.txt")), file: file("vocab.json"),
        cleaning: cleaning,
        padToken: cleaning == .openCLIP ? nil : try Self.padToken(folder).flatMap { vocabulary[$0] })
    } else if exists("tokenizer.json") {
      let (vocabulary, merges) = try Self.whole(file("tokenizer.json"))
      try self.init(
        vocabulary: vocabulary, merges: merges, file: file("tokenizer.json"), cleaning: cleaning,
        padToken: cleaning == .openCLIP ? nil : try Self.padToken(folder).flatMap { vocabulary[$0] })
    } else if exists(openAI) {
      // The published list is longer. CLIP's vocabulary is its first 48,894 merges.
      let merges = try Self.merges(file(openAI), hasHeader: true).prefix(48_894)
      try self.init(orderedMerges: Array(merges), file: file(openAI), cleaning: cleaning)
    } else {
      throw CLIPError.missingFile(file("vocab.json"))
    }
  }

  private static func data(_ file: URL) throws -> Data {
    guard FileManager.default.fileExists(atPath: file.path) else { throw CLIPError.missingFile(file) }
    return try Data(file: file)
  }

  private static func vocabulary(_ file: URL) throws -> [String: Int] {
    guard let vocabulary = try? JSONDecoder().decode([String: Int].self, from: data(file)) else {
      throw CLIPError.badFile(file, reason: "it must hold one JSON object of tokens and ids; fetch it again")
    }
    return vocabulary
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
        file, reason: "\(place): \"\(text)\" is not two tokens with a space between them; fetch it again")
    }
    return (String(parts[0]), String(parts[1]))
  }

  private struct WholeFile: Decodable {
    struct Model: Decodable {
      let vocab: [String: Int]
      let merges: [JSONValue]
    }
    let model: Model
  }

  private static func whole(_ file: URL) throws -> (vocabulary: [String: Int], merges: [(String, String)]) {
    guard let found = try? JSONDecoder().decode(WholeFile.self, from: data(file)) else {
      throw CLIPError.badFile(file, reason: "it must hold model.vocab and model.merges; fetch it again")
    }
    let merges = try found.model.merges.enumerated().map { index, merge -> (String, String) in
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
    return (found.model.vocab, merges)
  }

  /// Reads the token that fills the window, if the folder names one.
  private static func padToken(_ folder: URL) throws -> String? {
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
      switch try members(folder.appendingPathComponent(name))["pad_token"] {
      case .string(let token)?: return token
      case .object(let token)?: if case .string(let content)? = token["content"] { return content }
      default: continue
      }
    }
    return nil
  }

  /// Reads the cleaning, if the folder names one.
  private static func cleaning(_ folder: URL) throws -> TextCleaning? {
    let file = folder.appendingPathComponent("tokenizer_config.json")
    guard let value = try members(file)["text_cleaning"] else { return nil }
    guard case .string(let name) = value, let cleaning = TextCleaning(rawValue: name) else {
      throw CLIPError.badFile(file, reason: "text_cleaning must be \"huggingFace\" or \"openCLIP\"")
    }
    return cleaning
  }

  /// Reads the members of a JSON object; none if the file is missing.
  private static func members(_ file: URL) throws -> [String: JSONValue] {
    guard FileManager.default.fileExists(atPath: file.path) else { return [:] }
    guard let members = try? JSONValue(json5: data(file)).members else {
      throw CLIPError.badFile(file, reason: "it must hold one JSON object; fetch it again")
    }
    return members
  }
}
