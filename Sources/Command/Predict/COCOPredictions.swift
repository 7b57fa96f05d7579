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
    let counts: [Int]
  }

  /// A class of lesions.
  struct Category: Encodable {
    let id: Int
    let name: String
    let supercategory = "lesion"
  }

  let info: Info
  let images: [Picture]
  let annotations: [Annotation]
  let categories: [Category]

  /// Makes the document.
  ///
  /// - Parameters:
  ///   - summaries: the predictions.
  ///   - classes: the classes of the run; empty for lesions of any kind.
  init(_ summaries: [PredictCommand.Summary], classes: [String]) {
    info = Info(description: "lesions predicted by MCDRL", version: MCDRLCommand.version)
    categories = (classes.isEmpty ? ["lesion"] : classes).enumerated().map {
      Category(id: $0.offset + 1, name: $0.element)
    }
    images = summaries.enumerated().map { index, summary in
      let isFrame = summary.frame != nil
      return Picture(
        id: index + 1, file: isFrame ? summary.name : NativePath.url(summary.image).lastPathComponent,
        width: summary.width, height: summary.height, frame: summary.frame)
    }
    var annotations: [Annotation] = []
    for (index, summary) in summaries.enumerated() {
      let found = summary.classes?.map(\.findings) ?? [summary.findings]
      for (place, findings) in found.enumerated() {
        for lesion in findings.lesions ?? [] {
          annotations.append(
            Annotation(
              id: annotations.count + 1, image: index + 1, category: place + 1,
              segmentation: Runs(
                size: [summary.height, summary.width],
                counts: Self.counts(
                  of: lesion.contours, width: summary.width, height: summary.height)),
              area: lesion.area, box: lesion.box, score: lesion.confidence))
        }
      }
    }
    self.annotations = annotations
  }

  /// Returns the lengths of runs of the pixels that rings enclose.
  ///
  /// Column by column, inside and outside change where a horizontal part of a ring passes.
  ///
  /// - Parameters:
  ///   - rings: rings of points on corners of pixels.
  ///   - width: the columns of the image.
  ///   - height: the rows of the image.
  /// - Returns: the lengths, background first; together the pixels of the image.
  static func counts(of rings: [[[Int]]], width: Int, height: Int) -> [Int] {
    var flips: [Int] = []
    for ring in rings {
      for (index, point) in ring.enumerated() {
        let next = ring[index + 1 < ring.count ? index + 1 : 0]
        guard point[1] == next[1] else { continue }
        for column in min(point[0], next[0])..<max(point[0], next[0]) {
          flips.append(column * height + point[1])
        }
      }
    }
    flips.sort()
    var counts: [Int] = []
    var last = 0
    var index = 0
    while index < flips.count {
      // The bottom of a column is the top of the next: two changes at one place are none.
      if index + 1 < flips.count, flips[index] == flips[index + 1] {
        index += 2
        continue
      }
      counts.append(flips[index] - last)
      last = flips[index]
      index += 1
    }
    return last < width * height || counts.isEmpty ? counts + [width * height - last] : counts
  }
}
