import Foundation
import Statistics
import Storage
import Studies

/// The metadata at the head of a card, as Hugging Face's hub reads them (YAML).
///
/// The keys are those of the hub's specification: `license`, `library_name`, `pipeline_tag`,
/// `tags`, `metrics` and `model-index`. All texts are in double quotes, with the escapes of JSON,
/// which YAML shares.
struct CardMetadata {
  let text: String

  init(_ card: ModelCard) {
    var lines = [
      "---",
      // The licence of trained weights is the decision of their owner, which no run holds.
      "license: unknown", "library_name: mcdrl", "pipeline_tag: image-segmentation", "tags:",
      "- medical-imaging", "- segmentation", "- \(Self.quoted(card.model.modality))",
      "- \(Self.quoted(card.model.method))", "metrics:", "- dice", "- iou",
    ]
    // The hub shows them without a remark, so scores at sites that were trained on stay out.
    let results = card.evaluations.filter { $0.dice != nil && $0.isUnseen }
    if !results.isEmpty {
      lines += ["model-index:", "- name: \(Self.quoted(card.title))", "  results:"]
      lines += results.flatMap(Self.result)
    }
    text = (lines + ["---"]).joined(separator: "\n")
  }

  private static func result(_ evaluation: ModelCard.Evaluation) -> [String] {
    let metrics = [
      ("dice", "Dice", evaluation.dice), ("dice", "Dice, images with a lesion", evaluation.diceWithLesion),
      ("iou", "IoU", evaluation.iou),
    ]
    return [
      "  - task:", "      type: image-segmentation", "    dataset:",
      "      type: \(quoted(evaluation.site))",
      "      name: \(quoted("\(evaluation.site) (\(evaluation.role))"))", "    metrics:",
    ]
      + metrics.flatMap { type, name, interval in
        interval.map {
          [
            "    - type: \(type)", "      name: \(quoted(name))",
            "      value: \(String(format: "%.4f", $0.value))",
          ]
        } ?? []
      }
  }

  /// Returns a text in double quotes; every character beyond plain ASCII is escaped or kept whole.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      // A reader without metadata shows this head as Markdown.
      case _ where ["<", ">", "&"].contains(scalar) || !isPrintable(scalar):
        result +=
          scalar.value > 0xFFFF
          ? "\\U" + String(format: "%08X", scalar.value) : "\\u" + String(format: "%04X", scalar.value)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// Whether YAML takes a character as it is.
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF:
      true
    default: false
    }
  }
}
