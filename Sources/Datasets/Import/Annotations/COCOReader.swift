import Foundation
import Storage

/// Reads COCO's instances: polygons, run lengths and compressed run lengths.
///
/// A polygon of several rings is the union of the rings, as in COCO's own library: it has no holes.
/// Regions of crowds are masks like others.
package enum COCOReader: SourceReader {
  package static let name = "coco"
  package static let summary = "COCO JSON: polygons, RLE, compressed RLE"
  package static let labelChoices: Set<LabelChoice> = [.values, .lesions]

  package static func recognises(_ source: URL) -> Bool {
    AnnotationFiles.look(at: source, ending: "json", where: fits)
  }

  private static func fits(_ head: String) -> Bool {
    head.contains("{") && !head.drop(while: \.isWhitespace).hasPrefix("[")
      && (head.contains("\"images\"") && head.contains("\"file_name\"")
        || head.contains("\"segmentation\"") && head.contains("\"image_id\"")
        || head.contains("\"categories\"") && head.contains("\"supercategory\""))
  }

  package static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    var files = try AnnotationFiles(
      source, kind: name, ending: "json", wanted: "JSON file with images and annotations",
      besides: options.data, where: fits)
    // COCO's own folders also hold captions, key points and panoptic maps of the same images.
    let instances = files.annotations.filter { $0.lastPathComponent.lowercased().hasPrefix("instances") }
    let chosen = Set(instances)
    let others = instances.isEmpty ? [] : files.annotations.filter { !chosen.contains($0) }
    if !instances.isEmpty { files.annotations = instances }
    var result = AnnotatedImages(kind: name, files: files)
    result.leftOut = others.map {
      .init(
        file: files.relative($0), reason: "the files instances… have the masks; give this one to read it")
    }
    var thin = 0
    for file in files.annotations {
      options.progress?("reading \(files.relative(file))")
      try read(file, into: &result, &thin)
    }
    if thin > 0 {
      result.notes.append(
        "Without an area, so not drawn: \(counted(thin, "polygon")) of fewer than three points.")
    }
    return try result.listing(options)
  }

  private static func read(_ file: URL, into result: inout AnnotatedImages, _ thin: inout Int) throws {
    let document = try AnnotationFiles.json(
      file, as: Document.self, wanted: "COCO JSON with images, annotations and categories")
    func malformed(_ reason: String) -> ImportError { .malformed(file, reason: reason) }
    var names: [AnnotationID: String] = [:]
    for category in document.categories ?? [] {
      guard names.updateValue(category.name, forKey: category.id) == nil else {
        throw malformed("two categories have the id \(category.id); give each its own")
      }
      result.declare(category.name, value: Int(category.id.description))
    }
    var images = document.images.map { image in
      AnnotatedImage(
        names: [image.file_name], file: file,
        size: image.width.flatMap { width in image.height.map { (width, $0) } })
    }
    var places: [AnnotationID: Int] = [:]
    for (place, image) in document.images.enumerated() {
      guard places.updateValue(place, forKey: image.id) == nil else {
        throw malformed("two images have the id \(image.id); give each its own")
      }
    }
    for (index, annotation) in document.annotations.enumerated() {
      let place = "annotation \(annotation.id?.description ?? "\(index + 1)")"
      guard let image = places[annotation.image_id] else {
        throw malformed("\(place) names the image \(annotation.image_id), which is not among the images")
      }
      guard let label = names[annotation.category_id] else {
        throw malformed(
          "\(place) names the category \(annotation.category_id), which is not among the categories")
      }
      let forms: [LabelledShape.Form]
      do {
        forms = try self.forms(annotation.segmentation, size: images[image].size, &thin)
      } catch let error as Fault {
        throw malformed("\(place): \(error.reason)")
      } catch let error as RunLengthError {
        throw malformed("\(place): \(error); correct it, or export it again")
      }
      images[image].shapes += forms.map { LabelledShape(label: label, form: $0) }
      if forms.isEmpty { images[image].others.append(label) }
    }
    result.images += images
  }

  private struct Fault: Error {
    let reason: String
  }

  /// The forms of an annotation; none for a box without a mask.
  private static func forms(
    _ segmentation: Segmentation?, size: (width: Int, height: Int)?, _ thin: inout Int
  ) throws -> [LabelledShape.Form] {
    switch segmentation {
    case nil: return []
    case .polygons(let rings):
      return try rings.compactMap { ring in
        guard ring.count % 2 == 0 else { throw Fault(reason: "a polygon has an odd number of coordinates") }
        guard ring.count >= 6 else {
          thin += 1
          return nil
        }
        let points = try stride(from: 0, to: ring.count, by: 2).map { at in
          guard abs(ring[at]) <= PolygonColumns.farthest, abs(ring[at + 1]) <= PolygonColumns.farthest else {
            throw Fault(
              reason: "a polygon has the point (\(ring[at]), \(ring[at + 1])), far outside the image")
          }
          return LabelledShape.Point(ring[at], ring[at + 1])
        }
        return .polygon([points])
      }
    case .runs(let runs):
      guard runs.size.count == 2 else {
        throw Fault(reason: "the size of its run lengths is not [height, width]")
      }
      let (height, width) = (runs.size[0], runs.size[1])
      if let size, size != (width, height) {
        throw Fault(
          reason:
            "its run lengths are of \(width) × \(height) pixels, "
            + "the image of \(size.width) × \(size.height)")
      }
      switch runs.counts {
      case .text(let text): return [.runs(try RunLengths(cocoText: text, width: width, height: height))]
      case .numbers(let counts):
        return [.runs(try RunLengths(cocoCounts: counts, width: width, height: height))]
      }
    }
  }
}

extension COCOReader {
  private struct Document: Decodable {
    let images: [Image]
    let annotations: [Annotation]
    let categories: [Category]?
  }

  private struct Image: Decodable {
    let id: AnnotationID
    let file_name: String
    let width: Int?
    let height: Int?
  }

  private struct Category: Decodable {
    let id: AnnotationID
    let name: String
  }

  private struct Annotation: Decodable {
    let id: AnnotationID?
    let image_id: AnnotationID
    let category_id: AnnotationID
    let segmentation: Segmentation?
  }

  private enum Segmentation: Decodable {
    case polygons([[Double]])
    case runs(Runs)

    init(from decoder: any Decoder) throws {
      if let rings = try? decoder.singleValueContainer().decode([[Double]].self) {
        self = .polygons(rings)
      } else if let ring = try? decoder.singleValueContainer().decode([Double].self) {
        self = .polygons([ring])
      } else {
        self = .runs(try Runs(from: decoder))
      }
    }
  }

  private struct Runs: Decodable {
    let size: [Int]
    let counts: Counts
  }

  private enum Counts: Decodable {
    case text(String)
    case numbers([Int])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        self = .text(text)
      } else {
        self = .numbers(try container.decode([Int].self))
      }
    }
  }
}
