import CLIP
import Datasets
import Foundation
import Torch

/// `mcdrl clip info`.
enum ClipInfoCommand: Subcommand {
  static let name = "clip info"
  static let summary = "what a CLIP folder holds"
  static let usage = "CLIP"
  static let example = "mcdrl clip info clip-vit-base-patch16"
  static let options: [Option] = []

  private struct Info: Encodable {
    let configuration: CLIPConfiguration
    let preparation: ImagePreparation
    let imageParameters: Int
    let textParameters: Int
    let vocabulary: Int
  }

  static func run(_ arguments: Arguments, _ console: Console) throws {
    let clip = try loadClip(arguments)
    func count(_ module: Module) -> Int { module.parameters().reduce(0) { $0 + $1.tensor.count } }
    let info = Info(
      configuration: clip.configuration, preparation: clip.preparation, imageParameters: count(clip.vision),
      textParameters: count(clip.text), vocabulary: clip.tokenizer.count)
    if console.json { return try console.result(json: info) }
    let vision = clip.configuration.vision
    let kind = vision.stages == nil ? "vision transformer" : "ResNet"
    let step = vision.stages == nil ? "patch \(vision.patchSize)" : "stride 32"
    let layers = vision.stages.map { $0.map(String.init).joined(separator: " + ") } ?? "\(vision.layers)"
    let text = clip.configuration.text
    let stem = vision.stemChannels.map { ", stem of \($0)" } ?? ""
    console.result(
      Console.table(
        ["", "image tower", "text tower"],
        [
          ["kind", kind + stem, "transformer"],
          ["width", "\(vision.hiddenSize)", "\(text.hiddenSize)"],
          ["layers", layers, "\(text.layers)"],
          ["heads", "\(vision.heads)", "\(text.heads)"],
          ["input", "\(vision.imageSize) px, \(step)", "\(text.positions) tokens"],
          ["parameters", "\(info.imageParameters)", "\(info.textParameters)"],
        ]))
    console.result(
      "joint width d = \(clip.configuration.projectionSize), vocabulary of \(info.vocabulary) tokens")
  }
}

/// `mcdrl clip tokenize`.
enum ClipTokenizeCommand: Subcommand {
  static let name = "clip tokenize"
  static let summary = "token ids of texts, as JSON"
  static let usage = "CLIP --texts …"
  static let example = "mcdrl clip tokenize clip-vit-base-patch16 --texts \"A polyp in an endoscopic image\""
  static let options: [Option] = [.many("texts", "TEXT", "the texts")]

  static func run(_ arguments: Arguments, _ console: Console) throws {
    let (tokenizer, window) = try clipWords(clipName(arguments))
    guard !arguments.all("texts").isEmpty else { throw UsageError(description: "--texts is missing") }
    let rows = arguments.all("texts").map { tokenizer.encode($0, window: window) }
    print(String(decoding: try JSONEncoder().encode(rows), as: UTF8.self))
  }
}

/// `mcdrl clip embed`.
enum ClipEmbedCommand: Subcommand {
  static let name = "clip embed"
  static let summary = "features of images and texts, as safetensors"
  static let usage = "CLIP [--images …] [--texts …] [--dense tokens|maskclip|sclip] --out F"
  static let example =
    "mcdrl clip embed clip-vit-base-patch16 --images a.jpg --texts \"a polyp\" --out features.safetensors"
  static let choosesDevice = true
  static let options: [Option] = [
    .many("images", "FILE", "image files"),
    .many("texts", "TEXT", "the texts"),
    .one("dense", "NAME", "also dense features: tokens, maskclip or sclip"),
    .one("out", "F", "the safetensors file to write"),
  ]

  static func run(_ arguments: Arguments, _ console: Console) throws {
    let out = URL(fileURLWithPath: try arguments.required("out"))
    let dense = try arguments.last("dense").map { try DenseFeatures(named: $0) }
    let clip = try loadClip(arguments)
    let device = try arguments.device() ?? .cpu
    if device != .cpu { try clip.move(to: device) }
    let reader = SampleReader(size: clip.preparation.size)
    var tensors: [String: Tensor] = [:]
    try inferenceMode {
      var images: [Tensor] = []
      var grids: [Tensor] = []
      for path in arguments.all("images") {
        let pixels = try clip.preparation(reader.image(URL(fileURLWithPath: path))).expandedDimension(0)
        let features = try clip.vision(pixels.to(device), dense: dense)
        images.append(features.image)
        grids.append(features.dense)
      }
      if !images.isEmpty {
        tensors["image_features"] = try .concatenated(images, dim: 0)
        if dense != nil { tensors["dense"] = try .concatenated(grids, dim: 0) }
      }
      let texts = arguments.all("texts")
      if !texts.isEmpty { tensors["text_features"] = try clip.textFeatures(texts) }
    }
    guard !tensors.isEmpty else { throw UsageError(description: "give --images or --texts") }
    try SafetensorsFile.write(tensors, to: out)
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      console.note("\(name) \(tensor.shape.map(String.init).joined(separator: "×"))")
    }
    console.result(out.path)
  }
}

/// The tokenizer and the window of a CLIP, without its weights where it is a folder.
func clipWords(_ name: String) throws -> (tokenizer: Tokenizer, window: Int) {
  let clip = try ProjectFiles.clip(name)
  guard !clip.hasPrefix("random:") else {
    let model = try CLIPModel.load(clip)
    return (model.tokenizer, model.configuration.text.positions)
  }
  let url = URL(fileURLWithPath: clip)
  // One of OpenAI's files has its vocabulary beside it.
  let folder = url.pathExtension == "safetensors" ? url.deletingLastPathComponent() : url
  return (try Tokenizer(folder: folder), try CLIPConfiguration(folder: url).text.positions)
}

private func clipName(_ arguments: Arguments) throws -> String {
  guard arguments.positional.count == 1 else { throw UsageError(description: "give one CLIP folder") }
  return try ProjectFiles.clip(arguments.positional[0])
}

private func loadClip(_ arguments: Arguments) throws -> CLIPModel {
  try CLIPModel.load(clipName(arguments), seed: UInt64(try arguments.integer("seed") ?? 0))
}
