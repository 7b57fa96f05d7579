import Foundation
import Storage

/// Reads JSON of Label Studio: brushes, polygons, rectangles and ellipses.
///
/// Brushes are in pixels. The others are in percent of the image and have the pixels that COCO's
/// library gives them, as in Label Studio's own conversion to COCO; ellipses are drawn by the middles
/// of pixels.
package enum LabelStudioReader: SourceReader {
  package static let name = "label-studio"
  package static let summary = "Label Studio JSON: brushes, polygons, rectangles, ellipses"
  package static let labelChoices: Set<LabelChoice> = [.values, .lesions]

  package static func recognises(_ source: URL) -> Bool {
    AnnotationFiles.look(at: source, ending: "json", where: fits)
  }

  private static func fits(_ head: String) -> Bool {
    head.drop(while: \.isWhitespace).hasPrefix("[")
      && (head.contains("\"annotations\"") || head.contains("\"completions\"") || head.contains("\"result\""))
      && (head.contains("\"data\"") || head.contains("\"original_width\"") || head.contains("\"from_name\""))
  }

  package static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let files = try AnnotationFiles(
      source, kind: name, ending: "json", wanted: "JSON export of Label Studio",
      besides: options.data, where: fits)
    var result = AnnotatedImages(kind: name, files: files)
    var (several, rectangles) = (0, 0)
    for file in files.annotations {
      options.progress?("reading \(files.relative(file))")
      let tasks = try AnnotationFiles.json(
        file, as: [Task].self, wanted: "a JSON export of Label Studio (choose JSON, not JSON-MIN)")
      for (index, task) in tasks.enumerated() {
        let place = "task \(task.id?.description ?? "\(index + 1)")"
        guard let address = task.address else {
          throw ImportError.malformed(file, reason: "\(place) names no image in its data")
        }
        let names = names(address)
        let done = (task.annotations ?? task.completions ?? []).filter { $0.was_cancelled != true }
        guard let annotation = done.last(where: { $0.ground_truth == true }) ?? done.last else {
          result.leftOut.append(
            .init(
              file: names.first ?? address, reason: "\(place) has no annotation; submit one in Label Studio"))
          continue
        }
        if done.count > 1 { several += 1 }
        var image = AnnotatedImage(names: names, file: file)
        do {
          if let reason = try read(annotation.result ?? [], into: &image, &rectangles) {
            result.leftOut.append(.init(file: names.first ?? address, reason: reason))
            continue
          }
        } catch let error as Fault {
          throw ImportError.malformed(file, reason: "\(place): \(error.reason)")
        } catch let error as RunLengthError {
          throw ImportError.malformed(file, reason: "\(place): a brush: \(error); export it again")
        }
        result.images.append(image)
      }
    }
    if several > 0 {
      result.notes.append(
        "Of \(counted(several, "task")) with several annotations the last one marked as ground truth, "
          + "or else the last one, is taken.")
    }
    if rectangles > 0 { result.notes.append("Drawn as masks: \(counted(rectangles, "rectangle")).") }
    return try result.listing(options)
  }

  private struct Fault: Error {
    let reason: String
  }

  /// Reads the regions of an annotation.
  ///
  /// - Returns: why the image is left out; nil if it is not.
  private static func read(
    _ regions: [Region], into image: inout AnnotatedImage, _ rectangles: inout Int
  ) throws -> String? {
    // A label may stand in a region of its own with the same id.
    var labels: [String: String] = [:]
    for region in regions { if let id = region.id, let label = region.value?.label { labels[id] = label } }
    var seen: Set<String> = []
    for region in regions {
      guard let value = region.value else { continue }
      guard value.isMask else {
        if value.width != nil { image.others.append(value.label ?? "unlabelled") }
        continue
      }
      if (region.image_rotation ?? 0) != 0 {
        return
          "it was turned by \(region.image_rotation ?? 0) degrees in Label Studio, which is not read; turn "
          + "it back there, or turn the image file"
      }
      let label = value.label ?? region.id.flatMap { labels[$0] } ?? "unlabelled"
      // The same region comes once with its label and once without.
      let kind = value.rle != nil ? "brush" : value.points != nil ? "polygon" : "box"
      if let id = region.id, !seen.insert("\(id) \(kind)").inserted { continue }
      guard let width = region.original_width, let height = region.original_height, width > 0, height > 0
      else {
        throw Fault(reason: "a region has no original_width and original_height")
      }
      if let size = image.size, size != (width, height) {
        throw Fault(reason: "its regions are of images of different sizes")
      }
      image.size = (width, height)
      if value.radiusX == nil, value.rle == nil, value.points == nil { rectangles += 1 }
      image.shapes.append(LabelledShape(label: label, form: try form(value, width: width, height: height)))
    }
    return nil
  }

  private static func form(_ value: Value, width: Int, height: Int) throws -> LabelledShape.Form {
    func point(_ x: Double, _ y: Double) throws -> LabelledShape.Point {
      let point = LabelledShape.Point(x / 100 * Double(width), y / 100 * Double(height))
      guard abs(point.x) <= PolygonColumns.farthest, abs(point.y) <= PolygonColumns.farthest else {
        throw Fault(reason: "a region has the point (\(x), \(y)), which is no place in percent")
      }
      return point
    }
    if let rle = value.rle {
      let bytes = rle.compactMap { UInt8(exactly: $0) }
      guard bytes.count == rle.count else { throw Fault(reason: "a brush has values that are no bytes") }
      return .runs(try RunLengths(brush: bytes, width: width, height: height))
    }
    if let points = value.points {
      guard points.count >= 3, points.allSatisfy({ $0.count == 2 }) else {
        throw Fault(reason: "a polygon has fewer than three points [x, y]")
      }
      return .polygon([try points.map { try point($0[0], $0[1]) }])
    }
    guard let x = value.x, let y = value.y else { throw Fault(reason: "a region has no x and y") }
    let degrees = value.rotation ?? 0
    guard abs(degrees) <= 1e6 else { throw Fault(reason: "a region is turned by \(degrees) degrees") }
    if let radiusX = value.radiusX, let radiusY = value.radiusY {
      let radius = try point(radiusX, radiusY)
      guard radius.x >= 0, radius.y >= 0 else { throw Fault(reason: "an ellipse has a radius below 0") }
      return .ellipse(centre: try point(x, y), radiusX: radius.x, radiusY: radius.y, degrees: degrees)
    }
    guard let boxWidth = value.width, let boxHeight = value.height else {
      throw Fault(reason: "a rectangle has no width and height")
    }
    // A rectangle turns about its top left corner.
    let (corner, size) = (try point(x, y), try point(boxWidth, boxHeight))
    let angle = degrees * .pi / 180
    let (sine, cosine) = degrees == 0 ? (0, 1) : (sin(angle), cos(angle))
    return .polygon([
      [(0, 0), (size.x, 0), (size.x, size.y), (0, size.y)].map { across, down in
        .init(corner.x + across * cosine - down * sine, corner.y + across * sine + down * cosine)
      }
    ])
  }

  /// The names under which the image of an address may be stored.
  ///
  /// An upload has eight characters and a hyphen before its own name; a local file is a parameter.
  private static func names(_ address: String) -> [String] {
    var path = address
    if let local = path.range(of: "?d=") {
      path = String(path[local.upperBound...])
    } else if let parameters = path.firstIndex(where: { $0 == "?" || $0 == "#" }), path.contains("://") {
      path = String(path[..<parameters])
    }
    path = path.removingPercentEncoding ?? path
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let plain = name.dropFirst(9)
    let isUpload =
      name.count > 9 && name.prefix(8).allSatisfy(\.isHexDigit) && name.dropFirst(8).first == "-"
    return [path] + (isUpload ? [String(plain)] : [])
  }
}

