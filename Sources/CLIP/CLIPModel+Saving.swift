import Foundation
import Storage
import Torch

extension CLIPModel {
  /// Writes the model as a folder in Hugging Face's form, which `load(folder:)` reads.
  ///
  /// Creates the folder if it is missing. The files are `model.safetensors` under Hugging Face's
  /// names, `config.json`, `preprocessor_config.json`, `vocab.json`, `merges.txt` (for a BERT
  /// `vocab.txt`) and `tokenizer_config.json`. Each file is written atomically, the weights last.
  ///
  /// - Parameters:
  ///   - folder: the folder.
  ///   - dtype: the type of the stored weights. float16 halves the file and rounds to about three
  ///     decimal places.
  /// - Throws: `FileError` that names the file; `TorchError` for a type that is not floating point,
  ///   or weights beyond the range of float16.
  public func save(to folder: URL, dtype: DType = .float32) throws {
    guard [.float16, .bfloat16, .float32, .float64].contains(dtype) else {
      throw TorchError.value("weights cannot be stored as \(dtype); use float32 or float16")
    }
    let weights = try withoutGradients {
      try state().mapValues { try $0.detached().to(dtype) }
    }
    for (key, tensor) in weights.sorted(by: { $0.key < $1.key }) where try !tensor.isFinite() {
      throw TorchError.value("\(key) holds numbers that are not finite as \(dtype); nothing was written")
    }
    try FileManager.default.createFolder(folder)
    var geometry = configuration
    // The file gets the end token that the tokenizer supplied.
    geometry.text = text.configuration
    try geometry.write(to: folder.appendingPathComponent("config.json"), dtype: dtype)
    try preparation.write(to: folder.appendingPathComponent("preprocessor_config.json"))
    try tokenizer.write(to: folder, window: configuration.text.positions)
    try SafetensorsFile.write(
      weights, metadata: ["format": "pt"], to: folder.appendingPathComponent("model.safetensors"))
  }
}

extension CLIPConfiguration {
  /// Writes `config.json` in Hugging Face's form.
  fileprivate func write(to file: URL, dtype: DType) throws {
    if isSigLIP {
      var members = try sigLIPMembers()
      members["torch_dtype"] = .string("\(dtype)")
      return try AtomicFile.write(json: JSONValue.object(members), to: file)
    }
    var members = try JSONValue(encoding: self).members ?? [:]
    for (tower, kind) in [("vision_config", "clip_vision_model"), ("text_config", "clip_text_model")] {
      var settings = members[tower]?.members ?? [:]
      settings["model_type"] = .string(kind)
      settings["projection_dim"] = .integer(projectionSize)
      members[tower] = .object(settings)
    }
    members["model_type"] = .string("clip")
    members["architectures"] = .array([.string("CLIPModel")])
    members["torch_dtype"] = .string("\(dtype)")
    try AtomicFile.write(json: JSONValue.object(members), to: file)
  }
}

extension ImagePreparation {
  /// Writes `preprocessor_config.json` in Hugging Face's form.
  ///
  /// The one framing that Hugging Face lacks has a key of ours.
  fileprivate func write(to file: URL) throws {
    func square(_ side: Int) -> JSONValue { .object(["height": .integer(side), "width": .integer(side)]) }
    var members: [String: JSONValue] = [
      "image_processor_type": .string("CLIPImageProcessor"),
      "do_convert_rgb": .bool(true), "do_resize": .bool(true), "resample": .integer(resample),
      "do_rescale": .bool(true), "rescale_factor": .number(rescale), "do_normalize": .bool(true),
      "image_mean": .array(mean.map { .number($0) }), "image_std": .array(deviation.map { .number($0) }),
      "do_center_crop": .bool(framing != .squash), "crop_size": square(size),
      "size": framing == .squash ? square(size) : .object(["shortest_edge": .integer(shortestEdge)]),
    ]
    if framing == .openCrop { members["framing"] = .string(framing.rawValue) }
    try AtomicFile.write(json: JSONValue.object(members), to: file)
  }
}

extension Tokenizer {
  /// Writes `vocab.json`, `merges.txt` and `tokenizer_config.json` in CLIP's own form.
  ///
  /// WordPiece is written as `vocab.txt` and `tokenizer_config.json` in BERT's form.
  ///
  /// `init(folder:)` reads them.
  ///
  /// - Parameters:
  ///   - folder: an existing folder.
  ///   - window: the number of positions of the text tower, which other readers need.
  /// - Throws: `FileError` that names the file.
  public func write(to folder: URL, window: Int = 77) throws {
    if let scheme { return try scheme.write(to: folder, window: window) }
    try AtomicFile.write(json: vocabulary, to: folder.appendingPathComponent("vocab.json"))
    let lines = ["#version: 0.2"] + merges.map { "\($0.0) \($0.1)" }
    try AtomicFile.write(
      Data((lines.joined(separator: "\n") + "\n").utf8), to: folder.appendingPathComponent("merges.txt"))
    let end = "<|endoftext|>"
    var members: [String: JSONValue] = [
      "tokenizer_class": .string("CLIPTokenizer"), "model_max_length": .integer(window),
      "bos_token": .string("<|startoftext|>"), "eos_token": .string(end), "unk_token": .string(end),
      "pad_token": .string(
        addedTokens.first { $0.id == padToken }?.content ?? vocabulary.first { $0.value == padToken }?.key
          ?? end),
    ]
    if cleaning == .huggingFace,
      addedTokens.contains(where: { $0 != AddedToken($0.content, id: $0.id) })
        || addedTokens.count > 2
    {
      members["added_tokens_decoder"] = .object(
        Dictionary(addedTokens.map { ("\($0.id)", $0.json) }, uniquingKeysWith: { first, _ in first }))
    }
    // Hugging Face has only its own cleaning.
    if cleaning != .huggingFace { members["text_cleaning"] = .string(cleaning.rawValue) }
    try AtomicFile.write(
      json: JSONValue.object(members), to: folder.appendingPathComponent("tokenizer_config.json"))
  }
}

extension AddedToken {
  /// The token in the form of `added_tokens_decoder`.
  var json: JSONValue {
    .object([
      "content": .string(content), "lstrip": .bool(stripsLeft), "rstrip": .bool(stripsRight),
      "single_word": .bool(isSingleWord), "normalized": .bool(isNormalized), "special": .bool(!isNormalized),
    ])
  }
}
