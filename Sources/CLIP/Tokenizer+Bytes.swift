import Foundation

extension Tokenizer {
  /// Makes a tokenizer without merges, for models with random weights and no vocabulary.
  ///
  /// Its 514 tokens are the 256 bytes, inside a word and at its end, and the two special tokens.
  ///
  /// - Parameter cleaning: the cleaning of text.
  /// - Returns: the tokenizer.
  /// - Throws: `CLIPError.badFile`, which these tokens never cause.
  public static func bytes(cleaning: TextCleaning = .huggingFace) throws -> Tokenizer {
    try Tokenizer(orderedMerges: [], file: URL(fileURLWithPath: "bytes"), cleaning: cleaning)
  }

  /// Makes a tokenizer whose vocabulary follows from its merges, in OpenAI's order.
  init(orderedMerges merges: [(String, String)], file: URL, cleaning: TextCleaning) throws {
    let ordered = Self.orderedSymbols
    let tokens =
      ordered + ordered.map { $0 + "</w>" } + merges.map { $0.0 + $0.1 } + [
        "<|startoftext|>", "<|endoftext|>",
      ]
    let vocabulary = Dictionary(tokens.enumerated().map { ($1, $0) }, uniquingKeysWith: { $1 })
    try self.init(vocabulary: vocabulary, merges: merges, file: file, cleaning: cleaning)
  }
}
