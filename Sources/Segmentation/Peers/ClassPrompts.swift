import Confounders
import Foundation
import Torch

/// The prompts of the classes: learned tokens before each name, in the frozen text tower.
///
/// Zhou, Yang, Loy and Liu, Learning to Prompt for Vision-Language Models (CoOp), IJCV 2022: "[v_1]
/// … [v_M] name." One context serves all classes. The classes are the K lesion classes of the
/// prompt file and, as the last one, its first sentence for normal images.
struct ClassPrompts {
  private let encoder: TextEncoder
  /// The number M of tokens of the context.
  private let length: Int
  /// The ids of the sentences, in which M placeholders stand for the context, int64 (K+1)×L.
  private var ids: Tensor
  /// The embeddings of their tokens, (K+1)×L×w.
  private var tokens: Tensor

  /// Prepares the sentences and freezes the text tower.
  ///
  /// - Parameters:
  ///   - context: the inputs of the method.
  ///   - length: the number M of tokens of the context.
  ///   - option: the setting that M follows from, for messages.
  ///   - method: the name of the method, for messages.
  /// - Throws: `MethodError` if text tower or names are missing, or if the window is too short for
  ///   a sentence.
  init(_ context: MethodContext, length: Int, option: String, method: String) throws {
    guard let encoder = context.textEncoder else { throw MethodError.needsTextTower(method: method) }
    guard let words = context.text.words, !words.classes.isEmpty, let normal = words.normal.first else {
      throw MethodError.needsWords(method: method)
    }
    let places = Array(repeating: "x", count: length).joined(separator: " ")
    let sentences = try (words.classes + [normal]).map { name in
      let sentence = "\(places) \(name)."
      // The tokenizer would cut the name.
      let count = encoder.tokenCount(sentence)
      guard count <= encoder.window else {
        throw MethodError.window(
          method: method, option: option, tokens: length, name: name, length: count, most: encoder.window)
      }
      return sentence
    }
    self.encoder = encoder
    self.length = length
    let ids = try encoder.shortIds(sentences)
    self.ids = ids
    tokens = try withoutGradients { try encoder.tower.tokens(ids) }
    try encoder.tower.requireGradients(false)
  }

  /// The width w of a token.
  var width: Int { encoder.tower.configuration.hiddenSize }

  /// Moves the sentences to a device; the system moves the text tower.
  mutating func move(to device: Device) throws {
    (ids, tokens) = (try ids.to(device), try tokens.to(device))
  }

  /// Returns CoOp's first context: the first M tokens of "a photo of a".
  ///
  /// The context is random, with the deviation 0.02 of CLIP's own tokens, if it has more than four
  /// tokens, or if the vocabulary does not write the phrase in four.
  ///
  /// - Parameter generator: the random number generator.
  /// - Returns: M×w.
  /// - Throws: `TorchError` with libtorch's message.
  func firstContext(_ generator: Generator) throws -> Tensor {
    let phrase = "a photo of a"
    // Four words, end and start, if there is one.
    let start = encoder.startCount
    guard length <= 4, encoder.window >= 5 + start, encoder.tokenCount(phrase) == 5 + start else {
      return try .randomNormal([length, width], generator: generator) * 0.02
    }
    return try withoutGradients {
      try encoder.tower.tokens(encoder.shortIds([phrase])).selected(dim: 0, index: 0)
        .narrowed(dim: 0, start: start, length: length).copy()
    }
  }

  /// Embeds the classes with a context.
  ///
  /// - Parameter context: M×w, or B×M×w for one context for each image.
  /// - Returns: (K+1)×d or B×(K+1)×d, L2-normalised.
  /// - Throws: `TorchError` if the shapes do not fit.
  func embeddings(_ context: Tensor) throws -> Tensor {
    let isShared = context.shape.count == 2
    let contexts = try (isShared ? context.expandedDimension(0) : context).to(tokens.dtype)
    let (count, classes, all) = (try contexts.size(0), try tokens.size(0), try tokens.size(1))
    let start = encoder.startCount
    func part(_ start: Int, _ length: Int) throws -> Tensor {
      try tokens.narrowed(dim: 1, start: start, length: length).expandedDimension(0)
        .expanded(to: [count, -1, -1, -1])
    }
    let sentences = try Tensor.concatenated(
      [
        part(0, start), contexts.expandedDimension(1).expanded(to: [-1, classes, -1, -1]),
        part(start + length, all - start - length),
      ], dim: 2
    ).flattened(from: 0, to: 1)
    let ends = try ids.expandedDimension(0).expanded(to: [count, -1, -1]).flattened(from: 0, to: 1)
    let embeddings = try encoder.tower(tokens: sentences, endingAs: ends).to(.float32).normalized()
    return isShared ? embeddings : try embeddings.reshaped([count, classes, -1])
  }
}

/// The embeddings of a shared context, kept from image to image; threads may share them.
final class PromptMemory {
  private let lock = NSLock()
  private var kept: (context: Tensor, embeddings: Tensor)?

  /// Returns the kept embeddings, or computes them if the context has changed.
  ///
  /// - Parameters:
  ///   - context: the context, M×w.
  ///   - compute: embeds the classes with it.
  /// - Returns: the embeddings, without gradients.
  /// - Throws: the error of `compute`.
  func embeddings(_ context: Tensor, _ compute: () throws -> Tensor) throws -> Tensor {
    try lock.withLock {
      try withoutGradients {
        if let kept, kept.context.device == context.device, try kept.context.isEqual(to: context) {
          // A tensor of the inference mode could not take part in gradients, but its copy can.
          return try kept.embeddings.copy()
        }
        let embeddings = try compute()
        kept = (try context.copy(), embeddings)
        return try embeddings.copy()
      }
    }
  }
}
