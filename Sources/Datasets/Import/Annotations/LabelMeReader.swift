import Foundation
import Imaging
import Storage

/// Reads LabelMe: a JSON file for each image with polygons, circles, rectangles and masks.
///
/// A polygon or rectangle has the pixels that COCO's library gives it, as in LabelMe's own conversion
/// to COCO. LabelMe's own PNG masks also have the pixels on the line.
package enum LabelMeReader: SourceReader {
  package static let name = "labelme"
  package static let summary = "LabelMe JSON: polygons, circles, rectangles, masks"
  package static let labelChoices: Set<LabelChoice> = [.values, .lesions]

  /// The most bytes of images inside JSON that a listing keeps; later ones are read again when written.
  private static let mostEmbedded = 256 << 20

  package static func recognises(_ source: URL) -> Bool {
    AnnotationFiles.look(at: source, ending: "json", where: fits)
  }

  private static func fits(_ head: String) -> Bool {
    head.contains("\"shapes\"")
      && ["\"imagePath\"", "\"shape_type\"", "\"imageData\""].contains(where: head.contains)
  }

  package static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let files = try AnnotationFiles(
      source, kind: name, ending: "json", wanted: "JSON file of LabelMe",
      besides: options.data, where: fits)
    var result = AnnotatedImages(kind: name, files: files)
    var embedded = 0
    for (index, file) in files.annotations.enumerated() {
      if index % 200 == 199 {
        options.progress?("reading annotation \(index + 1) of \(files.annotations.count)")
      }
      let document = try AnnotationFiles.json(file, as: Document.self, wanted: "JSON of LabelMe")
      let stem = DistinctStems.stem(file.lastPathComponent)
      let path = document.imagePath?.replacingOccurrences(of: "\\", with: "/")
      // The image beside the annotation comes first, then its stated path from there.
      let folder = files.relative(file.deletingLastPathComponent())
      var image = AnnotatedImage(names: [], file: file)
      if let path { image.names = folder.isEmpty ? [path] : ["\(folder)/\(path)", path] }
      if image.names.isEmpty { image.names = [stem] }
      if let width = document.imageWidth, let height = document.imageHeight { image.size = (width, height) }
      if let text = document.imageData, !text.isEmpty {
        let content = try self.content(text, of: file)
        embedded += content.count
        image.embedded =
          embedded <= mostEmbedded
          ? .content(content, of: file)
          : .frame(of: file, name: stem) { try Self.embeddedImage(of: file, limits: options.limits) }
      }
      for (number, shape) in document.shapes.enumerated() {
        do {
          guard let form = try form(shape) else {
            image.others.append(shape.label)
            continue
          }
          image.shapes.append(LabelledShape(label: shape.label, form: form))
        } catch let error as Fault {
          throw ImportError.malformed(file, reason: "shape \(number + 1) (\(shape.label)): \(error.reason)")
        } catch let error as RunLengthError {
          throw ImportError.malformed(file, reason: "shape \(number + 1) (\(shape.label)): \(error)")
        } catch let error as ImagingError {
          throw ImportError.malformed(file, reason: "shape \(number + 1) (\(shape.label)): \(error)")
        }
      }
      result.images.append(image)
    }
    return try result.listing(options)
  }

  private struct Fault: Error {
    let reason: String
  }

  private static func content(_ text: String, of file: URL) throws -> Data {
    guard let content = Data(base64Encoded: text, options: .ignoreUnknownCharacters), !content.isEmpty else {
      throw ImportError.malformed(file, reason: "imageData is not base64; save the file again in LabelMe")
    }
    return content
  }

  private static func embeddedImage(of file: URL, limits: ImageLimits) throws -> Image {
    let document = try AnnotationFiles.json(file, as: Document.self, wanted: "JSON of LabelMe")
    let content = try content(document.imageData ?? "", of: file)
    return try ImageFile.decode(Array(content), file: file.path, limits: limits)
  }

  /// The form of a shape; nil for one that is no mask, such as a line.
  private static func form(_ shape: Shape) throws -> LabelledShape.Form? {
    let kind = shape.shape_type ?? "polygon"
    guard ["polygon", "circle", "rectangle", "mask"].contains(kind) else { return nil }
    let points = try shape.points.map { numbers in
      guard numbers.count == 2, numbers.allSatisfy({ abs($0) <= PolygonColumns.farthest }) else {
        throw Fault(reason: "a point is not [x, y] near the image")
      }
      return LabelledShape.Point(numbers[0], numbers[1])
    }
    guard kind == "polygon" ? points.count >= 3 : points.count >= 2 else {
      throw Fault(reason: "a \(kind) of \(counted(points.count, "point")); draw it again")
    }
    switch kind {
    case "polygon": return .polygon([points])
    case "circle":
      let radius =
        ((points[1].x - points[0].x) * (points[1].x - points[0].x)
        + (points[1].y - points[0].y) * (points[1].y - points[0].y)).squareRoot()
      return .ellipse(centre: points[0], radiusX: radius, radiusY: radius, degrees: 0)
    case "rectangle" where points.count > 2: return .polygon([points])
    case "rectangle":
      let (first, second) = (points[0], points[1])
      return .polygon([[first, .init(second.x, first.y), second, .init(first.x, second.y)]])
    default: return try mask(shape.mask, at: points[0])
    }
  }

  /// A mask of a box as a PNG in base64; any value but 0 is foreground.
  private static func mask(_ text: String?, at corner: LabelledShape.Point) throws -> LabelledShape.Form {
    guard let text, let content = Data(base64Encoded: text, options: .ignoreUnknownCharacters),
      !content.isEmpty
    else { throw Fault(reason: "its mask is not a PNG in base64; draw it again") }
    let mask = try MaskFile.decode(Array(content), file: "the PNG of its mask", as: .indices)
    let (columns, rows) = mask.foregroundRuns()
    let runs = (0..<mask.height).flatMap { row in
      stride(from: rows[row], to: rows[row + 1], by: 2).map { at in
        row * mask.width + Int(columns[at])..<row * mask.width + Int(columns[at + 1])
      }
    }
    return .runs(
      try RunLengths(
        x: Int(corner.x.rounded()), y: Int(corner.y.rounded()), width: mask.width, height: mask.height,
        order: .rows, runs: runs))
  }

  private struct Document: Decodable {
    let shapes: [Shape]
    let imagePath: String?
    let imageData: String?
    let imageWidth: Int?
    let imageHeight: Int?
  }

  private struct Shape: Decodable {
    let label: String
    let points: [[Double]]
    let shape_type: String?
    let mask: String?
  }
}
