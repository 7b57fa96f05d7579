import Foundation
import Storage

/// The pre-tokeniser of a `tokenizer.json`: the words inside which a model finds tokens.
struct WordSplitting: Sendable {
  /// One step.
  enum Step: Equatable, Sendable {
    /// Words end after this text.
    case after([Unicode.Scalar])
    /// Words are what white space separates.
    case whiteSpace
    /// Spaces become a mark, before which words begin.
    case marked(Unicode.Scalar, puts: Prefix, splits: Bool)
  }

  /// The words that get a mark before them.
  enum Prefix: String, Sendable, CaseIterable {
    case always, first, never
  }

  private(set) var steps: [Step] = []

  /// Makes steps.
  init(_ steps: [Step] = []) { self.steps = steps }

  /// Reads the pre-tokeniser of a document; null is none.
  ///
  /// - Throws: `CLIPError` that names the file and the step.
  init(_ reader: inout SettingsReader) throws {
    guard let part = try reader.settings("pre_tokenizer") else { return }
    try read(part, isInside: false)
  }

  private static let kinds = ["Sequence", "Split", "WhitespaceSplit", "Metaspace"]

  private mutating func read(_ part: SettingsReader, isInside: Bool) throws {
    var part = part
    switch try part.choice("type", isInside ? Array(Self.kinds.dropFirst()) : Self.kinds) {
    case "Sequence":
      guard let list = part.take("pretokenizers"), case .array(let items) = list else {
        throw CLIPError.badFile(part.file, reason: "\(part.name("pretokenizers")) must be a list")
      }
      for (index, item) in items.enumerated() {
        guard let members = item.members else {
          throw part.refusal("pretokenizers", item, "each must be an object")
        }
        let place = part.name("pretokenizers[\(index)]")
        try read(SettingsReader(file: part.file, place: place, members: members), isInside: true)
      }
    case "Split":
      guard var pattern = try part.settings("pattern"), let text = try pattern.text("String"), !text.isEmpty
      else {
        throw CLIPError.badFile(
          part.file, reason: "\(part.name("pattern")) is not supported; it must be a \"String\"")
      }
      try pattern.finish()
      try part.expect(["behavior": ["MergedWithPrevious"], "invert": [false]])
      steps.append(.after(Array(text.unicodeScalars)))
    case "WhitespaceSplit": steps.append(.whiteSpace)
    case "Metaspace":
      let mark = Array((try part.text("replacement") ?? "\u{2581}").unicodeScalars)
      guard mark.count == 1 else {
        throw CLIPError.badFile(part.file, reason: "\(part.name("replacement")) must be one character")
      }
      let old = try part.flag("add_prefix_space")
      let puts = try part.choice("prepend_scheme", Prefix.allCases.map(\.rawValue)).flatMap(Prefix.init)
      // The old form says only whether a mark is put.
      part.ignore(["str_rep"])
      steps.append(
        .marked(
          mark[0], puts: puts ?? (old == false ? .never : .always), splits: try part.flag("split") ?? true))
    default:
      throw CLIPError.badFile(
        part.file, reason: "\(part.name("type")) is missing; supported: \(Self.kinds.joined(separator: ", "))"
      )
    }
    try part.finish()
  }

  /// Divides a text.
  ///
  /// - Parameters:
  ///   - text: the normalised text.
  ///   - isFirst: whether the sentence begins with it.
  /// - Returns: the words, none empty.
  func words(_ text: [Unicode.Scalar], isFirst: Bool) -> [[Unicode.Scalar]] {
    var words: [(text: [Unicode.Scalar], isFirst: Bool)] = [(text, isFirst)]
    for step in steps {
      words = words.flatMap { word -> [(text: [Unicode.Scalar], isFirst: Bool)] in
        step.parts(word.text, word.isFirst).enumerated().map { ($1, word.isFirst && $0 == 0) }
      }
    }
    return words.map(\.text).filter { !$0.isEmpty }
  }
}

extension WordSplitting.Step {
  fileprivate func parts(_ text: [Unicode.Scalar], _ isFirst: Bool) -> [[Unicode.Scalar]] {
    switch self {
    case .whiteSpace: return text.split { $0.properties.isWhitespace }.map(Array.init)
    case .after(let pattern):
      var (parts, start, place) = ([[Unicode.Scalar]](), 0, 0)
      while place < text.count {
        guard text[place] == pattern[0], text[place...].starts(with: pattern) else {
          place += 1
          continue
        }
        place += pattern.count
        parts.append(Array(text[start..<place]))
        start = place
      }
      return start < text.count ? parts + [Array(text[start...])] : parts
    case .marked(let mark, let puts, let splits):
      var marked = text.map { $0 == " " ? mark : $0 }
      guard let first = marked.first else { return [] }
      if first != mark, puts == .always || puts == .first && isFirst { marked.insert(mark, at: 0) }
      guard splits else { return [marked] }
      var (parts, start) = ([[Unicode.Scalar]](), 0)
      for place in 1..<max(1, marked.count) where marked[place] == mark {
        parts.append(Array(marked[start..<place]))
        start = place
      }
      return parts + [Array(marked[start...])]
    }
  }
}
