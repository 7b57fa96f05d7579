import Foundation
import Imaging
import Metrics
import Storage
import Torch
import Training

/// The command `mcdrl predict`.
enum PredictCommand: Subcommand {
  static let name = "predict"
  static let summary = "segment images, DICOM files and videos: masks, probabilities, overlays"
  static let example = "mcdrl predict runs/c3 polypgen/c3/images --out predictions --format mask,overlay"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let operands = [
    Operand.one("RUN", "a run folder", "a run folder of mcdrl train"),
    Operand.oneOrMore("INPUT", "at least one input", "images, DICOM files, videos, or folders of them"),
  ]

  struct Options: OptionGroup {
    let out = Shared.out("DIR", "the folder of the results")
    let formats = Option.commas(
      "format", "NAME", .choice(of: Format.self), default: [.mask],
      "what to write: mask, probability (16-bit PNG), probability-tiff, overlay, coco; of DICOM files also "
        + "dicom-seg, dicom-overlay; of a calibrated run also calibrated, uncertainty")
    let allFrames = Option.flag(
      "all-frames", "dicom-seg has every frame, not only those with a lesion")
    let nominalGeometry = Option.flag(
      "nominal-geometry",
      "dicom-seg has made-up positions and a spacing of 1 mm, for viewers that insist; never measure in them")
    let video = VideoOptions()
    let inference = Shared.inference
    let threshold = Shared.threshold
    let precision = Shared.precision("the fastest that keeps Dice on the run's validation images")
    let decoding = Shared.decoding
    let maxPixels = Shared.maxPixels
  }

  /// The file with a line for each image.
  static let recordName = "predictions.jsonl"

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (formats, out, maxPixels) = (try arguments.formats, try arguments.out, try arguments.maxPixels)
    try arguments.video.requireTracks()
    try ProjectFiles.requireOneThreshold(arguments.threshold, changes: arguments.inference)
    let inputs = try InputImages(
      arguments.operands.dropFirst(), writingTo: out, limits: InputImages.limits(maxPixels),
      console)
    try Format.check(
      formats, inputs, nominal: arguments.nominalGeometry, allFrames: arguments.allFrames)
    try OutputFolder.requireApart(out, fromRun: arguments.operands[0])
    if !inputs.videos.isEmpty, try arguments.given(\.formats) != nil, formats != [.mask] {
      console.note("note: --format is of images; videos write the videos of --tracks, and frames.jsonl")
    }
    let run = try ProjectFiles.run(
      at: URL(fileURLWithPath: arguments.operands[0]), changes: arguments.inference)
    let predictor = try run.predictor(
      device: arguments.common.device, precision: arguments.precision, decoding: arguments.decoding,
      threshold: arguments.threshold, maxPixels: maxPixels)
    try requireNames(inputs.images, classes: run.configuration.classes)
    if formats.contains(where: \.needsCalibration), predictor.certainty == nil { throw run.uncalibrated }
    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    try note(predictor, run, asked: arguments.precision, console)

