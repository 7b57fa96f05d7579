import Foundation
import Reviewing
import Storage
import Training

/// The command `mcdrl review`.
enum ReviewCommand: Subcommand {
  static let name = "review"
  static let summary = "look at predictions in a browser and correct them: writes the page of a review"
  static let usage = "RUN INPUT… --out REVIEW [options] | PREDICTIONS --out REVIEW [options]"
  static let example = "mcdrl review runs/c3 new/images --out reviews/new --serve"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let operands = [
    Operand.one("RUN", "a run folder", "a run folder of mcdrl train, or a folder that mcdrl predict wrote"),
    Operand.any("INPUT", "images", "with a run: images, DICOM files, videos, or folders of them"),
  ]
  static var sections: [Help.Section] {
    let others: [any Subcommand.Type] = [
      ReviewServeCommand.self, ReviewApplyCommand.self, ReviewAgreementCommand.self,
    ]
    return [Help.Section(title: "then", entries: others.map { ("mcdrl \($0.name)", $0.summary) })]
  }

  struct Options: OptionGroup {
    let out = Shared.out("REVIEW", "the folder of the review; decisions in it stay")
    let data = Shared.data.optional("that of the run")
      .saying("where the sites and patients of the inputs are stated")
    let limit = Option.optional(
      "limit", "N", .integer(atLeast: 1), remark: "all", "queue at most N items, those that are least sure")
    let controls = Option.value(
      "controls", "SHARE", .probability, default: ReviewMaker.Settings().controls,
      "the share of confident items that are mixed in, drawn by chance")
    let explain = Option.value(
      "explain", "N", .integer(), default: ReviewMaker.Settings().explained,
      "explain at most N items, the least sure ones and controls; 0 for none")
    let frames = Option.value(
      "frames", "N", .integer(atLeast: 1), default: 20,
      "videos: review N frames of each, the least sure one of N equal parts")
    let serve = Option.flag("serve", "serve the review when it is written")
    let serving = ServingOptions()
    let inference = Shared.inference
    let threshold = Shared.threshold
    let precision = Shared.precision("the fastest that keeps Dice on the run's validation images")
    let decoding = Shared.decoding
    let maxPixels = Shared.maxPixels
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (place, out) = (arguments.operands[0], try arguments.out)
    if try arguments.serve { try ReviewServing.requireBuilt() } else { try arguments.serving.requireNone() }
    try OutputFolder.requireApart(out, fromRun: place)
    let inputs = arguments.operands.dropFirst()
    let isFolder = PredictionFolder.isOne(NativePath.url(place))
    guard inputs.isEmpty == isFolder else {
      throw UsageError.inCall(
        isFolder ? .strayWord(inputs[1], wanted: ["PREDICTIONS"]) : .missingWords(["at least one input"]),
        usage: fullUsage)
    }
    guard isFolder else { return try review(Array(inputs), of: place, arguments, console) }
    let lock = try OutputFolder.lock(out, console)
    let (document, failures) = try ReviewPredictions.write(NativePath.url(place), arguments, console)
    try end(document, failures, lock, arguments, console)
  }

  /// Predicts and writes.
  private static func review(
    _ words: [String], of place: String, _ arguments: Arguments<Options>, _ console: Console
  ) throws {
    let (out, maxPixels) = (try arguments.out, try arguments.maxPixels)
    try ProjectFiles.requireOneThreshold(arguments.threshold, changes: arguments.inference)
    let found = try InputImages(
      words, writingTo: out.appendingPathComponent("images"), distinguishes: true,
      limits: InputImages.limits(maxPixels), console)
    let run = try ProjectFiles.run(at: URL(fileURLWithPath: place), changes: arguments.inference)
    let predictor = try run.predictor(
      device: arguments.common.device, precision: arguments.precision, decoding: arguments.decoding,
      threshold: arguments.threshold, maxPixels: maxPixels)
    let lock = try OutputFolder.lock(out, console)
    let identity = try ReviewFolder(out).identity(of: run.folder.url.lastPathComponent)
    try ReviewFolder(out).begin()
    let work = try ReviewWork(run, predictor, out, console)
    let document = try work.write(found, arguments, identity)
    try end(document, work.failures, lock, arguments, console)
  }

  /// Prints the result, and serves it.
  private static func end(
    _ document: ReviewDocument, _ failures: [String], _ lock: FolderLock, _ arguments: Arguments<Options>,
    _ console: Console
  ) throws {
    let out = try arguments.out
    if console.json, try !arguments.serve {
      try console.result(json: document)
    } else if !console.json {
      console.result(
        "\(counted(document.items, "item")) to review, \(document.controls) of them confident controls; "
          + (try arguments.serve
            ? "stored in \(out.path)"
            : "open \(ReviewFolder(out).pageFile.path), or mcdrl review serve \(out.path)"))
    }
    let failure = failures.isEmpty ? nil : WorkError.inputs(failures)
    if try arguments.serve {
      if let failure { console.note("\(failure)") }
      try ReviewServing.serve(out, arguments.serving, lock, console)
    }
    if let failure { throw failure }
  }
}
