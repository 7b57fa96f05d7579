import Foundation
import Storage
import Torch

/// The weights of a CLIP file under our names, which do not depend on the file's names.
struct Checkpoint {
  /// The tensors by our keys: Hugging Face's, and OpenAI's for a ResNet.
  let tensors: [String: Tensor]
  /// The file, for messages.
  let file: URL
  /// The geometry, if the names are OpenAI's and give it.
  let inferred: () throws -> CLIPConfiguration
  /// Whether the file has Hugging Face's names, which do not give the geometry.
  let hasHuggingFaceNames: Bool

  /// Reads a safetensors file, or the parts that an index file lists.
  ///
  /// - Throws: `FileError`, `SafetensorsError` or `CLIPError` that names the file.
  init(_ file: URL) throws {
    var tensors: [String: Tensor] = [:]
    if file.pathExtension == "json" {
      guard let map = try JSONValue(json5File: file).members?["weight_map"]?.members else {
        throw CLIPError.badFile(file, reason: "it must hold a weight_map of tensors and files")
      }
      let parts = try map.values.map { value in
        guard case .string(let part) = value, !part.contains("/"), part.hasSuffix(".safetensors") else {
          throw CLIPError.badFile(
            file, reason: "weight_map names \(value.text), which is no safetensors file of the same folder")
        }
        return part
      }
      for part in Set(parts) {
        let url = file.deletingLastPathComponent().appendingPathComponent(part)
        tensors.merge(try SafetensorsFile(url).tensors()) { $1 }
      }
    } else {
      tensors = try SafetensorsFile(file).tensors()
    }
    self.file = file
    let plain = Self.plainNames(tensors)
    let isOpenAI = plain.keys.contains { $0.hasPrefix("visual.") }
    self.tensors = isOpenAI ? try Self.ourNames(plain, file) : tensors
    hasHuggingFaceNames = !isOpenAI && tensors.keys.contains { $0.hasPrefix("vision_model.") }
    inferred = { try CLIPConfiguration(inferring: plain, file: file) }
  }

