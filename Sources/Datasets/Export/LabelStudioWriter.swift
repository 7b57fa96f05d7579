import Foundation
import Imaging
import Storage

/// Writes tasks of Label Studio: a brush for each separate lesion, and the labelling interface.
struct LabelStudioWriter: AnnotationWriter {
  let imageFolder = "images"
  private static let file = "tasks.json"
  private static let interface = "labeling-config.xml"
  private let labels: [ExportSet.Label]
  private var tasks: [Task] = []

  init(_ labels: [ExportSet.Label]) { self.labels = labels }

  mutating func add(
    _ picture: DataExport.Picture, _ regions: [(label: Int, component: MaskComponent)], to folder: URL
  ) throws {
    let result = try regions.enumerated().map { index, region in
      let runs = try RunLengths(
        wholeRowsOf: region.component, width: picture.width, height: picture.height)
      return Region(
        id: "r\(index + 1)", value: Value(rle: runs.brush, brushlabels: [labels[region.label].name]),
        original_width: picture.width, original_height: picture.height)
    }
    var allowed = CharacterSet.urlPathAllowed
    allowed.remove(charactersIn: "?#&+%;=")
    let path = "\(imageFolder)/\(picture.path)"
    let address = path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path
    tasks.append(
      Task(
        id: tasks.count + 1, data: ["image": "/data/local-files/?d=\(address)"],
        annotations: [Annotation(id: tasks.count + 1, result: result)]))
  }

  func finish(in folder: URL) throws -> [String] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(
      try encoder.encode(tasks) + Data("\n".utf8), to: folder.appendingPathComponent(Self.file))
    let values = labels.map { "    <Label value=\"\(CVATWriter.escaped($0.name))\"/>\n" }
    let interface =
      "<View>\n  <Image name=\"image\" value=\"$image\" zoom=\"true\"/>\n"
      + "  <BrushLabels name=\"label\" toName=\"image\">\n" + values.joined() + "  </BrushLabels>\n</View>\n"
    try AtomicFile.write(Data(interface.utf8), to: folder.appendingPathComponent(Self.interface))
    return [Self.file, Self.interface]
  }

  private struct Task: Encodable {
    let id: Int
    let data: [String: String]
    let annotations: [Annotation]
  }

  private struct Annotation: Encodable {
    let id: Int
    let result: [Region]
    let was_cancelled = false
    let ground_truth = false
    let completed_by = 1
  }

  private struct Region: Encodable {
    let id: String
    let type = "brushlabels"
    let value: Value
    let origin = "manual"
    let to_name = "image"
    let from_name = "label"
    let image_rotation = 0
    let original_width: Int
    let original_height: Int
  }

  private struct Value: Encodable {
    let format = "rle"
    let rle: [UInt8]
    let brushlabels: [String]
  }
}
