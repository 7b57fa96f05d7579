import Foundation
import Storage

extension WordPiece {
  /// The texts of BERT's tokens with a role.
  private static let standard = [
    "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]",
    "mask_token": "[MASK]",
  ]

  /// Reads BERT's tokenizer of a folder.
  ///
  /// `tokenizer.json` comes before `vocab.txt`, as in Hugging Face's reader. Settings are those of
  /// `tokenizer_config.json`; without it they are those of `tokenizer.json`.
  ///
  /// - Parameters:
  ///   - folder: the folder.
  ///   - whole: `tokenizer.json`; nil if there is none.
  ///   - isOpen: whether the folder has OpenCLIP's form.
  ///   - cleaning: the cleaning before BERT's own; nil for the folder's.
  /// - Throws: `CLIPError` or `FileError` that names the file and the setting.
  init(_ folder: URL, whole: SettingsReader?, isOpen: Bool, _ cleaning: TextCleaning?) throws {
    var settings = Settings()
    var main = try TokenizerSettings.reader(folder, "tokenizer_config.json")
    let hasSettings = !main.keys.isEmpty
    let own = try main.choice("text_cleaning", ["huggingFace", "openCLIP"]).flatMap(TextCleaning.init)
    var parts = Parts()
    if let whole {
      try parts.read(whole, &settings)
    } else {
      try parts.read(folder.appendingPathComponent("vocab.txt"))
    }
    let stated = try Self.stated(&main, hasSettings ? nil : settings)
    if let normalizer = parts.normalizer, let fault = settings.difference(stated) {
      throw CLIPError.badSetting(
        normalizer, key: "normalizer.\(fault.key)", value: "\(fault.own)",
        wanted:
          "\(fault.name) of tokenizer_config.json is \(fault.other), its default is true; make both equal")
    }
    (settings.lowersCase, settings.stripsAccents) = (stated.lowersCase, stated.stripsAccents)
    settings.splitsChinese = stated.splitsChinese
    settings.cleaning = cleaning ?? own ?? (isOpen ? .openCLIP : .huggingFace)
    var roles = Self.standard
    var added = parts.added
    try Self.readTokens(&main, &roles, &added)
    try Self.readForm(&main)
    var map = try TokenizerSettings.reader(folder, "special_tokens_map.json")
    try Self.readTokens(&map, &roles, &added)
    try map.finish()
    // BERT can work without a mask token, which no sentence needs.
    if let mask = roles["mask_token"], mask == Self.standard["mask_token"], !parts.list.contains(mask) {
      roles["mask_token"] = nil
    }
    try self.init(parts.list, settings, roles: roles, added: added, file: parts.file(folder))
  }

  /// The vocabulary and added tokens of `tokenizer.json` or `vocab.txt`.
  private struct Parts {
    var list: [String?] = []
    var added: [AddedToken] = []
    /// `tokenizer.json`, if it has a normaliser.
    var normalizer: URL?
    private var isWhole = false

    func file(_ folder: URL) -> URL {
      folder.appendingPathComponent(isWhole ? "tokenizer.json" : "vocab.txt")
    }

    /// Reads `vocab.txt`: a token a line, its id is the number of the line from 0.
    mutating func read(_ file: URL) throws {
      guard FileManager.default.fileExists(atPath: file.path) else { throw CLIPError.missingFile(file) }
      guard let text = String(data: try Data(file: file, limit: Data.documentLimit), encoding: .utf8) else {
        throw CLIPError.badFile(file, reason: "it is not UTF-8; fetch it again")
      }
      var lines = text.utf8.split(separator: 10, omittingEmptySubsequences: false)
      if lines.last?.isEmpty == true { lines.removeLast() }
      list = lines.map { line in String(Substring(line.last == 13 ? line.dropLast() : line)) }
    }

