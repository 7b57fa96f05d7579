import Foundation
import Imaging
import Storage

/// Writes COCO: compressed run lengths, an annotation for each separate lesion.
struct COCOWriter: AnnotationWriter {
  let imageFolder = "images"
  private static let file = "annotations/instances_default.json"
  private var document: Document

  init(_ labels: [ExportSet.Label]) {
    document = Document(categories: labels.map { Category(id: $0.value, name: $0.name, supercategory: "") })
  }

  mutating func add(
    _ picture: DataExport.Picture, _ regions: [(label: Int, component: MaskComponent)], to folder: URL
  ) throws {
    let id = document.images.count + 1
    document.images.append(
      Image(id: id, file_name: picture.path, width: picture.width, height: picture.height))
    for (label, component) in regions {
      let runs = try RunLengths(columnsOf: component, width: picture.width, height: picture.height)
      let box = component.box
      document.annotations.append(
        Annotation(
          id: document.annotations.count + 1, image_id: id, category_id: document.categories[label].id,
          segmentation: Segmentation(size: [picture.height, picture.width], counts: runs.cocoText),
          area: component.area, bbox: [box.x, box.y, box.width, box.height]))
    }
  }

  func finish(in folder: URL) throws -> [String] {
    try FileManager.default.createFolder(folder.appendingPathComponent("annotations"))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(
      try encoder.encode(document) + Data("\n".utf8), to: folder.appendingPathComponent(Self.file))
    return [Self.file]
  }

  private struct Document: Encodable {
    var info = ["description": "written by mcdrl data export"]
    var licenses: [String] = []
    var images: [Image] = []
    var annotations: [Annotation] = []
    var categories: [Category]
  }

  private struct Image: Encodable {
    let id: Int
    let file_name: String
    let width: Int
    let height: Int
  }

  private struct Category: Encodable {
    let id: Int
    let name: String
    let supercategory: String
  }

  private struct Annotation: Encodable {
    let id: Int
    let image_id: Int
    let category_id: Int
    let segmentation: Segmentation
    let area: Int
    let bbox: [Int]
    let iscrowd = 0
  }

  private struct Segmentation: Encodable {
    let size: [Int]
    let counts: String
  }
}
