import Foundation
import Storage

/// The settings beside a SentencePiece model or a `tokenizer.json`.
///
/// They are in `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`.
struct SubwordSettings {
  /// The texts of the tokens with a role, such as `eos_token`; null is nil.
  private(set) var roles: [String: String] = [:]
  /// The added tokens with their ids.
  private(set) var added: [AddedToken] = []
  /// The texts of further special tokens.
  private(set) var further: [String] = []
  /// Whether the case is lowered.
  private(set) var lowersCase: Bool?
  /// Whether padding stands before a sentence.
  private(set) var padsLeft: Bool?
  /// Whether sentences get the start token and the end token.
  private(set) var addsStart: Bool?
  private(set) var addsEnd: Bool?
  /// The most tokens of a sentence.
  private(set) var longest = Int.max
  /// The name of the class that reads the folder.
  private(set) var kind: String?
  /// `tokenizer_config.json`, for messages.
  let file: URL

  /// The classes of SentencePiece's Unigram models and of Gemma's byte pairs.
  static let (unigramKinds, gemmaKinds) = (
    ["SiglipTokenizer", "SiglipTokenizerFast"], ["Siglip2Tokenizer", "GemmaTokenizer", "GemmaTokenizerFast"]
  )

  /// Reads the settings of a folder.
  ///
  /// - Throws: `CLIPError` or `FileError` that names the file and the setting.
  init(_ folder: URL) throws {
    var main = try TokenizerSettings.reader(folder, "tokenizer_config.json")
    file = main.file
    try readTokens(&main)
    kind = try main.choice("tokenizer_class", Self.unigramKinds + Self.gemmaKinds)
    lowersCase = try main.flag("do_lower_case")
    padsLeft = try main.choice("padding_side", ["right", "left"]).map { $0 == "left" }
    (addsStart, addsEnd) = (try main.flag("add_bos_token"), try main.flag("add_eos_token"))
    longest = try TokenizerSettings.longest(&main)
    try main.expect([
      "sp_model_kwargs": [.object([:])], "legacy": [true], "truncation_side": ["right"],
      "split_special_tokens": [false], "add_prefix_space": [false, true], "auto_map": [],
    ])
    main.ignore(Self.known)
    try main.finish()
    var map = try TokenizerSettings.reader(folder, "special_tokens_map.json")
    try readTokens(&map)
    try map.finish()
    var list = try TokenizerSettings.reader(folder, "added_tokens.json")
    for key in list.keys {
      guard let id = try list.integer(key, in: 0...(1 << 24)) else { continue }
      if !added.contains(where: { $0.content == key }) { added.append(AddedToken(key, id: id)) }
    }
  }

  /// Settings that name files and versions, forms of outputs, and the text of chats.
  private static let known: Set<String> = [
    "backend", "chat_template", "clean_up_tokenization_spaces", "errors", "extra_ids", "is_local",
    "local_files_only", "max_length", "model_input_names", "name_or_path", "pad_to_multiple_of",
    "pad_token_type_id", "processor_class", "spaces_between_special_tokens", "special_tokens_map_file",
    "stride", "tokenizer_file", "transformers_version", "truncation_strategy", "use_default_system_prompt",
    "use_fast",
  ]

  private mutating func readTokens(_ reader: inout SettingsReader) throws {
    for (role, found) in try TokenizerSettings.roleTokens(&reader) where roles[role] == nil {
      roles[role] = found.token.content
    }
    further += try TokenizerSettings.furtherTokens(&reader).map(\.token.content)
    guard var list = try reader.settings("added_tokens_decoder") else { return }
    for key in list.keys {
      guard let value = list.take(key) else { continue }
      guard let id = Int(key), (0...(1 << 24)).contains(id) else {
        throw list.refusal(key, value, "its name must be the id of the token")
      }
      added.append(
        try TokenizerSettings.added(value, list.name(key), in: list, isSpecial: false).token.with(id: id))
    }
  }

  /// Refuses a class of tokenizers that does not go with the files.
  ///
  /// - Throws: `CLIPError.badSetting`.
  func require(_ kinds: [String], for name: String) throws {
    guard let kind, !kinds.contains(kind) else { return }
    throw CLIPError.badSetting(
      file, key: "tokenizer_class", value: "\"\(kind)\"",
      wanted: "\(name) goes with \(kinds.joined(separator: ", ")); take all files from one model")
  }
}