    /// Reads `tokenizer.json`, and refuses what BERT's tokenizer does not have.
    mutating func read(_ whole: SettingsReader, _ settings: inout Settings) throws {
      var reader = whole
      isWhole = true
      guard var model = try reader.object("model"), let members = model.take("vocab")?.members else {
        throw CLIPError.badFile(reader.file, reason: "it must hold model.vocab; fetch it again")
      }
      try model.expect(["type": ["WordPiece"]])
      settings.mark = try model.text("continuing_subword_prefix") ?? settings.mark
      settings.longestWord =
        try model.integer("max_input_chars_per_word", in: 1...(1 << 20)) ?? settings.longestWord
      model.ignore(["unk_token"])
      try model.finish()
      list = try Self.list(members, reader.file)
      for (key, kind) in [("normalizer", "BertNormalizer"), ("pre_tokenizer", "BertPreTokenizer")] {
        guard var part = try reader.settings(key) else { continue }
        try part.expect(["type": [.string(kind)], "clean_text": [true]])
        if key == "normalizer" {
          normalizer = reader.file
          settings.splitsChinese = try part.flag("handle_chinese_chars") ?? true
          settings.lowersCase = try part.flag("lowercase") ?? true
          settings.stripsAccents = try part.optionalFlag("strip_accents") ?? settings.lowersCase
        }
        try part.finish()
      }
      for key in ["truncation", "padding"] {
        guard var part = try reader.settings(key) else { continue }
        try part.expect(["direction": ["Right", "right"]])
      }
      try readAdded(&reader)
      reader.ignore(["version", "post_processor", "decoder"])
      try reader.finish()
    }

    /// Places the tokens by id.
    private static func list(_ members: [String: JSONValue], _ file: URL) throws -> [String?] {
      var list: [String?] = Array(repeating: nil, count: members.count)
      for (token, id) in members {
        // Ids follow each other; a much larger one would only take memory.
        guard case .integer(let id) = id, (0..<members.count + 100_000).contains(id) else {
          throw CLIPError.badFile(file, reason: "model.vocab: \"\(token)\" has no valid id; fetch it again")
        }
        if id >= list.count { list += Array(repeating: nil, count: id + 1 - list.count) }
        list[id] = token
      }
      return list
    }

    private mutating func readAdded(_ reader: inout SettingsReader) throws {
      guard let value = reader.take("added_tokens"), value != .null else { return }
      guard case .array(let items) = value else {
        throw reader.refusal("added_tokens", value, "it must be a list of tokens")
      }
      for (index, item) in items.enumerated() {
        let name = "added_tokens[\(index)]"
        guard case .integer(let id)? = item.members?["id"], (0..<(1 << 24)).contains(id) else {
          throw reader.refusal(name, item, "it must have an id")
        }
        var bare = item.members ?? [:]
        bare["id"] = nil
        added.append(
          try TokenizerSettings.added(.object(bare), reader.name(name), in: reader, isSpecial: false)
            .token.with(id: id))
      }
    }
  }

  /// Reads the settings of the cleaning; missing ones are true, or those of `tokenizer.json`.
  private static func stated(_ reader: inout SettingsReader, _ other: Settings?) throws -> Settings {
    var settings = other ?? Settings()
    settings.lowersCase = try reader.flag("do_lower_case") ?? settings.lowersCase
    settings.stripsAccents =
      try reader.optionalFlag("strip_accents") ?? (other?.stripsAccents ?? settings.lowersCase)
    settings.splitsChinese = try reader.flag("tokenize_chinese_chars") ?? settings.splitsChinese
    return settings
  }

  /// Reads the tokens with a role, and added ones.
  private static func readTokens(
    _ reader: inout SettingsReader, _ roles: inout [String: String], _ added: inout [AddedToken]
  ) throws {
    for role in standard.keys.sorted() {
      guard let value = reader.take(role), value != .null else { continue }
      let token = try TokenizerSettings.added(value, reader.name(role), in: reader, isSpecial: true).token
      roles[role] = token.content
    }
    if var list = try reader.settings("added_tokens_decoder") {
      for key in list.keys {
        guard let value = list.take(key) else { continue }
        guard let id = Int(key), (0..<(1 << 24)).contains(id) else {
          throw list.refusal(key, value, "its name must be the id of the token")
        }
        let token = try TokenizerSettings.added(value, list.name(key), in: list, isSpecial: false).token
        added.removeAll { $0.content == token.content }
        added.append(token.with(id: id))
      }
    }
    // Without an id in a file, further tokens have no place in the vocabulary of the weights.
    for key in ["additional_special_tokens", "extra_special_tokens", "bos_token", "eos_token"] {
      try reader.expect([key: [.array([]), .object([:])]])
    }
  }

