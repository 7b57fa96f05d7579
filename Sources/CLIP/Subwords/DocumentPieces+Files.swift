import Foundation
import Storage

extension DocumentPieces {
  /// Reads the tokenizer of a folder.
  ///
  /// - Throws: `CLIPError` or `FileError` that names the file and the setting.
  static func tokenizer(_ folder: URL) throws -> Tokenizer {
    let settings = try SubwordSettings(folder)
    let document = try TokenizerDocument(folder.appendingPathComponent(SubwordFiles.document))
    var whole = document.whole
    var normalizer = try NormalizerSteps(&whole)
    let splitting = try WordSplitting(&whole)
    let vocabulary = try Vocabulary(document)
    try settings.require(
      vocabulary.isUnigram ? SubwordSettings.unigramKinds : SubwordSettings.gemmaKinds,
      for: vocabulary.isUnigram ? "a Unigram model" : "a model of byte pairs")
    // SigLIP 2 was trained on lower case, which Gemma's own files do not say.
    let lowers = settings.lowersCase ?? (settings.kind == "Siglip2Tokenizer")
    if lowers || settings.kind == "Siglip2Tokenizer" { normalizer = normalizer.lowered() }
    var added = try addedTokens(&whole, settings, vocabulary)
    let ends = try Ends(&whole, settings, vocabulary, added)
    whole.ignore(["version", "decoder"])
    try whole.finish()
    if vocabulary.isUnigram { added = added.filter { !$0.content.isEmpty } }
    let scheme = DocumentPieces(
      vocabulary.model, normalizer, splitting, added: added, files: SubwordFiles(folder))
    return Tokenizer(
      scheme, vocabulary: [:], ends: (ends.frame.start.first ?? ends.end, ends.end, ends.pad),
      cleaning: .huggingFace, addedTokens: added, frame: ends.frame, longest: settings.longest,
      count: vocabulary.count)
  }

  /// The tokens that are found before words are split, with the ids of the vocabulary or after it.
  private static func addedTokens(
    _ whole: inout SettingsReader, _ settings: SubwordSettings, _ vocabulary: Vocabulary
  ) throws -> [AddedToken] {
    var tokens: [AddedToken] = []
    if let value = whole.take("added_tokens"), value != .null {
      guard case .array(let items) = value else {
        throw whole.refusal("added_tokens", value, "it must be a list of tokens")
      }
      for (index, item) in items.enumerated() {
        let name = "added_tokens[\(index)]"
        guard case .integer(let id)? = item.members?["id"], (0...(1 << 24)).contains(id) else {
          throw whole.refusal(name, item, "it must have an id")
        }
        var bare = item.members ?? [:]
        bare["id"] = nil
        tokens.append(
          try TokenizerSettings.added(.object(bare), name, in: whole, isSpecial: false).token.with(id: id))
      }
    }
    for token in settings.added {
      tokens.removeAll { $0.content == token.content }
      tokens.append(token)
    }
    for content in settings.roles.sorted(by: { $0.key < $1.key }).map(\.value) + settings.further
    where !tokens.contains(where: { $0.content == content }) {
      guard let id = vocabulary[content] else {
        throw CLIPError.badSetting(
          settings.file, key: "a token with a role", value: "\"\(content)\"",
          wanted: "\(SubwordFiles.document) must hold it; take both files from one model")
      }
      tokens.append(AddedToken(content, id: id))
    }
    for token in tokens {
      guard let id = vocabulary[token.content], id != token.id else { continue }
      throw CLIPError.badFile(
        whole.file,
        reason: "the added token \"\(token.content)\" has the id \(token.id), and \(id) in model.vocab; "
          + "fetch it again")
    }
    return tokens.sorted { $0.id < $1.id }
  }

  /// The vocabulary of a document and the model that uses it.
  private struct Vocabulary {
    let model: Model
    let count: Int
    private let ids: (String) -> Int?

    var isUnigram: Bool { if case .unigram = model { true } else { false } }

    subscript(_ text: String) -> Int? { ids(text) }

