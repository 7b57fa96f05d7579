import Foundation
import Imaging

extension HostileInput {
  /// Annotation files that are imported.
  static let annotations: [HostileInput] = [
    annotation("COCO nested 1,000,000 deep", "coco", "x.json", refused: "x.json") {
      repeated("[", 1_000_000)
    },
    annotation(
      "COCO with a polygon of 4,000 points across 8,000 columns", "coco", "x.json",
      refused: "columns of pixels",
      width: 8000
    ) {
      let points = (0..<4000).map { "\($0 % 2 * 8000),\($0 % 9)" }.joined(separator: ",")
      return Data(coco(segmentation: "[[\(points)]]", width: 8000).utf8)
    },
    annotation("COCO with run lengths of 2³² × 2³² pixels", "coco", "x.json", refused: "cannot be read") {
      Data(coco(segmentation: "{\"size\": [4294967296, 4294967296], \"counts\": \"1\"}", width: nil).utf8)
    },
    annotation("XML of CVAT whose entities grow to 10⁹ texts", "cvat", "x.xml", refused: "document type") {
      let entities = (1...9).map { level in
        "<!ENTITY e\(level) \"" + String(repeating: "&e\(level - 1);", count: 10) + "\">"
      }
      return Data(
        ("<!DOCTYPE a [<!ENTITY e0 \"x\">" + entities.joined() + "]><annotations>&e9;</annotations>").utf8)
    },
    annotation("XML of CVAT nested 1,000,000 deep", "cvat", "x.xml", refused: "nested more than 64") {
      Data("<annotations>".utf8) + repeated("<a>", 1_000_000)
    },
    annotation("XML of CVAT with a mask of 2²⁴ rows over a picture of 8", "cvat", "x.xml", refused: nil) {
      Data(
        ("<annotations><image id=\"0\" name=\"x.png\" width=\"8\" height=\"8\"><mask label=\"a\" "
          + "rle=\"0,16777216\" left=\"0\" top=\"-9\" width=\"1\" height=\"16777216\"/></image>"
          + "</annotations>").utf8)
    },
  ]

  private static func coco(segmentation: String, width: Int?) -> String {
    let size = width.map { ", \"width\": \($0), \"height\": 8" } ?? ""
    return "{\"images\": [{\"id\": 1, \"file_name\": \"x.png\"\(size)}], "
      + "\"categories\": [{\"id\": 1, \"name\": \"a\"}], \"annotations\": [{\"id\": 1, \"image_id\": 1, "
      + "\"category_id\": 1, \"segmentation\": \(segmentation)}]}"
  }

  /// An annotation file beside a picture of 8 rows.
  private static func annotation(
    _ row: String, _ kind: String, _ name: String, refused: String?, width: Int = 8,
    _ content: @escaping @Sendable () -> Data
  ) -> HostileInput {
    HostileInput(row, refused: refused) { folder in
      let picture = try Image(
        width: width, height: 8, channels: 1, pixels: [UInt8](repeating: 90, count: width * 8))
      try ImageFile.writePNG(picture, to: folder.appendingPathComponent("x.png"))
      try content().write(to: folder.appendingPathComponent(name))
      return [
        "data", "import", kind, folder.appendingPathComponent(name).path, "--site", "s", "--out",
        folder.appendingPathComponent("data").path,
      ]
    }
  }
}
