import CLIP
import Confounders
import Datasets
import Foundation
import Pretraining
import Segmentation
import Storage
import Torch
import Training

/// The command `mcdrl clip pretrain`.
enum ClipPretrainCommand: Subcommand {
  static let name = "clip pretrain"
  static let summary = "train a small CLIP on captioned pictures, rendered or your own"
  static let example = "mcdrl clip pretrain --out my-clip --images 4000 --steps 200"
  static let options = Options()
  static let sharesWork = true

  struct Options: OptionGroup {
    let out = Shared.out("CLIP", "the CLIP folder to write")
    let data = Option.optional(
      "data", "FOLDER", .text, remark: "rendered pictures",
      "sites with masks, or a folder with captions.jsonl and pictures")
    let holdOut = Option.spaces(
      "hold-out", "SITE", .text, remark: "none", "sites of --data that take no part in the training")
    let lesionClass = Option.optional(
      "class", "NAME", .text, "the lesion class of pictures whose site states none")
    let trunk = Option.optional(
      "trunk", "FOLDER", .file, remark: "a tower of --geometry",
      "a trained image trunk as scripts/get-trunk writes it, which stays as it is")
    let tuneTrunk = Option.value(
      "tune-trunk", "N", .integer(), default: 0, "how many last stages of the trunk are trained, too")
    let trunkRate = Option.value(
      "trunk-rate", "R", .positive, default: standard.trunkLearningRate, "the highest rate of these stages")
    let size = Option.optional(
      "size", "S", .integer(atLeast: 32, atMost: 2048), remark: "that of the trunk",
      "the side of the pictures of a trunk in pixels")
    let geometry = Option.optional(
      "geometry", "FILE", .file, remark: standardGeometry,
      "the sizes of the model; of its text tower with --trunk")
    let prompts = Shared.prompts.saying(
      "the prompt file, or its name, for captions of rendered pictures and of sites")
    let images = Option.optional(
      "images", "N", .integer(atLeast: 2), remark: "\(standardImages), none with --data",
      "how many pictures to render")
    let steps = Option.value(
      "steps", "N", .integer(atLeast: 1), default: standard.steps, "how many batches to train on")
    let batch = Option.value(
      "batch", "N", .integer(atLeast: 2), default: standard.batchSize, "pictures in a batch")
    let learningRate = Option.value(
      "learning-rate", "R", .positive, default: standard.learningRate, "the highest rate of AdamW")
    let denseWeight = Option.value(
      "dense-weight", "W", .notNegative, default: standard.denseWeight,
      "the weight of the loss at the best positions; 0 for the loss of CLIP alone")
    let maskWeight = Option.value(
      "mask-weight", "W", .notNegative, default: 0,
      "the weight of the loss that compares words with masks at each position")
    let interventions = Option.optional(
      "interventions", "SHARE", .notNegative, remark: "0, 0.5 with --trunk",
      "the share of pictures that are shown as do(z)x, with the words of z")
    let precision = Option.value(
      "precision", choices(Weights.self), .choice(of: Weights.self), default: .float16,
      "the type of the written weights")
    let testImages = Option.value(
      "test-images", "N", .integer(), default: 1000,
      "unseen rendered pictures of the zero-shot report; 0 for no report")
    let imageMemory = CacheOptions().images
    let timeout = Shared.timeout
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

  private static let standardImages = 24_000

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    try SharedWork.run(console, waiting: arguments.timeout) { try run(arguments, $0, $1) }
  }

