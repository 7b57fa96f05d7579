import CLIP
import Datasets
import Foundation
import Imaging
import Segmentation
import Storage
import Studies
import Torch
import Training

/// JPEG frames of 1920×1080 to PNG masks of the same size.
///
/// The peers are Pillow or OpenCV with PyTorch.
struct FileCases {
  private let context: BenchmarkContext

  init(_ context: BenchmarkContext) { self.context = context }

  func run(_ add: (CaseRecord) throws -> Void) throws {
    let count = context.quick ? 4 : 200
    let frames = try Frames.write(count, to: context.folder("frames"), seed: context.options.seed)
    let models = try Models(context, context.geometry)
    try add(masks(Array(frames.prefix(1)), models, "one frame", context.pace()))
    try add(parts(frames[0], models))
    // A round of all contestants takes a minute or more.
    try add(
      masks(frames, models, "a folder of \(count) frames", context.pace(least: 3, most: 5, seconds: 120)))
  }

  private func masks(_ frames: [URL], _ models: Models, _ name: String, _ pace: Pace) throws -> CaseRecord {
    var record = CaseRecord(.files, "\(models.geometry.name), \(name)")
    (record.items, record.item) = (frames.count, "frame")
    let out = try context.folder("masks")
    let first = frames[0]
    let reference = try models.small(first, .float32)
    let tensors = context.options.work.appendingPathComponent("files.safetensors")
    try SafetensorsFile.write(["reference": reference], to: tensors)
    var contestants = try Precision.allCases.map { precision -> Contestant in
      let pipeline = try FilePipeline(models.predictor(precision), out)
      return .ours(
        precision.rawValue, difference: try models.small(first, precision).difference(from: reference)
      ) { try pipeline(frames) }
    }
    let ways = [
      ("pillow", "float32"), ("pillow", "bfloat16"), ("opencv", "float32"), ("opencv", "bfloat16"),
    ]
    contestants += try ways.compactMap { way, precision in
      context.peers.contestant(
        "pytorch", name: (way == "pillow" ? "Pillow" : "OpenCV") + " and PyTorch", precision: precision,
        work: "files",
        [
          "way": .string(way), "files": .paths(frames),
          "folder": .string(try context.folder("masks-\(way)").path),
          "batch": .integer(min(8, frames.count)), "threads": .integer(context.options.threads),
          "tensors": .string(tensors.path), "weights": .string(models.weights.path),
          "settings": .string(models.settings.path),
        ], tolerance: 0.2)
    }
    return context.measure(record, contestants, pace)
  }
}

extension FileCases {
  /// Measures the parts of the work on one frame.
  private func parts(_ frame: URL, _ models: Models) throws -> CaseRecord {
    let (reader, out) = (models.reader, try context.folder("masks").appendingPathComponent("part.png"))
    let image = try reader.image(frame)
    let input = try (reader.scaled(image).to(.float32) / 255).expandedDimension(0)
    let system = try models.system(.float32)
    let small = try system.probabilities(input)
    func enlarged() throws -> Image {
      let large = try small.resized(height: Frames.height, width: Frames.width).squeezed(0)
      return try Image(large.atLeast(0.5).to(.uint8))
    }
    let mask = try enlarged()
    func part(_ name: String, _ work: @escaping () throws -> Void) -> Contestant {
      var contestant = Contestant.ours(nil, name: name, work)
      contestant.record.role = .part
      return contestant
    }
    var record = CaseRecord(.files, "\(models.geometry.name), one frame, our parts in float32")
    record.item = "frame"
    return context.measure(
      record,
      [
        part("decode") { _ = try reader.image(frame) },
        part("scale") { _ = try reader.scaled(image) },
        part("tower and head") { _ = try system.probabilities(input) },
        part("enlarge and threshold") { _ = try enlarged() },
        part("encode the mask") { _ = try mask.bilevelPNGData() },
        part("encode, write and flush the mask") { try MaskFile.writeBinary(mask, to: out) },
      ], context.pace())
  }
}

/// The pipeline of this software from files to masks, like `mcdrl predict`.
///
/// Only here is its fastest call defined.
struct FilePipeline {
  private let predictor: Predictor
  private let out: URL

  init(_ predictor: Predictor, _ out: URL) {
    self.predictor = predictor
    self.out = out
  }

