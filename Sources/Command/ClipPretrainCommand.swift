import CLIP
import Confounders
import Datasets
import Foundation
import Pretraining
import Segmentation
import Storage
import Torch

/// The command `mcdrl clip pretrain`.
enum ClipPretrainCommand: Subcommand {
  static let name = "clip pretrain"
  static let summary = "train a small CLIP on captioned pictures, rendered or your own"
  static let example = "mcdrl clip pretrain --out my-clip --images 4000 --steps 200"
  static let options = Options()

  struct Options: OptionGroup {
    let out = Shared.out("CLIP", "the CLIP folder to write")
    let data = Option.optional(
      "data", "FOLDER", .text, remark: "rendered pictures", "a folder with captions.jsonl and pictures")
    let geometry = Option.optional(
      "geometry", "FILE", .file, remark: standardGeometry, "the sizes of the model")
    let prompts = Shared.prompts.saying("the prompt file, or its name, for captions of rendered pictures")
    let images = Option.value(
      "images", "N", .integer(atLeast: 2), default: 24_000, "how many pictures to render")
    let steps = Option.value(
      "steps", "N", .integer(atLeast: 1), default: standard.steps, "how many batches to train on")
    let batch = Option.value(
      "batch", "N", .integer(atLeast: 2), default: standard.batchSize, "pictures in a batch")
    let learningRate = Option.value(
      "learning-rate", "R", .positive, default: standard.learningRate, "the highest rate of AdamW")
    let denseWeight = Option.value(
      "dense-weight", "W", .notNegative, default: standard.denseWeight,
      "the weight of the loss at the best positions; 0 for the loss of CLIP alone")
    let precision = Option.value(
      "precision", choices(Weights.self), .choice(of: Weights.self), default: .float16,
      "the type of the written weights")
    let testImages = Option.value(
      "test-images", "N", .integer(), default: 1000,
      "unseen rendered pictures of the zero-shot report; 0 for no report")
    let resume = Option.flag("resume", "continue an interrupted training")
  }

  /// The types of weights that a CLIP folder can hold.
  enum Weights: String, CaseIterable {
    case float16
    case float32

    var dtype: DType { self == .float16 ? .float16 : .float32 }
  }

  private static let standard = PretrainingConfiguration()
  private static let standardGeometry = "Configurations/tiny-clip.json"

  /// The content of `pretraining.json`: everything that the weights depend on.
  private struct Record: Codable, Equatable {
    var configuration = PretrainingConfiguration()
    var data: String?
    var images: Int
    var geometry = CLIPConfiguration()
    var prompts: PromptSet
    var version = MCDRLCommand.version
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let out = try arguments.out
    let stateFile = out.appendingPathComponent("state/checkpoint.safetensors")
    let recordFile = out.appendingPathComponent("pretraining.json")
    let (resuming, tests) = (try arguments.resume, try arguments.testImages)
    let record = try record(arguments)
    if resuming { try check(record, recordFile) }
    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    // A training that was killed before its first step leaves only a record, and may restart.
    let weights = out.appendingPathComponent("model.safetensors")
    let files = FileManager.default
    let isUsed = [stateFile, weights].contains { files.fileExists(atPath: $0.path) }
    guard resuming || !isUsed else {
      throw UsageError.folderInUse(
        out, holds: "a training or a CLIP already", fix: "add --resume or choose another folder")
    }

    let size = record.geometry.vision.imageSize
    let images = try load(record, size: size, console)
    let tokenizer = try BytePairLearning(captions: Array(Set(images.captions.joined()))).tokenizer()
    var geometry = record.geometry
    geometry.text.vocabularySize = tokenizer.count
    geometry.text.endToken = tokenizer.endToken
    var preparation = ImagePreparation(size: size)
    preparation.framing = .squash
    let clip = try CLIPModel(
      geometry, tokenizer: tokenizer, preparation: preparation, seed: record.configuration.seed)
    let trainer = try ContrastiveTrainer(
      configuration: record.configuration, clip: clip, images: images, stateFile: stateFile,
      resuming: resuming && files.fileExists(atPath: stateFile.path))
    // Everything that can fail at the start has not failed, so the folder is worth keeping.
    try files.createFolder(stateFile.deletingLastPathComponent())
    AtomicFile.removeLeftovers(in: stateFile.deletingLastPathComponent(), unchangedFor: 0)
    if !resuming { try AtomicFile.write(json: record, to: recordFile) }
    let steps = record.configuration.steps
    console.note(
      "\(counted(images.count, "picture")), vocabulary of \(tokenizer.count) tokens, \(steps) steps of "
        + "\(record.configuration.batchSize)")
    let bar = ProgressBar("training", total: steps - trainer.step)
    let first = trainer.step
    Interrupt.watch()
    let metrics: [PretrainingMetrics]
    do {
      metrics = try trainer.train(
        { step, loss in
          console.progress(bar.line(step - first, unit: "steps", "loss \(format(loss))"))
          if step % record.configuration.saveEvery == 0 {
            console.note("step \(step)/\(steps) loss \(format(loss))\(bar.left(step - first))")
          }
        }, shouldStop: { Interrupt.requested })
    } catch let error as PretrainingError {
      if case .interrupted = error { throw Interruption.training(message: OptionAdvice.message(error)) }
      throw error
    }
    try clip.save(to: out, dtype: arguments.precision.dtype)
    try AtomicFile.write(json: metrics, to: out.appendingPathComponent("metrics.json"))
    guard record.data == nil, tests > 0 else {
      return console.json ? try console.result(json: metrics) : console.result(out.path)
    }
    // The report measures the weights as stored.
    let report = try ClipZeroShotCommand.report(
      CLIPModel.load(folder: out), prompts: record.prompts, count: tests, seed: record.configuration.seed,
      console)
    try AtomicFile.write(json: report, to: out.appendingPathComponent("zero-shot.json"))
    try ClipZeroShotCommand.show(report, console)
    console.note("the model is in \(out.path)")
  }

  private static func record(_ arguments: Arguments<Options>) throws -> Record {
    var record = Record(
      images: try arguments.images,
      prompts: try ProjectFiles.promptSet(arguments.prompts).prompts)
    record.data = try arguments.data
    record.configuration.steps = try arguments.steps
    record.configuration.batchSize = try arguments.batch
    record.configuration.seed = try arguments.common.seed
    record.configuration.learningRate = try arguments.learningRate
    record.configuration.denseWeight = try arguments.denseWeight
    let geometry = try arguments.geometry
    record.geometry = try CLIPConfiguration(
      contentsOf: geometry ?? ProjectFiles.find(standardGeometry, instead: "--geometry FILE"))
    return record
  }

  private static func check(_ record: Record, _ file: URL) throws {
    guard let data = try? Data(file: file) else { throw UsageError.nothingToResume(file) }
    let old = try? JSONDecoder().decode(Record.self, from: data)
    guard old != record else { return }
    throw UsageError.otherSettings(
      option: "resume", in: file, changed: old.map { SettingChange.list(from: $0, to: record) } ?? [])
  }

  private static func load(_ record: Record, size: Int, _ console: Console) throws -> CaptionedImages {
    defer { console.progress("") }
    guard let folder = record.data else {
      let bar = ProgressBar("rendering", total: record.images)
      return try CaptionedImages(
        rendering: record.images, size: size, seed: record.configuration.seed, prompts: record.prompts
      ) { console.progress(bar.line($0, unit: "pictures")) }
    }
    return try CaptionedImages(folder: URL(fileURLWithPath: folder), reader: SampleReader(size: size)) {
      if $0 % 20 == 0 { console.progress("reading \($0) pictures") }
    }
  }
}