  /// Trains together with other processes; the first one writes and prints.
  private static func run(
    _ arguments: Arguments<Options>, _ processes: Processes, _ console: Console
  ) throws {
    let out = try arguments.out
    let stateFile = out.appendingPathComponent("state/checkpoint.safetensors")
    let recordFile = out.appendingPathComponent("pretraining.json")
    let launchFile = out.appendingPathComponent("state/launch.json")
    let tests = try arguments.testImages
    var resuming = try arguments.resume
    let record = try processes.together { try Self.record(arguments) }
    try processes.requireEqual(record.hash(), "settings")
    try processes.together {
      try ContrastiveTrainer.requireImages(record.configuration, for: processes)
    }
    let files = FileManager.default
    var lock: FolderLock?
    defer { withExtendedLifetime(lock) {} }
    try processes.first {
      resuming = resuming || Launch.isRestart(of: launchFile, processes)
      if resuming { try check(record, recordFile) }
      lock = try OutputFolder.lock(out, console)
      // A training that was killed before its first step leaves only a record, and may restart.
      let weights = out.appendingPathComponent("model.safetensors")
      let isUsed = [stateFile, weights].contains { files.fileExists(atPath: $0.path) }
      guard resuming || !isUsed else {
        throw UsageError.folderInUse(
          out, holds: "a training or a CLIP already", fix: "add --resume or choose another folder")
      }
    }

    if let size = try arguments.imageMemory { ImageMemory.shared.limit = size }
    let inputs = try PretrainingInputs(record, processes, console)
    let (clip, images) = (try processes.together { try inputs.clip(record) }, inputs.images)
    let trainer = try ContrastiveTrainer(
      configuration: record.configuration, clip: clip, images: images, stateFile: stateFile,
      resuming: resuming && files.fileExists(atPath: stateFile.path), processes: processes)
    // Everything that can fail at the start has not failed, so the folder is worth keeping.
    try processes.first {
      try files.createFolder(stateFile.deletingLastPathComponent())
      AtomicFile.removeLeftovers(in: stateFile.deletingLastPathComponent(), unchangedFor: 0)
      if !resuming { try AtomicFile.write(json: record, to: recordFile) }
      if let sites = inputs.sites {
        try AtomicFile.write(json: WordImages(sites), to: out.appendingPathComponent(WordImages.fileName))
      }
      if processes.group != nil { try AtomicFile.write(json: Launch(), to: launchFile) }
    }
    let steps = record.configuration.steps
    console.note(
      "\(counted(images.count, "picture")), vocabulary of \(clip.tokenizer.count) tokens, \(steps) steps of "
        + "\(record.configuration.batchSize)"
        + (processes.areSeveral ? ", shared by \(processes.count) processes" : ""))
    let bar = ProgressBar("training", total: steps - trainer.step)
    let first = trainer.step
    Interrupt.watch(once: !processes.areSeveral)
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
    let dtype = try arguments.precision.dtype
    try processes.first {
      try clip.save(to: out, dtype: dtype)
      try AtomicFile.write(json: metrics, to: out.appendingPathComponent("metrics.json"))
    }
    // The report needs one process.
    guard processes.isFirst else { return }
    try report(out, record, inputs, metrics, count: tests, console)
  }

  /// Measures the weights as stored, on rendered pictures and at every site of the data.
  private static func report(
    _ out: URL, _ record: PretrainingRecord, _ inputs: PretrainingInputs, _ metrics: [PretrainingMetrics],
    count: Int, _ console: Console
  ) throws {
    let isRendered = record.images > 0 && count > 0
    guard isRendered || inputs.catalog != nil else {
      return console.json ? try console.result(json: metrics) : console.result(out.path)
    }
    let clip = try CLIPModel.load(folder: out)
    let reports = ClipZeroShotCommand.Reports(
      rendered: isRendered
        ? try ClipZeroShotCommand.report(
          clip, prompts: record.prompts, count: count, seed: record.configuration.seed, console) : nil,
      sites: try inputs.catalog.map {
        try ClipZeroShotCommand.report(
          clip, prompts: record.prompts, sites: $0.sites, seed: record.configuration.seed, console)
      })
    if let rendered = reports.rendered {
      try AtomicFile.write(json: rendered, to: out.appendingPathComponent("zero-shot.json"))
    }
    if let sites = reports.sites {
      try AtomicFile.write(json: sites, to: out.appendingPathComponent("zero-shot-sites.json"))
    }
    try ClipZeroShotCommand.show(reports, console)
    console.note("the model is in \(out.path)")
  }

  private static func record(_ arguments: Arguments<Options>) throws -> PretrainingRecord {
    let file =
      try arguments.geometry ?? ProjectFiles.find(standardGeometry, instead: "--geometry FILE")
    var record = PretrainingRecord(
      images: try arguments.images ?? (arguments.data == nil ? standardImages : 0),
      geometry: try CLIPConfiguration(contentsOf: file),
      prompts: try ProjectFiles.promptSet(arguments.prompts).prompts)
    try record.geometry.requireTrainableText(in: file)
    record.data = try arguments.data
    record.holdOut = try arguments.holdOut
    record.lesionClass = try arguments.lesionClass
    record.configuration.steps = try arguments.steps
    record.configuration.batchSize = try arguments.batch
    record.configuration.seed = try arguments.common.seed
    record.configuration.learningRate = try arguments.learningRate
    record.configuration.denseWeight = try arguments.denseWeight
    record.configuration.maskWeight = try arguments.maskWeight
    if let trunk = try arguments.trunk {
      try record.use(
        TrunkFolder(trunk), size: arguments.size, tunedStages: arguments.tuneTrunk,
        rate: arguments.trunkRate)
    }
    if let share = try arguments.interventions { record.configuration.interventionShare = min(1, share) }
    return record
  }

  private static func check(_ record: PretrainingRecord, _ file: URL) throws {
    guard let data = try? Data(file: file) else { throw UsageError.nothingToResume(file) }
    let old = try? JSONDecoder().decode(PretrainingRecord.self, from: data)
    guard old != record else { return }
    throw UsageError.otherSettings(
      option: "resume", in: file, changed: old.map { SettingChange.list(from: $0, to: record) } ?? [])
  }
}