    init(_ document: TokenizerDocument) throws {
      var reader = document.model
      let file = reader.file
      switch try reader.choice("type", ["BPE", "Unigram"]) {
      case "Unigram":
        let pieces = try Self.pieces(&reader)
        let unknown = try reader.integer("unk_id") ?? 0
        let hasBytes = try reader.flag("byte_fallback") ?? false
        try reader.finish()
        let unigram = try Unigram(pieces, unknown: unknown, hasByteFallback: hasBytes, file: file)
        (model, count, ids) = (.unigram(unigram), unigram.count, { unigram.id(of: $0.utf8) })
      case "BPE":
        guard let list = document.tokens, let merges = document.merges, !list.isEmpty else {
          throw CLIPError.badFile(file, reason: "it must hold model.vocab and model.merges; fetch it again")
        }
        var tokens: [[UInt8]: Int] = Dictionary(minimumCapacity: list.count)
        for (text, id) in list {
          guard tokens.updateValue(id, forKey: text) == nil else {
            let shown = String(decoding: text.prefix(40), as: UTF8.self)
            throw CLIPError.badFile(file, reason: "model.vocab: \"\(shown)\" stands twice; fetch it again")
          }
        }
        count = (list.map(\.id).max() ?? 0) + 1
        try reader.expect([
          "dropout": [0], "continuing_subword_prefix": [""], "end_of_word_suffix": [""],
        ])
        reader.dropNulls()
        let pairs = try PieceMerging(
          tokens, merges: merges, unknown: reader.text("unk_token"),
          joinsUnknown: reader.flag("fuse_unk") ?? false,
          hasByteFallback: reader.flag("byte_fallback") ?? false,
          takesWords: reader.flag("ignore_merges") ?? false, file: file)
        try reader.finish()
        // Only short texts are asked for, so the table itself need not stay.
        (model, ids) = (.pairs(pairs), { tokens[Array($0.utf8)] })
      default:
        throw CLIPError.badFile(file, reason: "model.type is missing; supported: BPE, Unigram")
      }
    }

    /// Reads the list of pieces with scores.
    private static func pieces(
      _ reader: inout SettingsReader
    ) throws -> [(text: [UInt8], score: Double)] {
      guard case .array(let items)? = reader.take("vocab") else {
        throw CLIPError.badFile(reader.file, reason: "it must hold model.vocab as a list; fetch it again")
      }
      return try items.enumerated().map { index, item in
        guard case .array(let pair) = item, pair.count == 2, case .string(let text) = pair[0],
          let score = pair[1].double
        else {
          throw CLIPError.badFile(
            reader.file, reason: "model.vocab[\(index)] is not a text and a score; fetch it again")
        }
        return (Array(text.utf8), score)
      }
    }
  }

  /// The tokens around sentences.
  private struct Ends {
    var frame = SentenceFrame()
    var end = 0
    var pad = 0

    init(
      _ whole: inout SettingsReader, _ settings: SubwordSettings, _ vocabulary: Vocabulary,
      _ added: [AddedToken]
    ) throws {
      let file = whole.file
      func id(_ role: String, _ standards: [String]) throws -> Int {
        let texts = settings.roles[role].map { [$0] } ?? standards
        for text in texts {
          if let id = added.first(where: { $0.content == text })?.id ?? vocabulary[text] { return id }
        }
        throw CLIPError.badFile(
          file, reason: "the vocabulary has no \(role) (\(texts.joined(separator: " or "))); fetch it again")
      }
      end = try id("eos_token", ["<eos>", "</s>"])
      let template = try Template(&whole)
      if settings.addsStart != nil || settings.addsEnd != nil {
        if settings.addsStart == true { frame.start = [try id("bos_token", ["<bos>", "<s>"])] }
        if settings.addsEnd == true { frame.end = [end] }
      } else {
        (frame.start, frame.end) = (template.start, template.end)
      }
      if var truncation = try whole.settings("truncation") {
        try truncation.expect(["direction": ["Right", "right"]])
      }
      var (padId, padsLeft) = (Int?.none, false)
      if var padding = try whole.settings("padding") {
        padsLeft =
          try padding.choice("direction", ["Right", "right", "Left", "left"])?.lowercased() == "left"
        padId = try padding.integer("pad_id", in: 0...(1 << 24))
      }
      frame.padsLeft = settings.padsLeft ?? padsLeft
      pad =
        settings.roles["pad_token"] == nil && padId != nil
        ? padId ?? 0 : try id("pad_token", ["<pad>", "</s>"])
    }
  }

  /// The tokens that the post-processor of a document puts around a sentence.
  private struct Template {
    var start: [Int] = []
    var end: [Int] = []

    init(_ whole: inout SettingsReader) throws {
      guard var reader = try whole.settings("post_processor") else { return }
      try reader.expect(["type": ["TemplateProcessing"]])
      let specials = reader.take("special_tokens")?.members ?? [:]
      guard case .array(let items)? = reader.take("single") else {
        throw CLIPError.badFile(reader.file, reason: "post_processor.single must be a list; fetch it again")
      }
      reader.ignore(["pair"])
      try reader.finish()
      var isAfter = false
      for item in items {
        if item.members?["Sequence"] != nil {
          isAfter = true
          continue
        }
        guard case .string(let name)? = item.members?["SpecialToken"]?.members?["id"],
          case .array(let values)? = specials[name]?.members?["ids"]
        else { throw reader.refusal("single", item, "it must be a sequence or a token of special_tokens") }
        for value in values {
          guard case .integer(let id) = value, (0...(1 << 24)).contains(id) else {
            throw reader.refusal("special_tokens", value, "an id must be a whole number")
          }
          if isAfter { end.append(id) } else { start.append(id) }
        }
      }
    }
  }
}

extension NormalizerSteps {
  /// The steps after a lower-casing, unless the first one is that.
  func lowered() -> NormalizerSteps {
    if case .lowercase? = steps.first { return self }
    return NormalizerSteps([.lowercase] + steps)
  }
}
