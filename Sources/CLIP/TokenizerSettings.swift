import Foundation
import Storage

/// The settings of a tokenizer that stand beside its vocabulary.
///
/// Hugging Face's are in `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` and
/// `tokenizer.json`. OpenCLIP's tokenizer reads none of these files, so only `text_cleaning`, which
/// is ours, counts there.
struct TokenizerSettings {
  /// The cleaning of text.
  let cleaning: TextCleaning
  /// The most tokens of a sentence.
  private(set) var longest = Int.max
  /// The tokens with a role, such as `pad_token`.
  private var named: [String: Added] = [:]
  /// Further tokens without an id in the files.
  private var further: [Added] = []
  /// The tokens with an id in the files.
  private var numbered: [Int: Added] = [:]
  /// Whether `tokenizer_config.json` lists all added tokens, so that no other file counts.
  private var isListed = false

  /// An added token and its place in a file.
  struct Added {
    var token: AddedToken
    let file: URL
    let name: String
    /// Whether a token of this content in `added_tokens.json` is a special one, as in Hugging Face's
    /// reader: it is written as a text, or stands in `special_tokens_map.json`.
    var marksSpecial = false
  }

  private static let roles = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  /// Reads the settings of a folder.
  ///
  /// - Parameters:
  ///   - folder: the folder.
  ///   - isOpen: whether the folder has OpenCLIP's form.
  ///   - cleaning: the cleaning; nil for the folder's own.
  /// - Throws: `CLIPError` or `FileError` that names the file and the setting.
  init(_ folder: URL, isOpen: Bool, _ cleaning: TextCleaning?) throws {
    var main = try Self.reader(folder, "tokenizer_config.json")
    let own = try main.choice("text_cleaning", ["huggingFace", "openCLIP"])
    self.cleaning = cleaning ?? own.flatMap(TextCleaning.init) ?? (isOpen ? .openCLIP : .huggingFace)
    guard self.cleaning == .huggingFace else { return }
    let plain = [Tokenizer.startText, Tokenizer.endText, Tokenizer.endText, Tokenizer.endText]
    for (role, text) in zip(["bos_token", "eos_token", "unk_token", "pad_token"], plain) {
      named[role] = Added(token: AddedToken(text, id: 0), file: main.file, name: role)
    }
    if var list = try main.settings("added_tokens_decoder") {
      isListed = true
      for key in list.keys {
        guard let value = list.take(key) else { continue }
        guard let id = Int(key) else {
          throw list.refusal(key, value, "its name must be the id of the token")
        }
        numbered[id] = try Self.added(value, list.name(key), in: list, isSpecial: false)
      }
    }
    try readTokens(&main)
    try readForm(&main)
    guard !isListed else { return }
    var map = try Self.reader(folder, "special_tokens_map.json")
    try readTokens(&map)
    try map.finish()
    var list = try Self.reader(folder, "added_tokens.json")
    for key in list.keys {
      guard let id = try list.integer(key) else { continue }
      var token = AddedToken(key, id: id)
      token.isNormalized = !(Array(named.values) + further).contains {
        $0.marksSpecial && $0.token.content == key
      }
      numbered[id] = Added(token: token, file: list.file, name: list.name(key))
    }
  }

  /// Reads a file; a missing one has no settings.
  static func reader(_ folder: URL, _ name: String) throws -> SettingsReader {
    let file = folder.appendingPathComponent(name)
    let exists = FileManager.default.fileExists(atPath: file.path)
    return exists ? try SettingsReader(file) : SettingsReader(file: file, place: "", members: [:])
  }

  private mutating func readTokens(_ reader: inout SettingsReader) throws {
    for (role, token) in try Self.roleTokens(&reader) { named[role] = token }
    for (role, text) in [("bos_token", Tokenizer.startText), ("eos_token", Tokenizer.endText)] {
      guard let found = named[role], found.token.content != text else { continue }
      throw reader.refusal(role, .string(found.token.content), "supported: \"\(text)\"")
    }
    further += try Self.furtherTokens(&reader)
  }

  /// Reads the tokens with a role, such as `pad_token`, in the order of the roles.
  static func roleTokens(_ reader: inout SettingsReader) throws -> [(role: String, token: Added)] {
    try roles.compactMap { role -> (role: String, token: Added)? in
      guard let value = reader.take(role), value != .null else { return nil }
      return (role, try added(value, reader.name(role), in: reader, isSpecial: true))
    }
  }

  /// Reads the special tokens without a role.
  static func furtherTokens(_ reader: inout SettingsReader) throws -> [Added] {
    try ["additional_special_tokens", "extra_special_tokens"].flatMap { key -> [Added] in
      guard let value = reader.take(key), value != .null else { return [] }
      let items: [JSONValue]
      switch value {
      case .array(let list): items = list
      case .object(let list): items = list.sorted { $0.key < $1.key }.map(\.value)
      default: throw reader.refusal(key, value, "it must be a list of tokens")
      }
      return try items.map { try added($0, reader.name(key), in: reader, isSpecial: true) }
    }
  }

