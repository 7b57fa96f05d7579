import Foundation
import Imaging
import Metrics
import Storage
import Torch
import Training

/// The command `mcdrl predict`.
enum PredictCommand: Subcommand {
  static let name = "predict"
  static let summary = "segment images: masks, probabilities, overlays"
  static let example = "mcdrl predict runs/c3 polypgen/c3/images --out predictions --format mask,overlay"
  static let common = CommonOptions(choosesDevice: true)
  static let options = Options()
  static let operands = [
    Operand.one("RUN", "a run folder", "a run folder of mcdrl train"),
    Operand.oneOrMore("INPUT", "at least one input", "images, or folders of images"),
  ]

  struct Options: OptionGroup {
    let out = Shared.out("DIR", "the folder of the results")
    let formats = Option.commas(
      "format", "NAME", .choice(of: Format.self), default: [.mask],
      "what to write: mask, probability, overlay; of a calibrated run also calibrated, uncertainty")
    let inference = Shared.inference
    let threshold = Shared.threshold
    let precision = Shared.precision("the fastest that keeps Dice on the run's validation images")
    let decoding = Shared.decoding
    let maxPixels = Shared.maxPixels
  }

  enum Format: String, CaseIterable {
    case mask, probability, overlay, calibrated, uncertainty

    /// Whether it needs the calibration of the run.
    var needsCalibration: Bool { self == .calibrated || self == .uncertainty }
  }

  /// The file with a line for each image.
  static let recordName = "predictions.jsonl"

  struct Summary: Encodable {
    let image: String
    let width: Int
    let height: Int
    let lesionShare: Double
    let files: [String]
    let precision: Precision
    let decoding: Predictor.Decoding
    let threshold: MaskThreshold
    let passes: Int
    /// Each of several classes; nil for one.
    let classes: [ClassSummary]?
    /// Only of a calibrated run.
    let expectedDice: Double?
    let uncertainty: Double?
    let distance: Double?
    let warnings: [String]?

    enum CodingKeys: String, CodingKey {
      case image, width, height, files, precision, decoding, threshold, passes, classes, uncertainty,
        distance, warnings
      case lesionShare = "lesion_share"
      case expectedDice = "expected_dice"
    }
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (formats, threshold, out) = (try arguments.formats, try arguments.threshold, try arguments.out)
    let maxPixels = try arguments.maxPixels
    try ProjectFiles.requireOneThreshold(threshold, changes: arguments.inference)
    let files = try InputImages.files(arguments.operands.dropFirst(), writingTo: out, console)
    let run = try ProjectFiles.run(
      at: URL(fileURLWithPath: arguments.operands[0]), changes: arguments.inference)
    let predictor = try run.predictor(
      device: arguments.common.device, precision: arguments.precision, decoding: arguments.decoding,
      threshold: threshold, maxPixels: maxPixels)
    try requireNames(files, classes: run.configuration.classes)
    let needsMaps = formats.contains(where: \.needsCalibration)
    if needsMaps, predictor.certainty == nil { throw run.uncalibrated }
    let lock = try OutputFolder.lock(out, console)
    defer { withExtendedLifetime(lock) {} }
    try note(predictor, run, asked: arguments.precision, console)

    let work = Work(formats: formats, predictor: predictor, out: out)
    let bar = ProgressBar("predicting", total: files.count)
    let done = Tally()
    // Only an overlay needs the whole image.
    let outcomes = try predictor(
      files, keepingPictures: formats.contains(.overlay), keepingMaps: needsMaps, make: work.results
    ) { results in
      let written = results.flatMap { results in
        Result { for (content, target) in results.files { try AtomicFile.write(content, to: target) } }
          .mapError { Failure(description: "\($0)") }.map { results.summary }
      }
      console.progress(bar.line(done.add(), unit: "images"))
      return written
    }
    console.progress("")
    let summaries = outcomes.compactMap { try? $0.get() }
    let failures = outcomes.compactMap { if case .failure(let error) = $0 { error.description } else { nil } }
    // Failed images come first in the messages.
    let recorded = Result {
      if !summaries.isEmpty { try write(summaries, to: out.appendingPathComponent(recordName)) }
    }
    if let warning = CertaintyTables.flagged(summaries.map { ($0.image, $0.warnings ?? []) }) {
      console.note(warning)
    }
    if console.json {
      try console.result(json: summaries)
    } else {
      console.result(
        "\(summaries.count) of \(counted(files.count, "image")) segmented, results in \(out.path)")
    }
    guard failures.isEmpty else {
      throw WorkError.images(failures)
    }
    try recorded.get()
  }

  /// Writes a line for each image, in the order of the inputs.
  private static func write(_ summaries: [Summary], to file: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let lines = try summaries.map { try encoder.encode($0) + Data("\n".utf8) }
    try AtomicFile.write(Data(lines.joined()), to: file)
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

  /// The failure of an image that could not be segmented.
  struct Failure: Error {
    let description: String
  }

  /// The results of an image before they are written.
  struct Results {
    let summary: Summary
    let files: [(content: Data, target: URL)]
  }

  /// The work that makes the results of images, on several threads.
  struct Work: Sendable {
    let formats: [Format]
    let predictor: Predictor
    let out: URL

    /// Makes the results of one image.
    ///
    /// A bad image does not stop the others.
    func results(_ file: URL, _ found: Result<Predictor.Prediction, any Error>) -> Result<Results, Failure> {
      Result { try results(found.get(), of: file) }.mapError { Failure(description: "\($0)") }
    }

    private func results(_ found: Predictor.Prediction, of file: URL) throws -> Results {
      if predictor.configuration.segmentsClasses { return try classResults(found, of: file) }
      let probability = found.probability
      let lesion = try predictor.rule.mask(probability)
      let (height, width) = (try probability.size(0), try probability.size(1))
      let stem = file.deletingPathExtension().lastPathComponent
      func grey(_ values: Tensor) throws -> Image { try Image(values.to(.uint8).expandedDimension(0)) }
      let mask = try grey(lesion.to(.uint8) * 255)
      var contents: [(content: Data, target: URL)] = []
      for format in formats {
        let name = formats.count == 1 ? "\(stem).png" : "\(stem)-\(format.rawValue).png"
        let target = out.appendingPathComponent(name)
        switch format {
        case .mask: contents.append((try mask.bilevelPNGData(), target))
        case .probability: contents.append((try grey((probability * 255).rounded()).pngData(), target))
        case .overlay:
          guard let picture = found.picture else { continue }
          contents.append((try Overlay.draw(prediction: mask, over: Image(picture)).pngData(), target))
        case .calibrated:
          if let maps = found.maps { contents.append((try GreyMap.pngData(maps.calibrated), target)) }
        case .uncertainty:
          if let maps = found.maps { contents.append((try GreyMap.pngData(maps.uncertainty), target)) }
        }
      }
      let summary = Summary(
        image: file.path, width: width, height: height,
        lesionShare: try lesion.sum().item() / Double(width * height),
        files: contents.map(\.target.lastPathComponent), precision: predictor.precision,
        decoding: predictor.decoding, threshold: predictor.threshold,
        passes: predictor.configuration.inference.passes, classes: nil,
        expectedDice: found.certainty?.expectedDice, uncertainty: found.certainty?.uncertainty,
        distance: found.certainty?.distance, warnings: found.certainty?.warnings)
      return Results(summary: summary, files: contents)
    }
  }
}
