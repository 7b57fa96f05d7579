import Confounders
import Datasets
import Foundation
import Imaging
import Torch

/// `mcdrl prompts sheet`.
enum PromptsSheetCommand: Subcommand {
  static let name = "prompts sheet"
  static let summary = "a picture of what a prompt file's mechanisms do to images"
  static let usage = "FILE --images IMAGE… --out SHEET.png"
  static let example = "mcdrl prompts sheet Prompts/endoscopy.json5 --images a.jpg b.jpg --out sheet.png"
  static let options: [Option] = [
    .many("images", "IMAGE…", "images to change, a row for each"),
    .one("out", "SHEET.png", "the picture to write"),
    .one("size", "PIXELS", "the side of each small picture, at least 16 (160)"),
    .many("confounders", "NAME…", "only these (all that have a mechanism)"),
  ]

  /// What stands in one column of the sheet.
  private struct Column: Encodable {
    let confounder: String?
    let mechanism: Mechanism?
    let strength: Double?
  }

  static func run(_ arguments: Arguments, _ console: Console) throws {
    guard arguments.positional.count == 1, let file = arguments.positional.first else {
      throw UsageError(description: "give one prompt file, such as Prompts/endoscopy.json5")
    }
    let out = URL(fileURLWithPath: try arguments.required("out"))
    guard out.pathExtension.lowercased() == "png" else {
      throw UsageError(description: "--out \(out.path): the sheet is a PNG; give a name that ends in .png")
    }
    guard !arguments.all("images").isEmpty else { throw UsageError(description: "--images is missing") }
    let size = try arguments.integer("size", atLeast: 16) ?? 160
    let seed = UInt64(try arguments.integer("seed") ?? 0)
    let prompts = try PromptSet(contentsOf: ProjectFiles.file(file))
    let interventions = Interventions(prompts)
    let chosen = try chosen(arguments.all("confounders"), among: interventions)
    let reader = SampleReader(size: size)
    let images =
      try Tensor.stacked(
        arguments.all("images").map { try reader.scaled(reader.image(URL(fileURLWithPath: $0))) }
      ).to(.float32) / 255
    let masks = try Tensor.zeros([try images.size(0), 1, size, size])

    var columns = [Column(confounder: nil, mechanism: nil, strength: nil)]
    var pictures = [images]
    for index in chosen {
      let entry = prompts.confounders[index]
      for strength in [entry.strengthRange.lowerBound, entry.strengthRange.upperBound] {
        // The same seed for both, so that what lies on the tissue grows in its place.
        let generator = try Generator(seed: seed, for: "sheet", entry.name)
        let done = try interventions.doing(
          index, strength: strength, images: images, masks: masks, generator: generator)
        columns.append(Column(confounder: entry.name, mechanism: entry.mechanism, strength: strength))
        pictures.append(done.images)
      }
    }
    try ImageFile.writePNG(try sheet(pictures), to: out)
    if console.json { return try console.result(json: columns) }
    console.result(
      Console.table(
        ["column", "confounder", "mechanism", "strength"],
        columns.enumerated().map { index, column in
          [
            "\(index + 1)", column.confounder ?? "as it is", column.mechanism?.rawValue ?? "–",
            format(column.strength, 2),
          ]
        }))
    let without = interventions.names.indices.filter { !interventions.available.contains($0) }
    if !without.isEmpty {
      console.note("without a mechanism: " + without.map { interventions.names[$0] }.joined(separator: ", "))
    }
    console.note("\(out.path): a row for each image, the columns as above")
  }

  /// The confounders of these names, all with a mechanism when there are none.
  private static func chosen(_ names: [String], among interventions: Interventions) throws -> [Int] {
    let available = interventions.available
    guard !available.isEmpty else { throw InterventionError.noMechanisms }
    guard !names.isEmpty else { return available }
    return try names.map { name in
      guard let index = available.first(where: { interventions.names[$0] == name }) else {
        let known = available.map { interventions.names[$0] }
        throw UsageError(
          description: "--confounders \(name): no confounder with a mechanism is called so; there are "
            + known.joined(separator: ", "))
      }
      return index
    }
  }

  /// Puts batches side by side, an image's pictures in one row, with two pixels of white between.
  private static func sheet(_ columns: [Tensor]) throws -> Image {
    let gap = 2
    let rows = try Tensor.stacked(columns.map { try $0.padded([0, gap, 0, gap], value: 1) })
    let (width, height) = (try rows.size(-1), try rows.size(-2))
    let (across, down) = (columns.count, try rows.size(1))
    let picture = try rows.permuted([1, 3, 0, 4, 2]).reshaped([down * height, across * width, 3])
    let bytes = try (picture * 255).rounded().to(.uint8).array(of: UInt8.self)
    return try Image(width: across * width, height: down * height, channels: 3, pixels: bytes)
  }
}
