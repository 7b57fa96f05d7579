import Foundation
import Imaging
import Storage

/// Writes `CVAT for images 1.1`: a mask for each separate lesion, as run lengths of its box.
struct CVATWriter: AnnotationWriter {
  let imageFolder = "images"
  private static let file = "annotations.xml"
  private let labels: [ExportSet.Label]
  private var text: String
  private var count = 0

  init(_ labels: [ExportSet.Label], count: Int) {
    self.labels = labels
    let names = labels.map {
      "        <label>\n          <name>\(Self.escaped($0.name))</name>\n          <type>mask</type>\n"
        + "          <attributes>\n          </attributes>\n        </label>\n"
    }
    text =
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n  <version>1.1</version>\n"
      + "  <meta>\n    <task>\n"
      + "      <name>mcdrl</name>\n      <size>\(count)</size>\n      <mode>annotation</mode>\n"
      + "      <labels>\n" + names.joined() + "      </labels>\n    </task>\n  </meta>\n"
  }

  mutating func add(
    _ picture: DataExport.Picture, _ regions: [(label: Int, component: MaskComponent)], to folder: URL
  ) throws {
    text +=
      "  <image id=\"\(count)\" name=\"\(Self.escaped(picture.path))\" width=\"\(picture.width)\" "
      + "height=\"\(picture.height)\">\n"
    count += 1
    for (label, component) in regions {
      let runs = try RunLengths(rowsOf: component)
      text +=
        "    <mask label=\"\(Self.escaped(labels[label].name))\" source=\"file\" occluded=\"0\" "
        + "rle=\"\(runs.counts.map(String.init).joined(separator: ", "))\" "
        + "left=\"\(runs.x)\" top=\"\(runs.y)\" "
        + "width=\"\(runs.width)\" height=\"\(runs.height)\" z_order=\"0\">\n    </mask>\n"
    }
    text += "  </image>\n"
  }

  func finish(in folder: URL) throws -> [String] {
    try AtomicFile.write(
      Data((text + "</annotations>\n").utf8), to: folder.appendingPathComponent(Self.file))
    return [Self.file]
  }

  /// Escapes a text for an attribute or an element; characters that XML does not allow become `_`.
  static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "\u{FFFE}", "\u{FFFF}": escaped += "_"
      case _ where scalar.value < 0x20: escaped += "_"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