  /// Returns a folder, or the folder of a file.
  static func folder(_ place: URL) -> URL {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder)
    return exists && !isFolder.boolValue ? place.deletingLastPathComponent() : place
  }

  /// Finds the weights file of a folder; the path of a file is returned.
  ///
  /// - Throws: `CLIPError.missingFile` with the expected name, or `CLIPError.pickledWeights`.
  static func find(_ place: URL) throws -> URL {
    let folder = folder(place)
    if folder != place {
      if isPickled(place) { throw CLIPError.pickledWeights(place) }
      return place
    }
    let names = [
      "model.safetensors", "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors",
      "model.safetensors.index.json",
    ]
    let files = names.map { folder.appendingPathComponent($0) }
    if let found = files.first(where: { FileManager.default.fileExists(atPath: $0.path) }) { return found }
    let others =
      (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
    if let pickled = others.filter(isPickled).min(by: { $0.path < $1.path }) {
      throw CLIPError.pickledWeights(pickled)
    }
    throw CLIPError.missingFile(files[0])
  }

  /// Returns whether a file has a name of pickled weights, such as `pytorch_model.bin`.
  private static func isPickled(_ file: URL) -> Bool {
    ["bin", "pt", "pth", "ckpt", "pkl"].contains(file.pathExtension.lowercased())
  }

  /// Compares sizes of a configuration with the weights, before memory is taken for a model.
  ///
  /// - Throws: `CLIPError.badSetting` that names the first setting that differs.
  func check(_ configuration: CLIPConfiguration, in folder: URL) throws {
    let hugging = folder.appendingPathComponent("config.json")
    let isHugging = FileManager.default.fileExists(atPath: hugging.path)
    let source = isHugging ? hugging : folder.appendingPathComponent("open_clip_config.json")
    let (vision, text) = (configuration.vision, configuration.text)
    var sizes: [(hugging: String, open: String, size: Int, found: Int?)] = [
      (
        "vision_config.num_hidden_layers", "vision_cfg.layers", vision.layers,
        layers("vision_model.encoder.layers.")
      ),
      (
        "vision_config.hidden_size", "vision_cfg.width", vision.hiddenSize,
        count("vision_model.post_layernorm.weight")
      ),
      ("text_config.num_hidden_layers", "text_cfg.layers", text.layers, layers("text_model.encoder.layers.")),
      (
        "text_config.hidden_size", "text_cfg.width", text.hiddenSize,
        count("text_model.final_layer_norm.weight")
      ),
      (
        "text_config.vocab_size", "text_cfg.vocab_size", text.vocabularySize,
        count("text_model.embeddings.token_embedding.weight")
      ),
      (
        "text_config.max_position_embeddings", "text_cfg.context_length", text.positions,
        count("text_model.embeddings.position_embedding.weight")
      ),
    ]
    if let bert = text.bert { sizes += bertSizes(text, bert) }
    for (hugging, open, size, found) in sizes {
      guard let found, found != size else { continue }
      throw CLIPError.badSetting(
        source, key: isHugging ? hugging : open, value: "\(size)",
        wanted: "\(file.lastPathComponent) has \(found); take both files from one model")
    }
  }

  /// The sizes of a BERT text tower beside those of the weights.
  private func bertSizes(
    _ text: CLIPConfiguration.Text, _ bert: CLIPConfiguration.Bert
  ) -> [(hugging: String, open: String, size: Int, found: Int?)] {
    let (place, own) = ("text.transformer.", "text_cfg.hf_model_config.")
    return [
      ("num_hidden_layers", text.layers, layers(place + "encoder.layer.")),
      ("hidden_size", text.hiddenSize, count(place + "embeddings.LayerNorm.weight")),
      ("intermediate_size", text.intermediateSize, count(place + "encoder.layer.0.intermediate.dense.bias")),
      ("vocab_size", text.vocabularySize, count(place + "embeddings.word_embeddings.weight")),
    ].map { ("text_config." + $0.0, own + $0.0, $0.1, $0.2) }
      + [
        ("max_position_embeddings", bert.positions, count(place + "embeddings.position_embeddings.weight")),
        ("type_vocab_size", bert.segments, count(place + "embeddings.token_type_embeddings.weight")),
      ].map { ("text_config.bert." + $0.0, own + $0.0, $0.1, $0.2) }
  }

  /// The number of rows of a tensor, if it is there.
  private func count(_ key: String) -> Int? { tensors[key]?.shape.first }

  /// The number of layers whose keys have a prefix; nil if there are none.
  func layers(_ prefix: String) -> Int? {
    let places = tensors.keys.lazy.filter { $0.hasPrefix(prefix) }
      .compactMap { Int($0.dropFirst(prefix.count).prefix { $0 != "." }) }
    return places.isEmpty ? nil : Set(places).count
  }

  /// Returns whether a file may have a key that the model lacks.
  ///
  /// These are positions, which are counted, not learnt, numbers in OpenAI's files, and a pooler.
  static func isIgnored(_ key: String) -> Bool {
    ["position_ids", "num_batches_tracked", "attn_mask"].contains { key.hasSuffix($0) }
      || ["input_resolution", "context_length", "vocab_size"].contains(key)
      // OpenCLIP's other poolers do not use BERT's own.
      || key.hasPrefix("text.transformer.pooler.")
  }

  /// Removes the prefixes of wrappers.
  ///
  /// They are `module.` of parallel training and `text.` of OpenCLIP's newer text tower. A BERT
  /// keeps `text.`; UniMedCLIP's `text_encoder.` becomes it.
  private static func plainNames(_ tensors: [String: Tensor]) -> [String: Tensor] {
    let plain = renamed(tensors, prefix: "module.", to: "")
    for prefix in ["text.", "text_encoder."]
    where plain[prefix + "transformer.embeddings.word_embeddings.weight"] != nil {
      return renamed(plain, prefix: prefix, to: "text.")
    }
    return renamed(plain, prefix: "text.", to: "")
  }

  /// Replaces the prefix of all names that begin with it.
  private static func renamed(
    _ tensors: [String: Tensor], prefix: String, to other: String
  ) -> [String: Tensor] {
    Dictionary(
      tensors.map { key, tensor in
        (key.hasPrefix(prefix) ? other + key.dropFirst(prefix.count) : key, tensor)
      }, uniquingKeysWith: { first, _ in first })
  }

  /// Maps OpenAI's names to ours, splits fused projections and transposes projections.
  private static func ourNames(_ tensors: [String: Tensor], _ file: URL) throws -> [String: Tensor] {
    let isResNet = tensors["visual.layer1.0.conv1.weight"] != nil
    var result: [String: Tensor] = [:]
    for (key, tensor) in tensors {
      switch key {
      case "visual.proj": result["visual_projection.weight"] = try transposed(tensor, key, file)
      case "text_projection": result["text_projection.weight"] = try transposed(tensor, key, file)
      case "logit_scale": result[key] = try tensor.reshaped([])
      case _ where isResNet && key.hasPrefix("visual."): result[key] = tensor
      case _ where key.hasPrefix("visual.transformer.resblocks."):
        try place(tensor, key, "visual.transformer.resblocks.", "vision_model.encoder.layers.", in: &result)
      case _ where key.hasPrefix("transformer.resblocks."):
        try place(tensor, key, "transformer.resblocks.", "text_model.encoder.layers.", in: &result)
      default: result[renamed(key)] = tensor
      }
    }
    return result
  }

  private static func transposed(_ tensor: Tensor, _ key: String, _ file: URL) throws -> Tensor {
    guard tensor.rank == 2 else {
      throw CLIPError.badFile(file, reason: "\(key) must have 2 dimensions, its shape is \(tensor.shape)")
    }
    return try tensor.transposed(0, 1)
  }

  private static let embeddings = [
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
  ]

  private static let norms = [
    "visual.ln_pre.": "vision_model.pre_layrnorm.", "visual.ln_post.": "vision_model.post_layernorm.",
    "ln_final.": "text_model.final_layer_norm.",
  ]

  private static let parts = [
    "ln_1.": "layer_norm1.", "ln_2.": "layer_norm2.", "attn.out_proj.": "self_attn.out_proj.",
    "mlp.c_fc.": "mlp.fc1.", "mlp.c_proj.": "mlp.fc2.",
  ]

  private static func renamed(_ key: String) -> String {
    if let name = embeddings[key] { return name }
    for (theirs, ours) in norms where key.hasPrefix(theirs) { return ours + key.dropFirst(theirs.count) }
    return key
  }

  /// Stores a tensor of a transformer layer under its key.
  private static func place(
    _ tensor: Tensor, _ key: String, _ theirs: String, _ ours: String, in result: inout [String: Tensor]
  ) throws {
    let rest = key.dropFirst(theirs.count)
    let number = rest.prefix { $0 != "." }
    let part = rest.dropFirst(number.count + 1)
    for kind in ["weight", "bias"] where part == "attn.in_proj_\(kind)" {
      for (name, piece) in zip("qkv", try tensor.chunks(3, dim: 0)) {
        result["\(ours)\(number).self_attn.\(name)_proj.\(kind)"] = piece
      }
      return
    }
    let found = parts.first { part.hasPrefix($0.key) }
    let name = found.map { $0.value + part.dropFirst($0.key.count) } ?? String(part)
    result["\(ours)\(number).\(name)"] = tensor
  }
}
