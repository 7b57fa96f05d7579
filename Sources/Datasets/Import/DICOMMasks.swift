import Foundation
import Imaging

/// The masks of the segmentation objects of an import.
///
/// A segmentation may leave out frames in which its segments are empty. So if an image has a mask in
/// one frame, its other frames have no lesion.
struct DICOMMasks {
  /// The segmentations, in the order of their files.
  private var segmentations: [Segmentation] = []

  /// A segmentation object.
  private struct Segmentation {
    let url: URL
    let path: String
    let size: (width: Int, height: Int)
    /// The shapes by the UID of the image and its frame.
    var shapes: [String: [Int: [LabelledShape]]] = [:]
  }

  /// Reads the masks of a segmentation; each is kept as the box around its lesion.
  mutating func add(_ file: DICOMFile, path: String) throws {
    var found = Segmentation(url: file.url, path: path, size: (file.width, file.height))
    for index in 0..<file.frameCount {
      let segment = try file.segment(of: index)
      let mask = try file.frame(index)
      var frames = found.shapes[segment.instanceUID] ?? [:]
      if let box = Self.box(of: mask) {
        frames[segment.frame, default: []].append(LabelledShape(label: segment.label, form: box))
      }
      found.shapes[segment.instanceUID] = frames
    }
    segmentations.append(found)
  }

  /// The mask of a frame; missing if no segmentation of that size speaks of the image.
  func mask(of frame: Int, in uid: String, size: (width: Int, height: Int)) -> ImportItem.Mask {
    let speaking = segmentations.filter { $0.shapes[uid] != nil && $0.size == size }
    guard let first = speaking.first else { return .missing }
    let shapes = speaking.flatMap { $0.shapes[uid]?[frame] ?? [] }
    return shapes.isEmpty ? .empty : .shapes(shapes, source: first.url)
  }

  /// The segmentations that are for no image, by the sizes of the images that there are.
  func unused(by present: [String: (width: Int, height: Int)]) -> [ImportListing.LeftOut] {
    segmentations.compactMap { segmentation in
      let sizes = segmentation.shapes.keys.compactMap { present[$0] }
      guard !sizes.contains(where: { $0 == segmentation.size }) else { return nil }
      return ImportListing.LeftOut(
        file: segmentation.path,
        reason: sizes.isEmpty
          ? "a segmentation of images that are not here; put them into the folder"
          : "a segmentation of another size than its images")
    }
  }

  /// Returns the box around the pixels that are set; nil if none is.
  private static func box(of mask: Image) -> LabelledShape.Form? {
    let (width, pixels) = (mask.width, mask.pixels)
    guard mask.channels == 1, let first = pixels.firstIndex(where: { $0 != 0 }),
      let last = pixels.lastIndex(where: { $0 != 0 })
    else { return nil }
    let rows = (first / width)...(last / width)
    var (left, right) = (width, 0)
    for row in rows {
      let line = pixels[row * width..<(row + 1) * width]
      if let start = line.firstIndex(where: { $0 != 0 }) { left = min(left, start - row * width) }
      if let end = line.lastIndex(where: { $0 != 0 }) { right = max(right, end - row * width) }
    }
    var values: [Bool] = []
    values.reserveCapacity(rows.count * (right - left + 1))
    for row in rows { values += pixels[row * width + left...row * width + right].lazy.map { $0 != 0 } }
    return .pixels(
      x: left, y: rows.lowerBound, width: right - left + 1, height: rows.count, values: values)
  }
}
