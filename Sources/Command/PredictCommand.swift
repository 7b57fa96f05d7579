import Foundation
import Imaging
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
    let (system, trained) = try RunAssembly.trained(
      RunDirectory(URL(fileURLWithPath: arguments.positional[0])), on: arguments.device() ?? .cpu)
    var configuration = trained
    if let maxPixels { configuration.maxPixels = maxPixels }
    try FileManager.default.createFolder(out)

    let segmenter = Segmenter(system, reader: configuration.reader)
    let bar = ProgressBar("predicting", total: files.count)
    var summaries: [Summary] = []
    var failures: [String] = []
    for (index, file) in files.enumerated() {
      do {
        summaries.append(try predict(file, segmenter, formats, threshold, out))
      } catch let error as FileError {
        throw error
      } catch {
        // One bad image must not lose the others.
        failures.append("\(error)")
      }
      console.progress(bar.line(index + 1, unit: "images"))
    }
    console.progress("")
    if console.json {
      try console.result(json: summaries)
    } else {
      console.result("\(summaries.count) of \(files.count) images segmented, results in \(out.path)")
    }
    guard failures.isEmpty else {
      throw ConfigurationError("\(failures.count) images failed:\n" + failures.joined(separator: "\n"))
    }
  }

  private static func predict(
    _ file: URL, _ segmenter: Segmenter, _ formats: [Format], _ threshold: Double, _ out: URL
  ) throws -> Summary {
    let input = try segmenter.read(file)
    let probability = try segmenter.probability(input)
    let lesion = try probability.atLeast(threshold)
    let (height, width) = (try input.size(1), try input.size(2))
    let stem = file.deletingPathExtension().lastPathComponent
    func grey(_ values: Tensor) throws -> Image {
      try Image(width: width, height: height, channels: 1, pixels: values.to(.uint8).array())
    }
    let mask = try grey(lesion.to(.float32) * 255)
    var written: [String] = []
    for format in formats {
      let name = formats.count == 1 ? "\(stem).png" : "\(stem)-\(format.rawValue).png"
      let target = out.appendingPathComponent(name)
      switch format {
      case .mask: try MaskFile.writeBinary(mask, to: target)
      case .probability: try ImageFile.writePNG(grey((probability * 255).rounded()), to: target)
      case .overlay:
        let pixels: [UInt8] = try input.permuted([1, 2, 0]).contiguous().array()
        let image = try Image(width: width, height: height, channels: 3, pixels: pixels)
        try ImageFile.writePNG(Overlay.draw(prediction: mask, over: image), to: target)
      }
      written.append(name)
    }
    return Summary(
      image: file.path, width: width, height: height, lesionShare: try lesion.to(.float32).mean().item(),
      files: written)
  }
}
