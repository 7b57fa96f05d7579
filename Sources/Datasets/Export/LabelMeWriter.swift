import Foundation
import Imaging
import Storage

/// Writes LabelMe: a JSON file beside each image, with a mask as PNG for each separate lesion.
struct LabelMeWriter: AnnotationWriter {
  let imageFolder = ""
  private let labels: [ExportSet.Label]

  init(_ labels: [ExportSet.Label]) { self.labels = labels }

  func add(
    _ picture: DataExport.Picture, _ regions: [(label: Int, component: MaskComponent)], to folder: URL
  ) throws {
    let image = folder.appendingPathComponent(picture.path)
    let shapes = try regions.map { label, component in
      let box = component.box
      return Shape(
        label: labels[label].name,
        points: [[box.x, box.y], [box.x + box.width - 1, box.y + box.height - 1]],
        mask: try Self.picture(of: component).pngData().base64EncodedString())
    }
    try AtomicFile.write(
      json: Document(
        shapes: shapes, imagePath: image.lastPathComponent, imageHeight: picture.height,
        imageWidth: picture.width),
      to: image.deletingPathExtension().appendingPathExtension("json"))
  }

  func finish(in folder: URL) throws -> [String] { ["*.json"] }

  /// The pixels of the box of a component: 0 and 1, as LabelMe stores them.
  private static func picture(of component: MaskComponent) throws -> Image {
    let box = component.box
    var pixels = [UInt8](repeating: 0, count: box.width * box.height)
    for (row, flips) in component.rowFlips.enumerated() {
      for place in stride(from: 0, to: flips.count - 1, by: 2) {
        let start = row * box.width - box.x
        pixels.withUnsafeMutableBufferPointer {
          $0[start + flips[place]..<start + flips[place + 1]].update(repeating: 1)
        }
      }
    }
    return try Image(width: box.width, height: box.height, channels: 1, pixels: pixels)
  }

  private struct Document: Encodable {
    let version = "5.5.0"
    let flags: [String: Bool] = [:]
    let shapes: [Shape]
    let imagePath: String
    let imageData: String? = nil
    let imageHeight: Int
    let imageWidth: Int

    enum CodingKeys: String, CodingKey {
      case version, flags, shapes, imagePath, imageData, imageHeight, imageWidth
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(version, forKey: .version)
      try container.encode(flags, forKey: .flags)
      try container.encode(shapes, forKey: .shapes)
      try container.encode(imagePath, forKey: .imagePath)
      // LabelMe needs the key.
      try container.encodeNil(forKey: .imageData)
      try container.encode(imageHeight, forKey: .imageHeight)
      try container.encode(imageWidth, forKey: .imageWidth)
    }
  }

  private struct Shape: Encodable {
    let label: String
    let points: [[Int]]
    let group_id: Int? = nil
    let description = ""
    let shape_type = "mask"
    let flags: [String: Bool] = [:]
    let mask: String

    enum CodingKeys: String, CodingKey {
      case label, points, group_id, description, shape_type, flags, mask
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(label, forKey: .label)
      try container.encode(points, forKey: .points)
      try container.encodeNil(forKey: .group_id)
      try container.encode(description, forKey: .description)
      try container.encode(shape_type, forKey: .shape_type)
      try container.encode(flags, forKey: .flags)
      try container.encode(mask, forKey: .mask)
    }
  }
}