  /// Reads the most tokens of a sentence; Int.max without a limit, for which a large number stands, too.
  static func longest(_ reader: inout SettingsReader) throws -> Int {
    if case .number? = reader.peek("model_max_length") { _ = reader.take("model_max_length") }
    return try reader.integer("model_max_length", in: 2...Int.max) ?? Int.max
  }

  /// Reads the added tokens of `tokenizer.json`.
  mutating func readAdded(in reader: inout SettingsReader) throws {
    guard let value = reader.take("added_tokens"), value != .null, cleaning == .huggingFace, !isListed else {
      return
    }
    guard case .array(let items) = value else {
      throw reader.refusal("added_tokens", value, "it must be a list of tokens")
    }
    for (index, item) in items.enumerated() {
      let name = "added_tokens[\(index)]"
      guard case .integer(let id)? = item.members?["id"], id >= 0 else {
        throw reader.refusal(name, item, "it must have an id")
      }
      var bare = item.members ?? [:]
      bare["id"] = nil
      numbered[id] = try Self.added(.object(bare), reader.name(name), in: reader, isSpecial: false)
    }
  }

  /// Reads a token, which is a text or an object.
  static func added(
    _ value: JSONValue, _ name: String, in reader: SettingsReader, isSpecial: Bool
  ) throws -> Added {
    if case .string(let text) = value {
      return Added(token: AddedToken(text, id: 0), file: reader.file, name: name, marksSpecial: true)
    }
    guard let members = value.members, case .string(let text)? = members["content"] else {
      throw reader.refusal(name, value, "it must be a text, or an object with the content of a token")
    }
    var flags = SettingsReader(file: reader.file, place: name, members: members)
    var token = AddedToken(text, id: 0)
    let special = try flags.flag("special") ?? isSpecial
    token.isNormalized = try flags.flag("normalized") ?? !special
    token.isSingleWord = try flags.flag("single_word") ?? false
    token.stripsLeft = try flags.flag("lstrip") ?? false
    token.stripsRight = try flags.flag("rstrip") ?? false
    flags.ignore(["content", "__type"])
    try flags.finish()
    let marksSpecial = reader.file.lastPathComponent == "special_tokens_map.json"
    return Added(token: token, file: reader.file, name: name, marksSpecial: marksSpecial)
  }

  /// Reads the settings of the form of sentences, and refuses all others.
  private mutating func readForm(_ reader: inout SettingsReader) throws {
    longest = try Self.longest(&reader)
    try reader.expect([
      "tokenizer_class": ["CLIPTokenizer", "CLIPTokenizerFast"], "backend": ["tokenizers"],
      "do_lower_case": [true], "add_prefix_space": [false], "padding_side": ["right"],
      "truncation_side": ["right"], "split_special_tokens": [false], "add_bos_token": [true],
      "add_eos_token": [true], "auto_map": [],
    ])
    reader.ignore([
      "errors", "name_or_path", "special_tokens_map_file", "tokenizer_file", "clean_up_tokenization_spaces",
      "is_local", "local_files_only", "model_input_names", "processor_class", "use_fast", "max_length",
      "stride",
      "truncation_strategy", "pad_to_multiple_of", "pad_token_type_id", "chat_template",
      "transformers_version",
    ])
    try reader.finish()
  }

  /// The text of the padding token.
  var padText: String? { named["pad_token"]?.token.content }

  /// Returns the added tokens with the ids that Hugging Face's tokenizer gives them.
  ///
  /// - Parameter vocabulary: the ids of the vocabulary. Tokens outside it follow it.
  /// - Returns: the tokens; nil for OpenCLIP's tokenizer.
  /// - Throws: `CLIPError.badSetting` for a token whose id in a file is another one.
  func addedTokens(_ vocabulary: [String: Int]) throws -> [AddedToken]? {
    guard cleaning == .huggingFace else { return nil }
    var tokens: [AddedToken] = []
    var places: [String: Int] = [:]
    let listed = Set(numbered.values.map(\.token.content))
    var next = vocabulary.count
    func add(_ added: Added, _ stated: Int? = nil) throws {
      if let place = places[added.token.content] {
        // A token with two roles has the flags of the last, unless its id is in a file.
        guard !listed.contains(added.token.content) else { return }
        tokens[place] = added.token.with(id: tokens[place].id)
        return
      }
      let id = vocabulary[added.token.content] ?? next
      guard stated == nil || stated == id else {
        throw CLIPError.badSetting(
          added.file, key: added.name,
          value: "the token \"\(added.token.content)\" with the id \(stated ?? 0)",
          wanted: "its id must be \(id), as in the vocabulary or after it")
      }
      next = max(next, id < Int.max ? id + 1 : id)
      places[added.token.content] = tokens.count
      tokens.append(added.token.with(id: id))
    }
    for (id, added) in numbered.sorted(by: { $0.key < $1.key }) { try add(added, id) }
    for role in Self.roles { if let added = named[role] { try add(added) } }
    for added in further { try add(added) }
    return tokens
  }
}

extension AddedToken {
  /// The same token with another id.
  func with(id: Int) -> AddedToken {
    var token = self
    token.id = id
    return token
  }
}
