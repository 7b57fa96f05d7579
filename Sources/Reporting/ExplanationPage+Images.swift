import Explaining
import Foundation
import Imaging

/// The images on the page of an explanation.
extension HTMLPage {
  /// The number of images with pictures on the page, spread over all.
  static let shownImages = 24

  /// Adds the pictures of some images.
  mutating func pictures(_ explanation: Explanation, _ folder: URL) throws {
    let all = explanation.images
    let count = min(all.count, Self.shownImages)
    guard all.contains(where: { !$0.pictures.isEmpty }) else { return }
    section(
      "Images",
      count < all.count
        ? "\(count) of \(all.count), evenly from all; the pictures of every image are in the folder pictures."
        : "")
    key(
      [(Overlay.Colour.prediction, "the model's mask")]
        + (all.contains { $0.diceWithReference != nil } ? [(Overlay.Colour.reference, "reference")] : []) + [
          (
            Overlay.Colour(red: 255, green: 255, blue: 255),
            "edge of the selected region; under do(z): the untouched mask"
          ),
          (HeatMap.scale[0], "low"), (HeatMap.scale[2], "middle"),
          (HeatMap.scale[HeatMap.scale.count - 1], "high; the numbers under a map are its ends"),
        ])
    for index in 0..<count {
      let image = all[index * all.count / count]
      try gallery(
        Self.heading(image, explanation),
        image.pictures.map { ($0.label, try ImageFile.read(folder.appendingPathComponent($0.file))) })
      details("numbers of \(image.name)") { $0.numbers(image, explanation) }
    }
  }

  private static func heading(_ image: ExplainedImage, _ explanation: Explanation) -> String {
    let lesion = image.lesionClass.map { ", \($0)" } ?? ""
    let dice = image.diceWithReference.map { ", Dice \(Explanation.number($0, 2))" } ?? ""
    let names = explanation.confounders.map(\.name)
    let top = image.attention.flatMap { weights in
      weights.indices.max { weights[$0] < weights[$1] }.map {
        "; attends most to \(names[$0]) (\(Explanation.number(weights[$0], 2)))"
      }
    }
    let truth = image.truth.map { truth in
      let there = truth.filter { $0.value >= Faithfulness.presentFrom }.keys.sorted()
      return "; truly there: \(there.isEmpty ? "none" : there.joined(separator: ", "))"
    }
    return "\(image.name)\(lesion)\(dice)\(top ?? "")\(truth ?? "")"
  }

  private mutating func numbers(_ image: ExplainedImage, _ explanation: Explanation) {
    table(
      ["confounder", "attention", "lowest", "highest", "zero-shot", "true strength", "Dice under do(z)"],
      explanation.confounders.enumerated().map { z, confounder in
        let strongest = image.steps.last { $0.confounder == confounder.name }
        return [
          confounder.name, Self.optional(image.attention?[z]), Self.optional(image.attentionLow?[z]),
          Self.optional(image.attentionHigh?[z]), Explanation.number(image.zeroShot[z], 3),
          Self.optional(image.truth.map { $0[confounder.name] ?? 0 }), Self.optional(strongest?.dice),
        ]
      })
  }
}
