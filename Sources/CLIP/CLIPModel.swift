import Foundation
import Torch

/// A CLIP model: image tower, text tower, tokenizer, preparation of images.
public final class CLIPModel: Module {
  /// The image tower.
  @Child public var vision: VisionTransformer
  /// The text tower.
  @Child public var text: TextTransformer
  /// The logarithm of the logits' scale.
  @Parameter public var logitScale: Tensor
  /// The geometry.
  public let configuration: CLIPConfiguration
  /// Text to ids.
  public let tokenizer: Tokenizer
  /// Pixels to input.
  public let preparation: ImagePreparation

  /// Makes a model with random weights, as CLIP's own training starts.
  ///
  /// - Throws: `CLIPError` when the vocabulary does not fit the text tower.
  public init(
    _ configuration: CLIPConfiguration, tokenizer: Tokenizer, preparation: ImagePreparation, seed: UInt64
  ) throws {
    guard tokenizer.count <= configuration.text.vocabularySize else {
      throw TorchError.value(
        "text_config.vocab_size is \(configuration.text.vocabularySize), the vocabulary has \(tokenizer.count) tokens"
      )
    }
    self.configuration = configuration
    self.tokenizer = tokenizer
    self.preparation = preparation
    _vision = Child(
      "",
      try VisionTransformer(
        configuration.vision, projectionSize: configuration.projectionSize,
        generator: Generator(seed: seed, for: "vision")))
    var text = configuration.text
    // A file without a usable end token: the tokenizer knows it.
    if text.endToken != 2 { text.endToken = tokenizer.endToken }
    _text = Child(
      "",
      try TextTransformer(
        text, projectionSize: configuration.projectionSize, generator: Generator(seed: seed, for: "text")))
    _logitScale = Parameter("logit_scale", try .scalar(2.6592))
    super.init()
  }

  /// Loads a folder as Hugging Face publishes it, or starts from random weights.
  ///
  /// - Parameters:
  ///   - name: a folder, or `random:FILE` with a configuration file.
  ///   - seed: of random weights.
  /// - Returns: the model, in evaluation mode.
  /// - Throws: `CLIPError`, `SafetensorsError` or `TorchError.parameters` that name the file.
  public static func load(_ name: String, seed: UInt64 = 0) throws -> CLIPModel {
    if name.hasPrefix("random:") {
      let file = URL(fileURLWithPath: String(name.dropFirst("random:".count)))
      return try random(CLIPConfiguration(contentsOf: file), beside: file, seed: seed)
    }
    let folder = URL(fileURLWithPath: name)
    let weights = folder.appendingPathComponent("model.safetensors")
    for file in [folder.appendingPathComponent("config.json"), weights]
    where !FileManager.default.fileExists(atPath: file.path) {
      throw CLIPError.missingFile(file)
    }
    let configuration = try CLIPConfiguration(contentsOf: folder.appendingPathComponent("config.json"))
    let model = try CLIPModel(
      configuration, tokenizer: Tokenizer(folder: folder), preparation: ImagePreparation(folder: folder),
      seed: 0)
    try model.load(SafetensorsFile(weights).tensors(), from: weights.path) { $0.hasSuffix("position_ids") }
    model.train(false)
    return model
  }

  /// A model of random weights; the vocabulary beside the configuration file is used when there is one.
  public static func random(_ configuration: CLIPConfiguration, beside file: URL, seed: UInt64) throws
    -> CLIPModel
  {
    let folder = file.deletingLastPathComponent()
    let hasVocabulary = ["vocab.json", "tokenizer.json"].contains {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
    }
    let model = try CLIPModel(
      configuration, tokenizer: hasVocabulary ? Tokenizer(folder: folder) : .bytes(),
      preparation: ImagePreparation(size: configuration.vision.imageSize), seed: seed)
    model.train(false)
    return model
  }

  /// Sentences → embeddings n×d, projected, not normalised.
  public func textFeatures(_ texts: [String]) throws -> Tensor {
    try text(tokenizer(texts, window: configuration.text.positions))
  }
}