    let work = Work(
      formats: formats, predictor: predictor, out: out, objects: DICOMPlan(inputs.images, formats))
    let record = OrderedLines<Summary>(out.appendingPathComponent(recordName))
    let found = try segment(inputs.images, work, record, console)
    var failures = found.failures
    // Failed images come first in the messages.
    let recorded = Result {
      try record.finish()
      if formats.contains(.coco) { try writeCOCO(found.done.compactMap(\.coco), of: run, to: out) }
    }
    if formats.contains(where: \.needsDICOM) {
      let objects = try DICOMResults(
        work, of: run, allFrames: arguments.allFrames, nominalGeometry: arguments.nominalGeometry)
      failures += objects.write(found, console)
    }
    var videos: [VideoSummary] = []
    for video in inputs.videos {
      // A bad video does not stop the others; Ctrl-C does.
      do {
        let summary = try VideoPrediction.run(
          video.file, named: video.name, opening: video.open, predictor, arguments.video, to: out, console)
        videos.append(summary)
        if !console.json { console.result(VideoPrediction.text(summary, name: video.name)) }
      } catch let error as Interruption {
        throw error
      } catch {
        failures.append("\(error)")
      }
    }
    if let warning = CertaintyTables.flagged(found.done.map { ($0.place, $0.warnings) }) {
      console.note(warning)
    }
    if console.json {
      try console.result(
        json: found.done.compactMap(\.summary).map(Line.image) + videos.map(Line.video))
    } else if !inputs.images.isEmpty {
      console.result(
        "\(found.done.count) of \(counted(inputs.images.count, "image")) segmented, results in \(out.path)")
    }
    guard !failures.isEmpty else { return try recorded.get() }
    if case .failure(let error) = recorded { failures.append("\(error)") }
    throw WorkError.inputs(failures)
  }

  /// An entry of `--json`.
  private enum Line: Encodable {
    case image(Summary)
    case video(VideoSummary)

    func encode(to encoder: any Encoder) throws {
      switch self {
      case .image(let summary): try summary.encode(to: encoder)
      case .video(let summary): try summary.encode(to: encoder)
      }
    }
  }

  /// The images that were segmented, and the messages of the others.
  struct Found {
    /// What later steps need of an image that was segmented.
    struct Done: Sendable {
      let input: PredictionInput
      /// The file, and the frame if it has several, for messages.
      let place: String
      let warnings: [String]
      let masks: [PackedMask]
      /// Only for `--format coco`.
      let coco: COCOPredictions.Entry?
      /// Only for `--json`, because its contours are large.
      let summary: Summary?

      init(_ input: PredictionInput, _ results: Results, keepingSummary: Bool) {
        (self.input, place, masks) = (input, results.summary.place, results.masks)
        coco = results.coco
        warnings = results.summary.certainty?.warnings ?? []
        summary = keepingSummary ? results.summary : nil
      }
    }

    var done: [Done] = []
    var failed: [PredictionInput] = []
    var failures: [String] = []
  }

  /// Segments the images, writes the files of each, and a line for each in the order of the inputs.
  private static func segment(
    _ inputs: [PredictionInput], _ work: Work, _ record: OrderedLines<Summary>, _ console: Console
  ) throws -> Found {
    let bar = ProgressBar("predicting", total: inputs.count)
    let done = Tally()
    // Results have different names.
    let places = Dictionary(
      inputs.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
    // Only an overlay needs the whole image.
    let outcomes = try work.predictor(
      inputs: inputs, keepingPictures: work.formats.contains(.overlay),
      keepingMaps: work.formats.contains(where: \.needsCalibration),
      make: { (input: $0, results: work.results($0, $1)) }
    ) { made in
      let written = made.results.flatMap { results in
        Result { for (content, target) in results.files { try AtomicFile.write(content, to: target) } }
          .mapError { Failure(description: "\($0)") }.map { results }
      }
      if let place = places[made.input.name] { record.add(try? written.get().summary, at: place) }
      console.progress(bar.line(done.add(), unit: "images"))
      return written.map { Found.Done(made.input, $0, keepingSummary: console.json) }
    }
    console.progress("")
    var found = Found()
    for (input, outcome) in zip(inputs, outcomes) {
      switch outcome {
      case .success(let done): found.done.append(done)
      case .failure(let error):
        found.failed.append(input)
        found.failures.append(error.description)
      }
    }
    return found
  }

  /// Writes the lesions of all images as COCO; no file without an image.
  private static func writeCOCO(_ entries: [COCOPredictions.Entry], of run: Run, to out: URL) throws {
    guard !entries.isEmpty else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let coco = COCOPredictions(entries, classes: run.configuration.classes)
    try AtomicFile.write(
      try encoder.encode(coco), to: out.appendingPathComponent(COCOPredictions.fileName))
  }

  /// Notes the settings of the computation and warns of an arithmetic that changed this run's Dice.
  private static func note(_ predictor: Predictor, _ run: Run, asked: Precision?, _ console: Console) throws {
    console.note("\(predictor.statement); --precision, --decoding, --threshold and --set choose otherwise")
    if let note = predictor.calibrationNote { console.note("note: \(note)") }
    guard let asked, let change = (try? PrecisionCheck.stored(in: run.folder))?.change(asked),
      abs(change) >= PrecisionCheck.tolerance
    else { return }
    console.note(
      "note: \(asked.rawValue) moved this run's validation Dice by \(String(format: "%+.4f", change))")
  }
}
