import CLIP
import Datasets
import Foundation
import Torch

/// The command `mcdrl clip info`.
enum ClipInfoCommand: Subcommand {
  static let name = "clip info"
  static let summary = "show the sizes of a CLIP"
  static let example = "mcdrl clip info clip-vit-base-patch16"
  static let options = NoOptions()
  static let operands = [clipOperand]

  private struct Info: Encodable {
    let configuration: CLIPConfiguration
    let preparation: ImagePreparation
    let imageParameters: Int
    let textParameters: Int
    let vocabulary: Int
  }

  static func run(_ arguments: Arguments<NoOptions>, _ console: Console) throws {
    let clip = try loadClip(arguments)
    func count(_ module: Module) -> Int { module.parameters().reduce(0) { $0 + $1.tensor.count } }
    let info = Info(
      configuration: clip.configuration, preparation: clip.preparation, imageParameters: count(clip.vision),
      textParameters: count(clip.text), vocabulary: clip.tokenizer.count)
    if console.json { return try console.result(json: info) }
    let vision = clip.configuration.vision
    let own = vision.hasAttentionPool == true ? "SigLIP's transformer" : "vision transformer"
    let kind = vision.trunk ?? (vision.stages == nil ? own : "ResNet")
    let isOwn = vision.trunk == nil
    let step =
      isOwn && vision.stages == nil
      ? "patch \(vision.patchSize)" : "stride \(clip.vision.hiddenStrides.last ?? 32)"
    let depth = isOwn ? vision.layers : clip.vision.hiddenWidths.count
    let layers = vision.stages.map { $0.map(String.init).joined(separator: " + ") } ?? "\(depth)"
    let width = isOwn ? vision.hiddenSize : clip.vision.hiddenWidths.last ?? 0
    let text = clip.configuration.text
    let stem = vision.stemChannels.map { ", stem of \($0)" } ?? ""
    console.result(
      Console.table(
        ["", "image tower", "text tower"],
        [
          ["kind", kind + stem, text.bert == nil ? "transformer" : "BERT"],
          ["width", "\(width)", "\(text.hiddenSize)"],
          ["layers", layers, "\(text.layers)"],
          ["heads", isOwn ? "\(vision.heads)" : "–", "\(text.heads)"],
          ["input", "\(vision.imageSize) px, \(step)", "\(text.positions) tokens"],
          ["parameters", "\(info.imageParameters)", "\(info.textParameters)"],
        ]))
    console.result(
      "joint width d = \(clip.configuration.projectionSize), vocabulary of \(info.vocabulary) tokens")
  }
}

/// The command `mcdrl clip tokenize`.
enum ClipTokenizeCommand: Subcommand {
  static let name = "clip tokenize"
  static let summary = "print the token ids of texts, as JSON"
  static let example = "mcdrl clip tokenize clip-vit-base-patch16 --texts \"A polyp in an endoscopic image\""
  static let options = Options()
  static let operands = [clipOperand]

  struct Options: OptionGroup {
    let texts = Option.spaces("texts", "TEXT", .text, isRequired: true, "the texts")
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (tokenizer, window) = try clipWords(arguments.operands[0])
    let rows = try arguments.texts.map { tokenizer.encode($0, window: window) }
    console.result(String(decoding: try JSONEncoder().encode(rows), as: UTF8.self))
  }
}

/// The command `mcdrl clip embed`.
enum ClipEmbedCommand: Subcommand {
  static let name = "clip embed"
  static let summary = "write the features of images and texts, as safetensors"
  static let usage = "CLIP [--images FILE …] [--texts TEXT …] --out FILE [options]"
  static let example =
    "mcdrl clip embed clip-vit-base-patch16 --images a.jpg --texts \"a polyp\" --out features.safetensors"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let operands = [clipOperand]

  struct Options: OptionGroup {
    let images = Option.spaces("images", "FILE", .file, "the images")
    let texts = Option.spaces("texts", "TEXT", .text, "the texts")
    let dense = Option.optional(
      "dense", choices(DenseFeatures.self), .choice(of: DenseFeatures.self), remark: "none",
      "also write these dense features")
    let out = Shared.out("FILE", "the safetensors file to write")
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (paths, texts) = (try arguments.images, try arguments.texts)
    guard !paths.isEmpty || !texts.isEmpty else { throw UsageError.missingOneOf(["images", "texts"]) }
    let (out, dense, device) = (try arguments.out, try arguments.dense, try arguments.common.device)
    let clip = try CLIPModel.load(
      ProjectFiles.clip(arguments.operands[0]), seed: arguments.common.seed, lazily: device == .cpu)
    if device != .cpu { try clip.move(to: device) }
    let bar = ProgressBar("embedding", total: paths.count)
    let found = try clip.features(of: paths, dense: dense) { console.progress(bar, $0, unit: "images") }
    console.progress("")
    var failures: [String] = []
    let features = try found.compactMap { result -> ImageFeatures? in
      switch result {
      case .success(let features): return features
      case .failure(let error):
        guard paths.count > 1 else { throw error }
        failures.append("\(error)")
        return nil
      }
    }
    var tensors: [String: Tensor] = [:]
    if !features.isEmpty {
      tensors["image_features"] = try .concatenated(features.map(\.image), dim: 0)
      if dense != nil { tensors["dense"] = try .concatenated(features.map(\.dense), dim: 0) }
    }
    if !texts.isEmpty { tensors["text_features"] = try inferenceMode { try clip.textFeatures(texts) } }
    guard !tensors.isEmpty else { throw WorkError.images(failures) }
    try SafetensorsFile.write(tensors, to: out)
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      console.note("\(name) \(tensor.shape.map(String.init).joined(separator: "×"))")
    }
    console.result(out.path)
    if !failures.isEmpty { throw WorkError.images(failures) }
  }
}

/// The operand that names a CLIP model.
let clipOperand = Operand.one("CLIP", "a CLIP folder", "tiny, a CLIP folder, or random:FILE")

/// Returns the tokenizer and the window of a CLIP model.
///
/// It does not load the weights of a folder.
func clipWords(_ name: String) throws -> (tokenizer: Tokenizer, window: Int) {
  let clip = try ProjectFiles.clip(name)
  guard !clip.hasPrefix("random:") else {
    let model = try CLIPModel.load(clip)
    return (model.tokenizer, model.configuration.text.positions)
  }
  let url = URL(fileURLWithPath: clip)
  // A file of OpenAI's has its vocabulary in the same folder.
  let folder = url.pathExtension == "safetensors" ? url.deletingLastPathComponent() : url
  return (try Tokenizer(folder: folder), try CLIPConfiguration(folder: url).text.positions)
}

private func loadClip(_ arguments: Arguments<some OptionGroup>) throws -> CLIPModel {
  try CLIPModel.load(ProjectFiles.clip(arguments.operands[0]), seed: arguments.common.seed)
}
