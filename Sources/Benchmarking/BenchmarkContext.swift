import CLIP
import Foundation
import Storage
import Studies
import Torch

/// The shared state of the cases: options, peers, models with random weights, images.
final class BenchmarkContext {
  let options: BenchmarkOptions
  let peers: Peers
  let note: (String) -> Void

  init(_ options: BenchmarkOptions, note: @escaping (String) -> Void) {
    self.options = options
    self.note = note
    peers = Peers(folder: options.peers, log: options.work.appendingPathComponent("peers.log"))
  }

  /// Whether this is a short run.
  var quick: Bool { options.quick }

  /// Returns the number of rounds for work of about the given seconds.
  func pace(least: Int = 5, most: Int = 15, seconds: Double = 30) -> Pace {
    if let rounds = options.rounds { return Pace(least: rounds, most: rounds, seconds: seconds) }
    return quick
      ? Pace(least: min(3, least), most: min(5, most), seconds: min(4, seconds), sample: 0.02)
      : Pace(least: least, most: most, seconds: seconds)
  }

  /// Selects the geometries that the options name.
  func geometries(_ all: [Geometry]) -> [Geometry] {
    options.models.isEmpty ? all : all.filter { options.models.contains($0.id) }
  }

  /// The geometry of cases that use one: the first selected transformer.
  var geometry: Geometry {
    geometries([.tiny, .baseline, .large]).first { quick || !options.models.isEmpty || $0.id != "tiny" }
      ?? .baseline
  }

  /// Returns a folder for a purpose.
  func folder(_ name: String) throws -> URL {
    let url = options.work.appendingPathComponent(name)
    try FileManager.default.createFolder(url)
    return url
  }

  /// Returns a CLIP folder with random weights; the first call writes it.
  func clipFolder(_ geometry: Geometry) throws -> URL {
    let folder = options.work.appendingPathComponent("clip/\(geometry.id)")
    if !FileManager.default.fileExists(atPath: folder.appendingPathComponent("model.safetensors").path) {
      try geometry.model(seed: options.seed).save(to: folder)
    }
    return folder
  }

  /// Runs the contestants in turns and reports the result.
  func measure(_ record: CaseRecord, _ contestants: [Contestant], _ pace: Pace) -> CaseRecord {
    var record = record
    record.contestants = alternate(contestants, pace)
    for contestant in record.contestants {
      let label = [contestant.name, contestant.precision].compactMap { $0 }.joined(separator: " ")
      let value = contestant.spread.map { BenchmarkTable.time($0.median) } ?? contestant.failure ?? "–"
      note("  \(record.name): \(label) \(value)")
    }
    return record
  }
}

/// A CLIP geometry for measurement.
struct Geometry {
  /// The name in files.
  let id: String
  /// The name in tables.
  let name: String
  /// The configuration.
  let configuration: CLIPConfiguration

  init(
    _ id: String, _ name: String, projection: Int, _ change: (inout CLIPConfiguration.Vision) -> Void
  ) {
    var configuration = CLIPConfiguration()
    configuration.projectionSize = projection
    change(&configuration.vision)
    // The text tower is not measured, so it is small and reads single bytes.
    configuration.text.hiddenSize = 64
    configuration.text.intermediateSize = 128
    configuration.text.layers = 1
    configuration.text.heads = 2
    configuration.text.vocabularySize = 514
    configuration.text.endToken = 513
    (self.id, self.name, self.configuration) = (id, name, configuration)
  }

  /// The geometry of the model in this package.
  static let tiny = Geometry("tiny", "tiny", projection: 128) {
    ($0.hiddenSize, $0.intermediateSize, $0.layers, $0.heads) = (128, 512, 4, 4)
    ($0.imageSize, $0.patchSize, $0.stemChannels, $0.activation) = (128, 8, [24, 48, 96], "gelu")
  }
  /// All geometries.
  static let all = [tiny, baseline, large, resNet, efficientNet, convNeXt, lite0]

  /// OpenAI's ViT-B/16.
  static let baseline = Geometry("vit-b-16", "ViT-B/16", projection: 512) { $0.patchSize = 16 }
  /// OpenAI's ViT-L/14.
  static let large = Geometry("vit-l-14", "ViT-L/14", projection: 768) {
    ($0.hiddenSize, $0.intermediateSize, $0.layers, $0.heads, $0.patchSize) = (1024, 4096, 24, 16, 14)
  }
  /// OpenAI's RN50.
  static let resNet = Geometry("rn50", "RN50", projection: 1024) {
    ($0.hiddenSize, $0.heads, $0.stages) = (2048, 32, [3, 4, 6, 3])
  }

  /// timm's EfficientNet-Lite0 with a linear projection.
  static let efficientNet = Geometry("efficientnet-lite0", "EfficientNet-Lite0", projection: 512) {
    $0.trunk = "efficientnet_lite0"
  }
  /// timm's ConvNeXt-Tiny with a linear projection.
  static let convNeXt = Geometry("convnext-tiny", "ConvNeXt-Tiny", projection: 512) {
    $0.trunk = "convnext_tiny"
  }

  /// Makes the model with random weights.
  func model(seed: UInt64) throws -> CLIPModel {
    let model = try CLIPModel(
      configuration, tokenizer: .bytes(), preparation: ImagePreparation(size: configuration.vision.imageSize),
      seed: seed)
    model.train(false)
    return model
  }

  /// The peers that can load its weights.
  var peers: [String] {
    if configuration.vision.trunk != nil { return ["timm", "torch.compile"] }
    if configuration.vision.stages != nil { return ["open_clip"] }
    return configuration.vision.stemChannels == nil ? ["transformers", "open_clip"] : ["pytorch"]
  }
}

extension Tensor {
  /// Returns the largest absolute difference from a reference, and its largest absolute value.
  func difference(from reference: Tensor) throws -> (Double, Double) {
    let (found, wanted) = (try floats(), try reference.floats())
    let distance = zip(found, wanted).map { abs($0 - $1) }.max() ?? 0
    return (Double(distance), Double(wanted.map { abs($0) }.max() ?? 0))
  }
}

extension JSONValue {
  /// Returns paths as a list of strings.
  static func paths(_ urls: [URL]) -> JSONValue { .array(urls.map { .string($0.path) }) }
}