  /// Reads the settings of the form of sentences, and refuses all others.
  private static func readForm(_ reader: inout SettingsReader) throws {
    try reader.expect([
      "tokenizer_class": ["BertTokenizer", "BertTokenizerFast"], "backend": ["tokenizers"],
      "do_basic_tokenize": [true], "never_split": [.array([])], "padding_side": ["right"],
      "truncation_side": ["right"], "split_special_tokens": [false], "auto_map": [],
    ])
    // OpenCLIP states the window itself.
    reader.ignore([
      "model_max_length", "errors", "name_or_path", "special_tokens_map_file", "tokenizer_file",
      "clean_up_tokenization_spaces", "is_local", "local_files_only", "model_input_names", "processor_class",
      "use_fast", "max_length", "max_len", "stride", "truncation_strategy", "pad_to_multiple_of",
      "pad_token_type_id", "chat_template", "transformers_version",
    ])
    try reader.finish()
  }

  func write(to folder: URL, window: Int) throws {
    let lines = list.map { ($0 ?? "[unused]") + "\n" }
    try AtomicFile.write(Data(lines.joined().utf8), to: folder.appendingPathComponent("vocab.txt"))
    var members: [String: JSONValue] = [
      "tokenizer_class": .string("BertTokenizer"), "model_max_length": .integer(window),
      "do_lower_case": .bool(settings.lowersCase), "strip_accents": .bool(settings.stripsAccents),
      "tokenize_chinese_chars": .bool(settings.splitsChinese),
    ]
    for (role, id) in roles { members[role] = list[id].map { .string($0) } }
    let plain = Set(roles.values)
    let further = addedTokens.filter { $0 != AddedToken($0.content, id: $0.id) || !plain.contains($0.id) }
    if !further.isEmpty {
      members["added_tokens_decoder"] = .object(
        Dictionary(further.map { ("\($0.id)", $0.json) }, uniquingKeysWith: { first, _ in first }))
    }
    if settings.cleaning != .huggingFace {
      members["text_cleaning"] = .string(settings.cleaning.rawValue)
    }
    try AtomicFile.write(
      json: JSONValue.object(members), to: folder.appendingPathComponent("tokenizer_config.json"))
  }
}

extension WordPiece.Settings {
  /// The first setting of the cleaning that differs, by its names in both files.
  fileprivate func difference(_ other: Self) -> (key: String, own: Bool, name: String, other: Bool)? {
    [
      ("lowercase", lowersCase, "do_lower_case", other.lowersCase),
      ("strip_accents", stripsAccents, "strip_accents", other.stripsAccents),
      ("handle_chinese_chars", splitsChinese, "tokenize_chinese_chars", other.splitsChinese),
    ].first { $0.1 != $0.3 }
  }
}

extension SettingsReader {
  /// Takes true or false; null counts as none.
  fileprivate mutating func optionalFlag(_ key: String) throws -> Bool? {
    if peek(key) == .null { _ = take(key) }
    return try flag(key)
  }
}

extension Tokenizer {
  /// Makes the tokenizer of a WordPiece vocabulary.
  ///
  /// - Throws: `CLIPError.badFile` if it lacks a token that every sentence has.
  init(_ scheme: WordPiece, file: URL) throws {
    func id(_ role: String) throws -> Int {
      guard let id = scheme.roles[role] else {
        throw CLIPError.badFile(file, reason: "the vocabulary has no \(role); fetch it again")
      }
      return id
    }
    self.init(
      scheme,
      vocabulary: Dictionary(
        scheme.list.enumerated().compactMap { id, token in token.map { ($0, id) } },
        uniquingKeysWith: { first, _ in first }),
      ends: (try id("cls_token"), try id("sep_token"), try id("pad_token")),
      cleaning: scheme.settings.cleaning, addedTokens: scheme.addedTokens)
  }

  /// Returns whether `tokenizer.json` holds a WordPiece vocabulary.
  static func isWordPiece(_ whole: SettingsReader) -> Bool {
    whole.peek("model")?.members?["type"] == "WordPiece"
  }

  /// Checks that the folder of a BERT has a vocabulary of WordPiece.
  ///
  /// - Throws: `CLIPError.missingFile` with the name of the file.
  static func requireWordPiece(_ folder: URL) throws {
    let files = ["tokenizer.json", "vocab.txt"].map { folder.appendingPathComponent($0) }
    guard !files.contains(where: { FileManager.default.fileExists(atPath: $0.path) }) else { return }
    throw CLIPError.missingFile(files[1])
  }
}
