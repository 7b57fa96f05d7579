import Foundation
import Imaging
import Storage
import Torch
import Training

/// `mcdrl predict`.
enum PredictCommand: Subcommand {
  static let name = "predict"
  static let summary = "segment images: masks, probabilities, overlays"
  static let usage = "RUN INPUT… --out DIR"
  static let example = "mcdrl predict runs/c3 polypgen/c3/images --out predictions --format mask,overlay"
  static let choosesDevice = true
  static let options: [Option] = [
    .one("out", "DIR", "where results go"),
    .one("format", "LIST", "mask, probability, overlay; several with commas (mask)"),
    .one("threshold", "P", "from which probability on a pixel is lesion (0.5)"),
    .one(
      "precision", "P",
      "float32, bfloat16 or int8 (the quickest here that is equal on the run's validation images)"),
    .one("max-pixels", "N", "refuse larger images (the run's maxPixels)"),
  ]

  private enum Format: String, CaseIterable { case mask, probability, overlay }

  private struct Summary: Encodable {
    let image: String
    let width: Int
    let height: Int
    let lesionShare: Double
    let files: [String]

    enum CodingKeys: String, CodingKey {
      case image, width, height, files
      case lesionShare = "lesion_share"
    }
  }

  static func run(_ arguments: Arguments, _ console: Console) throws {
    guard arguments.positional.count >= 2 else {
      throw UsageError(description: "give a run folder and at least one input\nusage: mcdrl \(name) \(usage)")
    }
    let formats = try (arguments.last("format") ?? "mask").split(separator: ",").map { text in
      guard let format = Format(rawValue: String(text)) else {
        let known = Format.allCases.map(\.rawValue).joined(separator: ", ")
        throw UsageError(description: "--format \(text) is not known; use \(known)")
      }
      return format
    }
    let threshold = try arguments.probability("threshold") ?? 0.5
    let maxPixels = try arguments.integer("max-pixels", atLeast: 1)
    let out = URL(fileURLWithPath: try arguments.required("out"))
    let files = try InputImages.files(arguments.positional.dropFirst(), writingTo: out)
    let run = RunDirectory(URL(fileURLWithPath: arguments.positional[0]))
    var configuration = try run.configuration()
    if let maxPixels { configuration.maxPixels = maxPixels }
    let system = try RunAssembly.compiled(
      run, on: arguments.device() ?? .cpu, for: precision(arguments, run, configuration, console)
    ).system
    try FileManager.default.createFolder(out)
    let work = Work(formats: formats, threshold: threshold, out: out)
    let bar = ProgressBar("predicting", total: files.count)
    let done = Tally()
    let segmentation = FileSegmentation(system, reader: configuration.reader)
    // Only an overlay needs the whole picture.
    let outcomes = try segmentation(
      files, keepingPictures: formats.contains(.overlay), make: work.results
    ) { results in
      for (content, target) in (try? results.get().files) ?? [] { try AtomicFile.write(content, to: target) }
      console.progress(bar.line(done.add(), unit: "images"))
      return results.map(\.summary)
    }
    console.progress("")
    let summaries = outcomes.compactMap { try? $0.get() }
    let failures = outcomes.compactMap { if case .failure(let error) = $0 { error.description } else { nil } }
    if console.json {
      try console.result(json: summaries)
    } else {
      console.result("\(summaries.count) of \(files.count) images segmented, results in \(out.path)")
    }
    guard failures.isEmpty else {
      throw ConfigurationError("\(failures.count) images failed:\n" + failures.joined(separator: "\n"))
    }
  }

  /// The arithmetic: what was asked for, else what the run's validation images allow.
  private static func precision(
    _ arguments: Arguments, _ run: RunDirectory, _ trained: RunConfiguration, _ console: Console
  ) throws -> Precision {
    guard let asked = try arguments.precision() else {
      let chosen = try PrecisionCheck.stored(in: run)?.choice ?? trained.precision
      console.note("computing in \(chosen.rawValue); another with --precision")
      return chosen
    }
    let change = (try? PrecisionCheck.stored(in: run))?.change(asked)
    if let change, abs(change) >= PrecisionCheck.tolerance {
      console.note(
        "note: \(asked.rawValue) moved this run's validation Dice by \(String(format: "%+.4f", change))")
    }
    return asked
  }

  /// An image that could not be segmented.
  private struct Failure: Error {
    let description: String
  }

  /// What an image came to, not yet written.
  private struct Results {
    let summary: Summary
    let files: [(content: Data, target: URL)]
  }

  /// Makes results of what was found in images, on several threads.
  private struct Work: Sendable {
    let formats: [Format]
    let threshold: Double
    let out: URL

    /// What became of one image: one that is bad does not end the whole.
    func results(_ file: URL, _ found: Result<FileSegmentation.Found, any Error>) -> Result<Results, Failure>
    {
      Result { try results(found.get(), of: file) }.mapError { Failure(description: "\($0)") }
    }

    private func results(_ found: FileSegmentation.Found, of file: URL) throws -> Results {
      let probability = found.probability
      let lesion = try probability.atLeast(threshold)
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
        }
      }
      let summary = Summary(
        image: file.path, width: width, height: height,
        lesionShare: try lesion.sum().item() / Double(width * height),
        files: contents.map(\.target.lastPathComponent))
      return Results(summary: summary, files: contents)
    }
  }
}
