import Foundation
import Torch

/// A CLIP model: image tower, text tower, tokenizer and image preparation.
public final class CLIPModel: Module {
  /// The image tower, of the kind in the configuration.
  @Child package var vision: ImageTower
  /// The text tower.
  @Child package var text: TextTower
  /// The logarithm of the logits' scale.
  @Parameter package var logitScale: Tensor
  /// The bias of SigLIP's logits; nil for CLIP's.
  @Parameter package var logitBias: Tensor?
  /// The geometry.
  public let configuration: CLIPConfiguration
  /// The tokenizer, which maps text to ids.
  public let tokenizer: Tokenizer
  /// The preparation, which maps pixels to input.
  public let preparation: ImagePreparation
  /// Whether the text tower was trained, or stands for one; false for an image trunk alone.
  public internal(set) var hasWords = true

  /// Makes a model with random weights from the distributions of CLIP's own training.
  ///
  /// - Parameters:
  ///   - configuration: the geometry.
  ///   - tokenizer: the tokenizer.
  ///   - preparation: the preparation of images.
  ///   - seed: the seed of the weights.
  /// - Throws: `TorchError` if the vocabulary does not fit the text tower.
  public convenience init(
    _ configuration: CLIPConfiguration, tokenizer: Tokenizer, preparation: ImagePreparation, seed: UInt64
  ) throws {
    try self.init(
      configuration, tokenizer: tokenizer, preparation: preparation, name: "the configuration",
      image: Initializer(generator: Generator(seed: seed, for: "vision")),
      text: Initializer(generator: Generator(seed: seed, for: "text")))
    // Random weights have no published statistics, so training learns them.
    vision.learnsStatistics = true
  }

  private init(
    _ configuration: CLIPConfiguration, tokenizer: Tokenizer, preparation: ImagePreparation, name: String,
    image: Initializer, text: Initializer
  ) throws {
    guard tokenizer.count <= configuration.text.vocabularySize else {
      throw TorchError.value(
        "\(name): vocab_size is \(configuration.text.vocabularySize), the vocabulary has \(tokenizer.count) tokens; "
          + "take both from one model")
    }
    self.configuration = configuration
    self.tokenizer = tokenizer
    self.preparation = preparation
    _vision = Child(
      "",
      try ImageTower.make(configuration.vision, projectionSize: configuration.projectionSize, image))
    var words = configuration.text
    // The file has no usable end token, so the tokenizer's is used.
    if words.endToken != 2, words.pool == nil { words.endToken = tokenizer.endToken }
    _text = Child(
      "", try TextTower.make(words, projectionSize: configuration.projectionSize, text))
    // SigLIP's start values: a factor of 10 and a bias of -10 (Zhai et al., ICCV 2023, section 3).
    let isSigLIP = configuration.isSigLIP
    _logitScale = Parameter(
      "logit_scale", isSigLIP ? try .full([1], Foundation.log(10)) : try .scalar(2.6592))
    _logitBias = Parameter("logit_bias", isSigLIP ? try .full([1], -10) : nil)
    super.init()
  }

  /// Loads a model or makes one with random weights.
  ///
  /// - Parameters:
  ///   - name: a folder, a safetensors file of OpenAI's or OpenCLIP's, or `random:FILE` with a
  ///     configuration file.
  ///   - seed: the seed of random weights.
  ///   - lazily: whether the weights of a file stay in it until their use, for use without training.
  /// - Returns: the model, in evaluation mode.
  /// - Throws: `CLIPError`, `SafetensorsError` or `TorchError.parameters` that name the file.
  public static func load(_ name: String, seed: UInt64 = 0, lazily: Bool = false) throws -> CLIPModel {
    guard name.hasPrefix("random:") else {
      return try load(folder: URL(fileURLWithPath: name), lazily: lazily)
    }
    let file = URL(fileURLWithPath: String(name.dropFirst("random:".count)))
    return try random(CLIPConfiguration(contentsOf: file), beside: file, seed: seed)
  }