  /// Writes the mask of every file.
  func callAsFunction(_ files: [URL]) throws {
    let (out, threshold) = (out, predictor.threshold)
    _ = try predictor(files) { file, found -> (Data, String) in
      let lesion = try threshold.mask(found.get().probability).to(.uint8)
      let mask = try Image(lesion.expandedDimension(0))
      return (try mask.bilevelPNGData(), file.deletingPathExtension().lastPathComponent)
    } store: { content, name in
      try AtomicFile.write(content, to: out.appendingPathComponent("\(name).png"))
    }
  }
}

/// Segmentation models of one geometry with equal weights, one per precision.
///
/// Their weights are also stored as files for the peers.
final class Models {
  let geometry: Geometry
  /// The weights of tower, model and text.
  let weights: URL
  /// Settings, geometry and preparation, as JSON.
  let settings: URL
  private let context: BenchmarkContext
  private let configuration: RunConfiguration
  private var systems: [Precision: CompiledSystem] = [:]

  /// The reader of the images.
  var reader: SampleReader { configuration.reader }

  init(
    _ context: BenchmarkContext, _ geometry: Geometry, _ change: (inout RunConfiguration) -> Void = { _ in }
  )
    throws
  {
    self.context = context
    self.geometry = geometry
    var configuration = BenchmarkSettings.configuration(geometry, seed: context.options.seed)
    change(&configuration)
    self.configuration = configuration
    weights = try Self.weights(context, geometry)
    settings = weights.deletingLastPathComponent().appendingPathComponent("settings.json")
    let system = try BenchmarkSettings.system(configuration, context, geometry)
    try SafetensorsFile.write(system.state().merging(system.model.text.tensors) { $1 }, to: weights)
    try BenchmarkSettings.write(configuration, geometry, to: settings)
  }

  /// Returns the weight file of the model of a geometry; it may not exist yet.
  static func weights(_ context: BenchmarkContext, _ geometry: Geometry) throws -> URL {
    try context.folder("model-\(geometry.id)").appendingPathComponent("model.safetensors")
  }

  /// Returns the system compiled for a precision.
  func system(_ precision: Precision) throws -> CompiledSystem {
    if let system = systems[precision] { return system }
    let system = try BenchmarkSettings.system(configuration, context, geometry).compiled(for: precision)
    systems[precision] = system
    return system
  }

  /// Makes a predictor in a precision, like `mcdrl predict`.
  func predictor(_ precision: Precision, decoding: Predictor.Decoding = .whole) throws -> Predictor {
    Predictor(try system(precision), configuration, precision: precision, decoding: decoding)
  }

  /// Computes the probabilities of a file at the size of the network, S×S.
  func small(_ file: URL, _ precision: Precision) throws -> Tensor {
    let input = try (reader.scaled(reader.image(file)).to(.float32) / 255).expandedDimension(0)
    return try system(precision).probabilities(input).squeezed(0).squeezed(0)
  }
}

/// The settings that this software and the PyTorch model share.
enum BenchmarkSettings {
  /// Returns the method of the paper on a geometry.
  ///
  /// It has no augmentation, so that both sides get the same images.
  static func configuration(_ geometry: Geometry, seed: UInt64) -> RunConfiguration {
    var configuration = RunConfiguration()
    configuration.seed = seed
    configuration.imageSize = geometry.configuration.vision.imageSize
    configuration.tune = .none
    configuration.augmentation = .none
    configuration.interventions.share = 0
    configuration.model.method = MethodChoice.mcdrl.changing(MCDRL.self) { $0.start = 0 }
    configuration.batchSize = 8
    // With random weights, the default rate makes the loss jump. Then results with different
    // rounding diverge.
    configuration.optimizer.learningRate = 0.001
    return configuration
  }

  /// Makes a system with the initial weights of training.
  static func system(
    _ configuration: RunConfiguration, _ context: BenchmarkContext, _ geometry: Geometry
  ) throws -> SegmentationSystem {
    try SegmentationSystem.fresh(
      configuration, prompts: context.options.prompts, clip: geometry.model(seed: context.options.seed))
  }

  /// The data that a peer needs to build the same model.
  private struct Description: Encodable {
    let configuration: RunConfiguration
    let clip: CLIPConfiguration
    let preparation: ImagePreparation
  }

  /// Writes the data that a peer needs to build the same model.
  static func write(_ configuration: RunConfiguration, _ geometry: Geometry, to file: URL) throws {
    try AtomicFile.write(
      json: Description(
        configuration: configuration, clip: geometry.configuration,
        preparation: ImagePreparation(size: geometry.configuration.vision.imageSize)), to: file)
  }
}
