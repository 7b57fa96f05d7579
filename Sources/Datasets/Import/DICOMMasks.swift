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

  /// Reads the masks of a segmentation; each is kept as runs.
  mutating func add(_ file: DICOMFile, path: String) throws {
    var found = Segmentation(url: file.url, path: path, size: (file.width, file.height))
    for index in 0..<file.frameCount {
      let segment = try file.segment(of: index)
      let mask = try file.frame(index)
      var frames = found.shapes[segment.instanceUID] ?? [:]
      if let runs = try Self.runs(of: mask) {
        frames[segment.frame, default: []].append(LabelledShape(label: segment.label, form: runs))
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

  /// Returns the runs of the pixels that are set; nil if none is.
  private static func runs(of mask: Image) throws -> LabelledShape.Form? {
    // Background first.
    var counts = [0]
    mask.pixels.withUnsafeBytes { samples in
      for run in PixelRuns(of: samples, in: 0..<samples.count) {
        let isForeground = counts.count % 2 == 0
        if (run.value != 0) == isForeground {
          counts[counts.count - 1] += run.length
        } else {
          counts.append(run.length)
        }
      }
    }
    guard mask.channels == 1, counts.count > 1 else { return nil }
    return .runs(try RunLengths(width: mask.width, height: mask.height, counts: counts, order: .rows))
  }
}
