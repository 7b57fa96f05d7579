import Metrics
import Storage

/// A score of an image by which runs are compared in pairs.
package enum PairedMeasure: String, CaseIterable, Codable, CodingKey, CodingKeyRepresentable, Sendable {
  /// Dice; two empty masks count 1.
  case dice
  /// IoU; two empty masks count 1.
  case iou
  /// HD95, of the images with a lesion and a mark.
  case hd95
  /// Dice, of the images with a lesion.
  case diceWithLesion = "dice_with_lesion"
  /// IoU, of the images with a lesion.
  case iouWithLesion = "iou_with_lesion"
  /// The share of the image's lesions that a mark finds, of the images with a lesion.
  case lesionsFound = "lesions_found"
  /// The number of marks on the image that find no lesion.
  case falseMarks = "false_marks"

  /// The score of an image; nil where it is undefined.
  func value(_ scores: ImageScores) -> Double? {
    let hasLesion = !scores.referenceIsEmpty
    switch self {
    case .dice: return scores.dice
    case .iou: return scores.iou
    // Of two empty masks it is 0, which would reward a model that marks nothing.
    case .hd95: return hasLesion ? scores.hd95 : nil
    case .diceWithLesion: return hasLesion ? scores.dice : nil
    case .iouWithLesion: return hasLesion ? scores.iou : nil
    case .lesionsFound:
      let lesions = scores.detection.lesions
      return lesions > 0 ? Double(scores.detection.found) / Double(lesions) : nil
    case .falseMarks: return Double(scores.detection.falseMarks)
    }
  }

  /// Whether a lower value is better.
  package var isLowerBetter: Bool { self == .hd95 || self == .falseMarks }

  /// The name in tables, without its unit.
  package var title: String {
    switch self {
    case .dice: "Dice"
    case .iou: "IoU"
    case .hd95: "HD95"
    case .diceWithLesion: "Dice (lesion)"
    case .iouWithLesion: "IoU (lesion)"
    case .lesionsFound: "lesions found"
    case .falseMarks: "false marks"
    }
  }
}
