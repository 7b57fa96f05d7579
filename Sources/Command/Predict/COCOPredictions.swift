import Datasets
import Foundation
import Storage
import Training

/// The lesions of all predictions as one document of COCO (`--format coco`).
///
/// Each lesion is an annotation with its pixels as run lengths, so holes stay holes. Source of the
/// form: cocodataset.org, "Data format".
struct COCOPredictions: Encodable {
  /// The name of the file.
  static let fileName = "predictions.coco.json"

  /// The predictions that the document holds.
  struct Info: Encodable {
    let description: String
    let version: String
  }

  /// An image.
  struct Picture: Encodable {
    let id: Int
    let file: String
    let width: Int
    let height: Int
    /// The number of the frame in the file, from 1; nil for a file of one image.
    let frame: Int?

    enum CodingKeys: String, CodingKey {
      case id, width, height, frame
      case file = "file_name"
    }
  }

  /// A lesion.
  struct Annotation: Encodable {
    let id: Int
    let image: Int
    let category: Int
    let segmentation: Runs
    let area: Int
    let box: [Int]
    let isCrowd = 0
    /// The mean probability of its pixels.
    let score: Double

    enum CodingKeys: String, CodingKey {
      case id, segmentation, area, score
      case image = "image_id"
      case category = "category_id"
      case box = "bbox"
      case isCrowd = "iscrowd"
    }
  }

  /// Pixels as lengths of runs, column by column: background and lesion in turn.
  struct Runs: Encodable {
    /// Height and width.
    let size: [Int]
    let counts: [UInt32]
  }

  /// A class of lesions.
  struct Category: Encodable {
    let id: Int
    let name: String
    let supercategory = "lesion"
  }

  /// What the document needs of the prediction of an image.
  struct Entry: Sendable {
    /// A lesion.
    struct Lesion: Sendable {
      /// The place of its class among the classes of the run.
      let place: Int
      let runs: RunLengths
      let area: Int
      let box: [Int]
      let confidence: Double
    }

    let file: String
    let frame: Int?
    let width: Int
    let height: Int
    let lesions: [Lesion]

    /// Turns the contours of a prediction into runs.
    ///
    /// - Throws: `RunLengthError` for an image that is too large.
    init(_ summary: PredictCommand.Summary) throws {
      (frame, width, height) = (summary.frame, summary.width, summary.height)
      file = summary.frame != nil ? summary.name : NativePath.url(summary.image).lastPathComponent
      let found = summary.classes?.map(\.findings) ?? [summary.findings]
      lesions = try found.enumerated().flatMap { place, findings in
        try (findings.lesions ?? []).map { lesion in
          Lesion(
            place: place,
            runs: try RunLengths(
              columnsOf: lesion.component, width: summary.width, height: summary.height),
            area: lesion.area, box: lesion.box, confidence: lesion.confidence)
        }
      }
    }
  }

  let info: Info
  let images: [Picture]
  let annotations: [Annotation]
  let categories: [Category]

  /// Makes the document.
  ///
  /// - Parameters:
  ///   - entries: the predictions.
  ///   - classes: the classes of the run; empty for lesions of any kind.
  init(_ entries: [Entry], classes: [String]) {
    info = Info(description: "lesions predicted by MCDRL", version: MCDRLCommand.version)
    categories = (classes.isEmpty ? ["lesion"] : classes).enumerated().map {
      Category(id: $0.offset + 1, name: $0.element)
    }
    images = entries.enumerated().map { index, entry in
      Picture(
        id: index + 1, file: entry.file, width: entry.width, height: entry.height, frame: entry.frame)
    }
    var annotations: [Annotation] = []
    for (index, entry) in entries.enumerated() {
      for lesion in entry.lesions {
        annotations.append(
          Annotation(
            id: annotations.count + 1, image: index + 1, category: lesion.place + 1,
            segmentation: Runs(size: [entry.height, entry.width], counts: lesion.runs.counts),
            area: lesion.area, box: lesion.box, score: lesion.confidence))
      }
    }
    self.annotations = annotations
  }
}