  /// Loads a folder of Hugging Face's or OpenCLIP's form, or a safetensors file.
  ///
  /// The vocabulary of a safetensors file is in its folder.
  ///
  /// - Parameters:
  ///   - folder: the folder or file.
  ///   - lazily: whether weights stay in the file until their use, for use without training.
  ///     `Module.adopt` gives the conditions for the file. Weights of a type other than float32 are
  ///     converted, and so read at once.
  /// - Returns: the model, in evaluation mode.
  /// - Throws: `CLIPError`, `SafetensorsError` or `TorchError.parameters` that name the file.
  public static func load(folder: URL, lazily: Bool = false) throws -> CLIPModel {
    // The settings are read first: they say more than the names of weights, and limit the work.
    let place = Checkpoint.folder(folder)
    var found: Checkpoint?
    let configuration = try CLIPConfiguration(place) {
      let checkpoint = try Checkpoint(Checkpoint.find(folder))
      found = checkpoint
      return checkpoint
    }
    let checkpoint = try found ?? Checkpoint(Checkpoint.find(folder))
    try checkpoint.check(configuration, in: place)
    let weights = checkpoint.file
    if configuration.text.bert != nil { try Tokenizer.requireWordPiece(place) }
    let tokenizer = try Tokenizer(folder: place)
    guard tokenizer.longest >= configuration.text.positions else {
      throw CLIPError.badSetting(
        place.appendingPathComponent("tokenizer_config.json"), key: "model_max_length",
        value: "\(tokenizer.longest)",
        wanted: "it must be at least the number of positions, \(configuration.text.positions)")
    }
    let unset = Initializer(generator: nil)
    let model = try CLIPModel(
      configuration, tokenizer: tokenizer,
      preparation: ImagePreparation(folder: place, configuration),
      name: weights.path, image: unset, text: unset)
    let take = lazily ? model.adopt : model.load
    try take(checkpoint.tensors, weights.path, Checkpoint.isIgnored)
    model.train(false)
    return model
  }

  /// Makes a model with random weights and the vocabulary next to the configuration file, if any.
  ///
  /// A ResNet with random weights has no useful statistics, so training learns them.
  ///
  /// - Parameters:
  ///   - configuration: the geometry.
  ///   - file: the configuration file, whose folder may hold a vocabulary.
  ///   - seed: the seed of the weights.
  /// - Returns: the model.
  /// - Throws: `CLIPError` that names the file, or `TorchError` if the vocabulary does not fit the
  ///   text tower.
  public static func random(
    _ configuration: CLIPConfiguration, beside file: URL, seed: UInt64
  ) throws -> CLIPModel {
    let folder = file.deletingLastPathComponent()
    let hasVocabulary = ["vocab.json", "tokenizer.json", "vocab.txt", SubwordFiles.pieces].contains {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
    }
    let model = try CLIPModel(
      configuration, tokenizer: hasVocabulary ? Tokenizer(folder: folder) : .bytes(),
      preparation: ImagePreparation(configuration), seed: seed)
    model.train(false)
    return model
  }

  /// Maps normalised pixels B×3×H×W to embeddings B×d, projected, not normalised.
  ///
  /// - Parameter pixels: B×3×H×W.
  /// - Returns: B×d.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func imageFeatures(_ pixels: Tensor) throws -> Tensor { try vision(pixels, dense: nil).image }

  /// Maps token ids, int64 n×L, to embeddings n×d, projected, not normalised.
  ///
  /// - Parameter ids: int64, n×L.
  /// - Returns: n×d.
  /// - Throws: `TorchError` for ids outside the vocabulary or a window that is too long.
  public func textFeatures(_ ids: Tensor) throws -> Tensor { try text(ids) }

  /// Maps sentences to embeddings n×d, projected, not normalised.
  ///
  /// - Parameter texts: the sentences.
  /// - Returns: n×d.
  /// - Throws: `TorchError` with libtorch's message.
  public func textFeatures(_ texts: [String]) throws -> Tensor {
    try text(tokenizer(texts, window: configuration.text.positions))
  }

  /// Computes the logits of every image with every sentence from their embeddings.
  ///
  /// These are cosines, scaled; SigLIP adds a bias, so that the sigmoid of a logit is the
  /// probability that the sentence belongs to the image. CLIP takes the softmax over sentences.
  ///
  /// - Parameters:
  ///   - images: B×d, of `imageFeatures`.
  ///   - texts: n×d, of `textFeatures`.
  /// - Returns: B×n.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func logits(_ images: Tensor, _ texts: Tensor) throws -> Tensor {
    let cosines = try images.normalized().matmul(texts.normalized().transposed(0, 1))
    let scaled = try cosines * logitScale.exp()
    return try logitBias.map { try scaled + $0 } ?? scaled
  }
}