extension LabelStudioReader {
  private struct Task: Decodable {
    let id: AnnotationID?
    let data: [String: JSONValue]
    let annotations: [Annotation]?
    let completions: [Annotation]?

    /// The address of the image: `image`, or the first value that names an image file.
    var address: String? {
      func text(_ value: JSONValue?) -> String? { if case .string(let text)? = value { text } else { nil } }
      if let image = text(data["image"]) { return image }
      return data.sorted { $0.key < $1.key }.lazy.compactMap { text($0.value) }.first { value in
        ImageFolder.isImage(value) || value.hasPrefix("/data/") || value.contains("://")
      }
    }
  }

  private struct Annotation: Decodable {
    let result: [Region]?
    let was_cancelled: Bool?
    let ground_truth: Bool?
  }

  private struct Region: Decodable {
    let id: String?
    let value: Value?
    let original_width: Int?
    let original_height: Int?
    let image_rotation: Double?
  }

  private struct Value: Decodable {
    let rle: [Int]?
    let points: [[Double]]?
    let x: Double?
    let y: Double?
    let width: Double?
    let height: Double?
    let radiusX: Double?
    let radiusY: Double?
    let rotation: Double?
    let brushlabels: [String]?
    let polygonlabels: [String]?
    let rectanglelabels: [String]?
    let ellipselabels: [String]?
    let labels: [String]?

    /// Whether it is an area; a point has a width alone, and a text has nothing of this.
    var isMask: Bool { rle != nil || points != nil || radiusX != nil || width != nil && height != nil }

    /// The first label; nil if the region states none.
    var label: String? {
      (brushlabels ?? polygonlabels ?? rectanglelabels ?? ellipselabels ?? labels)?.first
    }
  }
}
