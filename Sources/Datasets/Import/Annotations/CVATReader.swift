import Foundation
import Storage

/// Reads `CVAT for images 1.1`: polygons, masks and ellipses.
///
/// Boxes, lines, points, skeletons and tags are named as no masks. A track of a video has shapes at
/// key frames only, so `CVAT for video 1.1` is refused with the export to choose.
package enum CVATReader: SourceReader {
  package static let name = "cvat"
  package static let summary = "CVAT for images 1.1, XML: polygons, masks, ellipses"
  package static let labelChoices: Set<LabelChoice> = [.values, .lesions]

  package static func recognises(_ source: URL) -> Bool {
    AnnotationFiles.look(at: source, ending: "xml", where: fits)
  }

  private static func fits(_ head: String) -> Bool {
    head.contains("<annotations")
      && ["<version", "<meta", "<image ", "<track "].contains(where: head.contains)
  }

  package static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let files = try AnnotationFiles(
      source, kind: name, ending: "xml", wanted: "XML file of CVAT for images 1.1",
      besides: options.data, where: fits)
    var result = AnnotatedImages(kind: name, files: files)
    for file in files.annotations {
      options.progress?("reading \(files.relative(file))")
      let document = CVATDocument(file)
      try SafeXML.parse(file, document)
      for label in document.labels { result.declare(label) }
      result.images += document.images
    }
    return try result.listing(options)
  }
}

/// Collects the images of a file of CVAT.
private final class CVATDocument: SafeXML.Handler {
  private let file: URL
  /// The declared labels, in order.
  private(set) var labels: [String] = []
  /// The images.
  private(set) var images: [AnnotatedImage] = []
  private var image: AnnotatedImage?
  /// The shapes of the image with the layer in which they lie.
  private var layers: [(layer: Int, shape: LabelledShape)] = []

  private static let others: Set<String> = [
    "box", "polyline", "points", "cuboid", "skeleton", "tag",
  ]

  init(_ file: URL) { self.file = file }

  private func malformed(_ reason: String) -> ImportError {
    .malformed(file, reason: (image.map { "image \($0.names[0]): " } ?? "") + reason)
  }

  func start(_ path: [String], _ attributes: [String: String]) throws {
    guard let element = path.last else { return }
    if path.count == 1, element != "annotations" {
      throw malformed("its first element is <\(element)>; give annotations of CVAT for images 1.1")
    }
    if path.count == 2, element == "track" {
      throw malformed(
        "holds tracks of an interpolated video (CVAT for video 1.1), which have shapes at key frames only; "
          + "export the task as CVAT for images 1.1, which has the shapes of each frame")
    }
    if path.count == 2, element == "image" {
      guard let name = attributes["name"], !name.isEmpty else { throw malformed("an <image> has no name") }
      image = AnnotatedImage(names: [name], file: file)
      if attributes["width"] != nil || attributes["height"] != nil {
        // An error names the image, so it is read before it is changed.
        let size = (try integer("width", attributes), try integer("height", attributes))
        image?.size = size
      }
      return
    }
    guard path.count == 3, path[1] == "image" else { return }
    try addShape(element, attributes)
  }

  func end(_ path: [String], _ text: String) throws {
    if path.suffix(3) == ["labels", "label", "name"] {
      let name = text.trimmingCharacters(in: .whitespacesAndNewlines)
      if !name.isEmpty { labels.append(name) }
    }
    guard path.count == 2, path[1] == "image", var done = image else { return }
    // Sorting by place as well keeps the order of shapes in one layer.
    done.shapes = layers.enumerated().sorted { ($0.element.layer, $0.offset) < ($1.element.layer, $1.offset) }
      .map(\.element.shape)
    images.append(done)
    (image, layers) = (nil, [])
  }

  private func addShape(_ element: String, _ attributes: [String: String]) throws {
    let isMask = ["polygon", "mask", "ellipse"].contains(element)
    guard isMask || Self.others.contains(element), attributes["outside"] != "1" else { return }
    guard let label = attributes["label"] else { throw malformed("a <\(element)> has no label") }
    guard isMask else {
      image?.others.append(label)
      return
    }
    let form: LabelledShape.Form
    switch element {
    case "polygon": form = .polygon([try points(attributes)])
    case "mask": form = .runs(try mask(attributes))
    default:
      form = .ellipse(
        centre: .init(try number("cx", attributes), try number("cy", attributes)),
        radiusX: try radius("rx", attributes), radiusY: try radius("ry", attributes),
        degrees: attributes["rotation"] == nil ? 0 : try number("rotation", attributes))
    }
    let layer = attributes["z_order"] == nil ? 0 : try integer("z_order", attributes)
    layers.append((layer, LabelledShape(label: label, form: form)))
  }

  private func points(_ attributes: [String: String]) throws -> [LabelledShape.Point] {
    let points = try (attributes["points"] ?? "").split(separator: ";").map { pair in
      let numbers = pair.split(separator: ",").compactMap { Self.coordinate($0) }
      guard numbers.count == 2 else {
        throw malformed("a <polygon> has the point \"\(pair.prefix(40))\"; points are x,y;x,y;…")
      }
      return LabelledShape.Point(numbers[0], numbers[1])
    }
    guard points.count >= 3 else { throw malformed("a <polygon> has \(points.count) points; it needs three") }
    return points
  }

  private func mask(_ attributes: [String: String]) throws -> RunLengths {
    let lengths = try (attributes["rle"] ?? "").split(separator: ",").map { word in
      guard let length = Int(word.trimmingCharacters(in: .whitespaces)) else {
        throw malformed("a <mask> has the run length \"\(word.prefix(40))\"; lengths are whole numbers")
      }
      return length
    }
    do {
      return try RunLengths(
        x: try integer("left", attributes), y: try integer("top", attributes),
        width: try integer("width", attributes), height: try integer("height", attributes), counts: lengths,
        order: .rows)
    } catch let error as RunLengthError {
      throw malformed("a <mask>: \(error); export the task again")
    }
  }

  private static func coordinate(_ text: some StringProtocol) -> Double? {
    Double(text.trimmingCharacters(in: .whitespaces)).flatMap {
      abs($0) <= PolygonColumns.farthest ? $0 : nil
    }
  }

  private func number(_ key: String, _ attributes: [String: String]) throws -> Double {
    guard let value = attributes[key].flatMap({ Self.coordinate($0) }) else {
      throw malformed(
        "\(key) is \"\((attributes[key] ?? "missing").prefix(40))\"; a number of pixels is needed")
    }
    return value
  }

  private func radius(_ key: String, _ attributes: [String: String]) throws -> Double {
    let value = try number(key, attributes)
    guard value >= 0 else { throw malformed("\(key) is \(value); a radius is not below 0") }
    return value
  }

  private func integer(_ key: String, _ attributes: [String: String]) throws -> Int {
    guard let value = attributes[key].flatMap({ Int($0.trimmingCharacters(in: .whitespaces)) }) else {
      throw malformed("\(key) is \"\((attributes[key] ?? "missing").prefix(40))\"; a whole number is needed")
    }
    return value
  }
}
