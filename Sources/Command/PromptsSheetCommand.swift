import Confounders
import Datasets
import Foundation
import Imaging
import Torch

/// The command `mcdrl prompts sheet`.
enum PromptsSheetCommand: Subcommand {
  static let name = "prompts sheet"
  static let summary = "draw how the mechanisms of a prompt file change images"
  static let example = "mcdrl prompts sheet endoscopy --images a.jpg b.jpg --out sheet.png"
  static let options = Options()
  static let operands = [
    Operand.one(
      "FILE", "one prompt file, such as endoscopy", "the prompt file, or its name in mcdrl prompts list")
  ]

  struct Options: OptionGroup {
    let images = Option.spaces("images", "IMAGE", .file, isRequired: true, "the images to change")
    let out = Option.required("out", "SHEET.png", .png, "the picture to write")
    let size = Option.value(
      "size", "PIXELS", .integer(atLeast: 16), default: 160, "the side of each small picture, at least 16")
    let confounders = Option.spaces(
      "confounders", "NAME", .text, remark: "all that have a mechanism", "the confounders to show")
  }

  /// One column of the sheet.
  private struct Column: Encodable {
    let confounder: String?
    let mechanism: Mechanism?
    let strength: Double?
  }

  static func run(_ arguments: Arguments<Options>, _ console: Console) throws {
    let (out, size, seed) = (try arguments.out, try arguments.size, try arguments.common.seed)
    let prompts = try PromptSet(contentsOf: ProjectFiles.prompts(arguments.operands[0]))
    let interventions = Interventions(prompts)
    let chosen = try chosen(arguments.confounders, among: interventions)
    let reader = SampleReader(size: size)
    let images =
      try Tensor.stacked(
        arguments.images.map { try reader.scaled(reader.image($0)) }
      ).to(.float32) / 255
    let masks = try Tensor.zeros([try images.size(0), 1, size, size])

    var columns = [Column(confounder: nil, mechanism: nil, strength: nil)]
    var pictures = [images]
    for index in chosen {
      let entry = prompts.confounders[index]
      for strength in [entry.strengthRange.lowerBound, entry.strengthRange.upperBound] {
        // Both have the same seed, so that the confounder grows in its place.
        let generator = try Generator(seed: seed, for: "sheet", entry.name)
        let done = try interventions.doing(
          index, strength: strength, images: images, masks: masks, generator: generator)
        columns.append(Column(confounder: entry.name, mechanism: entry.mechanism, strength: strength))
        pictures.append(done.images)
      }
    }
    let sheet = try PromptsSheet(
      zip(columns, pictures).enumerated().map { index, pair in
        PromptsSheet.Column(label: label(index, pair.0), images: pair.1)
      })
    try ImageFile.writePNG(sheet.image(), to: out)
    if console.json { return try console.result(json: columns) }
    console.result(
      Console.table(
        ["column", "confounder", "mechanism", "strength"],
        columns.enumerated().map { index, column in
          [
            "\(index + 1)", column.confounder ?? "unchanged", column.mechanism?.rawValue ?? "–",
            format(column.strength, 2),
          ]
        }))
    let without = interventions.names.indices.filter { !interventions.available.contains($0) }
    if !without.isEmpty {
      console.note("without a mechanism: " + without.map { interventions.names[$0] }.joined(separator: ", "))
    }
    console.note("\(out.path): a row for each image; the label of a column has its number in this table")
  }

  /// Returns the number, name and strength of a column.
  private static func label(_ index: Int, _ column: Column) -> [String] {
    ["\(index + 1) \(column.confounder ?? "unchanged")"] + (column.strength.map { [format($0, 2)] } ?? [])
  }

  /// Returns the confounders of these names; without names, all with a mechanism.
  private static func chosen(_ names: [String], among interventions: Interventions) throws -> [Int] {
    let available = interventions.available
    guard !available.isEmpty else { throw InterventionError.noMechanisms }
    guard !names.isEmpty else { return available }
    return try names.map { name in
      guard let index = available.first(where: { interventions.names[$0] == name }) else {
        throw UsageError.wrongValue(
          option: "confounders", text: name, .unknown(known: available.map { interventions.names[$0] }))
      }
      return index
    }
  }
}

extension ValueForm where Value == URL {
  /// A file that is written as PNG.
  fileprivate static var png: ValueForm {
    file.checked("the sheet is a PNG; give a name that ends in .png") {
      $0.pathExtension.lowercased() == "png"
    }
  }
}
