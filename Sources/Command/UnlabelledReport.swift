import Datasets
import Foundation
import Storage
import Torch
import Training

/// The images of a new hospital for `mcdrl evaluate --unlabelled`.
struct UnlabelledImages {
  /// The name of the hospital.
  let name: String
  /// The images, also frames of DICOM files; masks are neither listed nor opened.
  let inputs: [PredictionInput]

  /// Finds the images of a folder: its own, those of `images/`, or those of its sites.
  ///
  /// - Throws: `WorkError.noImages`, or an error that names the folder.
  init(_ folder: URL) throws {
    let inner = folder.appendingPathComponent("images")
    let place = folder.standardizedFileURL
    let isInner = place.lastPathComponent == "images"
    name = (isInner ? place.deletingLastPathComponent() : place).lastPathComponent
    if FileSystem.kind(of: inner) == .folder {
      inputs = try InputImages(of: inner).images
    } else {
      let own = try InputImages(of: folder)
      let sites = try own.others.map { $0.appendingPathComponent("images") }
        .filter { FileSystem.kind(of: $0) == .folder }.flatMap { try InputImages(of: $0).images }
      inputs = own.images.isEmpty ? sites : own.images
    }
    guard !inputs.isEmpty else {
      throw WorkError.noImages(folder, wanted: "a folder of images, or of sites that have images/")
    }
  }
}

extension EvaluateCommand {
  /// Estimates Dice without masks.
  static func unlabelled(
    _ arguments: Arguments<Options>, folder: URL, _ processes: Processes, _ console: Console
  ) throws {
    let words = [
      arguments.written(\.data), arguments.written(\.sites), arguments.written(\.counterfactual),
      arguments.doing.written.first,
    ].compactMap { $0 }
    if let other = (words + writtenDistances(arguments)).first {
      throw UsageError.conflict(
        other, with: "unlabelled", reason: "the images come from its folder, and no mask is read")
    }
    try ProjectFiles.requireOneThreshold(arguments.scoring.threshold, changes: arguments.inference)
    let (images, runs) = try processes.together {
      (
        try UnlabelledImages(folder),
        try arguments.operands.map {
          try ProjectFiles.run(at: URL(fileURLWithPath: $0), changes: arguments.inference)
        }
      )
    }
    let locks = try lock(runs, processes, console)
    defer { withExtendedLifetime(locks) {} }
    let estimates = try runs.map { run in
      let predictor = try processes.together {
        let found = try Self.predictor(of: run, arguments)
        if found.certainty == nil { throw run.uncalibrated }
        return found
      }
      console.note(runs.count == 1 ? predictor.statement : "\(run.folder.url.path): \(predictor.statement)")
      if let note = predictor.calibrationNote { console.note("note: \(note)") }
      let bar = ProgressBar(images.name, total: processes.part(of: images.inputs.count).count)
      let estimate = try predictor.estimate(images.name, inputs: images.inputs, of: run.folder, processes) {
        console.progress(bar.line($0, unit: "images"))
      }
      console.progress("")
      try processes.first {
        try run.folder.write(
          estimate, to: run.folder.url.appendingPathComponent("unlabelled-\(images.name).json"))
      }
      return estimate
    }
    if console.json { return try console.result(json: estimates) }
    for (run, estimate) in zip(runs, estimates) {
      if runs.count > 1 { console.result(run.folder.url.path) }
      console.result(CertaintyTables.text(estimate))
    }
  }
}
