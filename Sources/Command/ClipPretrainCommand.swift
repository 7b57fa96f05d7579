import CLIP
import Confounders
import Datasets
import Foundation
import Pretraining
import Segmentation
import Storage
import Torch

/// `mcdrl clip pretrain`.
enum ClipPretrainCommand: Subcommand {
  static let name = "clip pretrain"
  static let summary = "train a small CLIP on captioned pictures, rendered or your own"
  static let usage = "--out CLIP [--data FOLDER]"
  static let example = "mcdrl clip pretrain --out my-clip --images 4000 --steps 200"
  static let options: [Option] = [
    .one("out", "CLIP", "the CLIP folder to write"),
    .one("data", "FOLDER", "a folder with captions.jsonl; without it pictures are rendered"),
    .one("geometry", "FILE", "sizes of the model (Configurations/tiny-clip.json)"),
    .one("prompts", "FILE", "words of the rendered pictures' captions (Prompts/endoscopy.json5)"),
    .one("images", "N", "pictures to render (24000)"),
    .one("steps", "N", "batches to train on (1500)"),
    .one("batch", "N", "pictures a batch (64)"),
    .one("learning-rate", "R", "highest rate of AdamW (0.001)"),
    .one("dense-weight", "W", "weight of the loss at the best positions; 0 for CLIP's loss alone (1)"),
    .one("precision", "float16|float32", "of the weights that are written (float16)"),
    .one("test-images", "N", "unseen rendered pictures of the zero-shot report; 0 for none (1000)"),
    .flag("resume", "continue a training that was stopped"),
  ]

  /// What `pretraining.json` holds: all that the weights depend on.
  private struct Record: Codable, Equatable {
    var configuration = PretrainingConfiguration()
    var data: String?
    var images = 24_000
    var geometry = CLIPConfiguration()
    var prompts: PromptSet
    var version = MCDRLCommand.version
  }

  static func run(_ arguments: Arguments, _ console: Console) throws {
    guard arguments.positional.isEmpty else {
      throw UsageError(description: "give the folder with --out\nusage: mcdrl \(name) \(usage)")
    }
    let out = URL(fileURLWithPath: try arguments.required("out"))
    let stateFile = out.appendingPathComponent("state/checkpoint.safetensors")
    let recordFile = out.appendingPathComponent("pretraining.json")
    let resuming = arguments.has("resume")
    let record = try record(arguments)
    let dtype = try precision(arguments)
    let tests = try arguments.integer("test-images") ?? 1000
    if resuming {
      try check(record, recordFile)
    } else {
      // A record alone is what a training leaves that failed before its first step: it may start anew.
      let weights = out.appendingPathComponent("model.safetensors")
      let files = FileManager.default
      guard !files.fileExists(atPath: stateFile.path), !files.fileExists(atPath: weights.path) else {
        throw UsageError(
          description: "--out \(out.path): holds a training or a CLIP already; add --resume or "
            + "choose another folder")
      }
      try FileManager.default.createFolder(stateFile.deletingLastPathComponent())
      try AtomicFile.write(json: record, to: recordFile)
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
      resuming: resuming && FileManager.default.fileExists(atPath: stateFile.path))
    let steps = record.configuration.steps
    console.note(
      "\(images.count) pictures, vocabulary of \(tokenizer.count) tokens, \(steps) steps of "
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
            console.note("step \(step)/\(steps) loss \(format(loss))")
          }
        }, shouldStop: { Interrupt.requested })
    } catch let error as PretrainingError {
      if case .interrupted = error { throw Interruption(description: "\(error)") }
      throw error
    }
    try clip.save(to: out, dtype: dtype)
    try AtomicFile.write(json: metrics, to: out.appendingPathComponent("metrics.json"))
    guard record.data == nil, tests > 0 else {
      return console.json ? try console.result(json: metrics) : console.result(out.path)
    }
    // The report is of the weights as they were stored.
    let report = try ClipZeroShotCommand.report(
      CLIPModel.load(folder: out), prompts: record.prompts, count: tests, seed: record.configuration.seed,
      console)
    try AtomicFile.write(json: report, to: out.appendingPathComponent("zero-shot.json"))
    try ClipZeroShotCommand.show(report, console)
    console.note("the model is in \(out.path)")
  }

  private static func record(_ arguments: Arguments) throws -> Record {
    let prompts = try PromptSet(contentsOf: ProjectFiles.prompts(arguments.last("prompts")))
    var record = Record(prompts: prompts)
    record.data = arguments.last("data")
    if let images = try arguments.integer("images", atLeast: 2) { record.images = images }
    if let steps = try arguments.integer("steps", atLeast: 1) { record.configuration.steps = steps }
    if let batch = try arguments.integer("batch", atLeast: 2) { record.configuration.batchSize = batch }
    if let seed = try arguments.integer("seed") { record.configuration.seed = UInt64(seed) }
    if let rate = try arguments.number("learning-rate") {
      guard rate > 0 else { throw UsageError(description: "--learning-rate \(rate): it must be above 0") }
      record.configuration.learningRate = rate
    }
    if let weight = try arguments.number("dense-weight") {
      guard weight >= 0 else {
        throw UsageError(description: "--dense-weight \(weight): it must not be below 0")
      }
      record.configuration.denseWeight = weight
    }
    let geometry = arguments.last("geometry").map { URL(fileURLWithPath: $0) }
    record.geometry = try CLIPConfiguration(
      contentsOf: geometry ?? ProjectFiles.find("Configurations/tiny-clip.json", instead: "--geometry FILE"))
    return record
  }

  private static func precision(_ arguments: Arguments) throws -> DType {
    switch arguments.last("precision") ?? "float16" {
    case "float16": return .float16
    case "float32": return .float32
    case let other: throw UsageError(description: "--precision \(other): use float16 or float32")
    }
  }

  private static func check(_ record: Record, _ file: URL) throws {
    guard let data = try? Data(contentsOf: file) else {
      throw UsageError(description: "--resume: \(file.path) is not there; start without --resume")
    }
    guard let old = try? JSONDecoder().decode(Record.self, from: data), old == record else {
      throw UsageError(
        description: "--resume: the training in \(file.path) was started with other settings; "
          + "give the same options, or another --out")
    }
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
