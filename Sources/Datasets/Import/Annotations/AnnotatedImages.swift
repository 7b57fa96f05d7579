import Foundation
import Imaging
import Storage

/// An image of an annotation file before it is found on disk.
struct AnnotatedImage {
  /// The names under which it may be stored, the best first.
  var names: [String]
  /// The annotation file.
  var file: URL
  /// The size at which it was annotated; nil if the file does not say.
  var size: (width: Int, height: Int)?
  /// The shapes that are masks, in the order in which they are drawn.
  var shapes: [LabelledShape] = []
  /// The labels of shapes that are no masks, such as boxes.
  var others: [String] = []
  /// The image inside the annotation file; nil if there is none.
  var embedded: ImportItem.Picture?
}

/// Makes a listing of the images of annotation files.
struct AnnotatedImages {
  /// The kind, for messages.
  let kind: String
  let files: AnnotationFiles
  /// The labels that the files declare, with their values where they have some; in order.
  private(set) var declared: [(name: String, value: Int?)] = []
  private var declaredNames: Set<String> = []
  /// The images.
  var images: [AnnotatedImage] = []
  /// Facts for the user.
  var notes: [String] = []
  /// Files and images that are left out.
  var leftOut: [ImportListing.LeftOut] = []

  init(kind: String, files: AnnotationFiles) { (self.kind, self.files) = (kind, files) }

  /// Adds a label that a file declares; the first value counts.
  mutating func declare(_ name: String, value: Int? = nil) {
    if declaredNames.insert(name).inserted { declared.append((name, value)) }
  }

  /// Returns the listing.
  ///
  /// - Parameter options: the choices of the user.
  /// - Returns: the listing.
  /// - Throws: `ImportError` for labels that do not exist, and if no image is left.
  func listing(_ options: ImportOptions) throws -> ImportListing {
    var listing = ImportListing()
    let chosen: Set<String>
    let drawn = Set(images.flatMap { $0.shapes.map(\.label) })
    (listing.labels, chosen) = try ShapeLabels(
      declared: declared, names: names, drawn: drawn, source: files.source
    ).chosen(options)
    listing.notes = notes + labelNotes(listing.labels, chosen)
    listing.leftOut =
      leftOut + files.strangers.map { .init(file: $0, reason: "it does not look like a file of \(kind)") }
    var found: [(path: String, image: AnnotatedImage)] = []
    var taken: [String: URL] = [:]
    for image in images {
      let name = image.names.first ?? ""
      switch files.image(image.names) {
      case .failure(let fault) where image.embedded == nil:
        listing.leftOut.append(.init(file: name, reason: fault.reason))
      case .failure: found.append((files.relative(image.file), image))
      case .success(let path):
        if let first = taken.updateValue(image.file, forKey: path) {
          listing.leftOut.append(
            .init(
              file: path,
              reason: "\(files.relative(image.file)) names it again, after \(files.relative(first))"))
        } else if let fault = sizeFault(of: files.root.appendingPathComponent(path), image) {
          listing.leftOut.append(.init(file: path, reason: fault))
        } else {
          var image = image
          image.embedded = .file(files.root.appendingPathComponent(path))
          found.append((path, image))
        }
      }
    }
    // The folder of all images adds nothing to a name.
    let paths = found.map { $0.path.hasPrefix("images/") ? String($0.path.dropFirst(7)) : $0.path }
    var stems = DistinctStems(paths)
    listing.items = zip(paths, found).compactMap { path, found in
      let image = found.image
      return image.embedded.map {
        ImportItem(stem: stems.next(path), image: $0, mask: mask(of: image, chosen))
      }
    }
    // An image that nobody has annotated yet looks the same.
    let empty = listing.items.count { if case .empty = $0.mask { true } else { false } }
    if empty > 0 {
      listing.notes.append("Without a shape that is drawn, so without a lesion: \(counted(empty, "image")).")
    }
    guard !listing.items.isEmpty else {
      let reason = listing.leftOut.first.map { "\($0.file): \($0.reason)" } ?? "it names no image"
      throw ImportError.nothing(files.source, kind: kind, reason: reason)
    }
    return listing
  }

  private func mask(of image: AnnotatedImage, _ chosen: Set<String>) -> ImportItem.Mask {
    let shapes = image.shapes.filter { chosen.contains($0.label) }
    if !shapes.isEmpty { return .shapes(shapes, source: image.file) }
    return image.others.contains(where: chosen.contains) ? .missing : .empty
  }

  /// Returns why an image does not fit its annotation; nil if it does.
  private func sizeFault(of url: URL, _ image: AnnotatedImage) -> String? {
    guard let size = image.size, let actual = try? ImageFile.size(url),
      (actual.width, actual.height) != (size.width, size.height)
    else { return nil }
    return
      "it has \(actual.width)×\(actual.height) pixels and was annotated at \(size.width)×\(size.height); "
      + "take the image that was annotated"
  }

  /// The names of all labels, in order: declared ones, then others by name.
  private var names: [String] {
    let used = Set(images.flatMap { $0.shapes.map(\.label) + $0.others })
    var seen: Set<String> = []
    return (declared.map(\.name) + used.sorted()).filter { seen.insert($0).inserted }
  }

  private func labelNotes(_ values: [String: Int], _ chosen: Set<String>) -> [String] {
    let counts = Dictionary(images.flatMap(\.shapes).map { ($0.label, 1) }, uniquingKeysWith: +)
    let boxes = Dictionary(images.flatMap(\.others).map { ($0, 1) }, uniquingKeysWith: +)
    var notes: [String] = []
    if let note = ShapeLabels.note(values) { notes.append(note) }
    let ignored = counts.keys.filter { !chosen.contains($0) }.sorted()
    if !ignored.isEmpty {
      let list = ignored.map { "\($0) (\(counted(counts[$0] ?? 0, "shape")))" }
      notes.append("Labels that are not drawn: \(list.joined(separator: ", ")).")
    }
    let total = boxes.values.reduce(0, +)
    if total > 0 {
      notes.append(
        "No masks, so not drawn: "
          + counted(total, "box, line, point or tag", "boxes, lines, points or tags") + " of "
          + boxes.keys.sorted().joined(separator: ", ") + "; an image that has nothing else has no mask.")
    }
    return notes
  }
}
