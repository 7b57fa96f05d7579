import CDICOM
import Foundation
import Storage

/// Writes masks as a DICOM Segmentation object (Segmentation Storage, BINARY).
///
/// The object belongs to the study of its sources and has a series of its own. It holds a frame for
/// each frame and segment with a lesion, and each names the image and frame that it was made from.
/// Masks stay in memory, at one bit a pixel, until the object is written. The same images, masks,
/// names and fingerprint give the same UIDs. Layout: DICOM PS3.3 A.51 and C.8.20.
///
/// Sources are one multi-frame image, or single-frame images of one series and size (`groups`).
package final class DICOMSegmentation {
  /// A class of lesions.
  package struct Segment: Sendable, Equatable {
    /// The name that viewers show.
    package var name: String
    /// The kind of lesion.
    package var code: SegmentCode
    /// The colour that viewers may use.
    package var colour: Overlay.Colour

    /// Makes a segment; without a kind the name chooses it.
    package init(name: String, code: SegmentCode? = nil, colour: Overlay.Colour = .prediction) {
      (self.name, self.code, self.colour) = (name, code ?? SegmentCode(className: name), colour)
    }
  }

  /// The content and the form of the object.
  package struct Options: Sendable, Equatable {
    /// The segments; each frame has a mask for each of them.
    package var segments: [Segment]
    /// Whether to keep frames without a lesion, too.
    package var allFrames: Bool
    /// Whether to add a plane, positions and a spacing of 1 mm that no one measured.
    package var nominalGeometry: Bool
    /// The author of the masks.
    package var algorithm: DICOMAlgorithm

    /// Makes options.
    package init(
      segments: [Segment], allFrames: Bool = false, nominalGeometry: Bool = false,
      algorithm: DICOMAlgorithm = DICOMAlgorithm()
    ) {
      (self.segments, self.allFrames) = (segments, allFrames)
      (self.nominalGeometry, self.algorithm) = (nominalGeometry, algorithm)
    }
  }

  /// The warning that belongs to `nominalGeometry`.
  package static let nominalGeometryWarning =
    "--nominal-geometry writes a spacing of 1 mm that no one measured: distances and areas in millimetres "
    + "that a viewer shows for these segmentations are false"

  /// The bytes of an object, in two parts.
  private struct Parts {
    let header: Data
    let bits: Data
    let hasLesion: Bool
  }

  private let sources: DICOMSources
  private let options: Options

  /// Reads the headers of the sources.
  ///
  /// - Throws: `DICOMWritingError` that names the file.
  package init(sources files: [URL], options: Options) throws {
    (sources, self.options) = (try DICOMSources(files), options)
    try sources.set(options.algorithm.locating(options.segments), series: "segmentation")
    let region = options.algorithm.region
    for segment in options.segments {
      // Another organ has no polyp of the colon.
      let code = region == nil || region == .largeIntestine ? segment.code : .lesion
      try sources.call(files[0]) { message in
        dicom_segmentation_add_segment(
          sources.handle, segment.name, code.code, code.meaning, segment.colour.red,
          segment.colour.green, segment.colour.blue, message)
      }
    }
  }

  /// Adds the masks of a frame.
  ///
  /// Frames come in order: source by source, frame by frame, each once. Frames without a lesion need
  /// not come.
  ///
  /// - Parameters:
  ///   - masks: for each segment one channel of the source's size, where every value but 0 is inside;
  ///     nil is a mask without a pixel.
  ///   - frame: the frame, from 1; 1 for an image of one frame.
  ///   - source: the source, from 0.
  /// - Throws: `DICOMWritingError` that names the source's file.
  package func append(_ masks: [Image?], frame: Int, source: Int = 0) throws {
    let number = try sources.number(frame, source: source)
    for case let mask? in masks { try sources.check(mask, channels: 1, source: source, frame: frame) }
    try Self.withPointers(masks[...]) { pointers in
      try sources.call(sources.files[source]) { message in
        dicom_segmentation_add_frame(
          sources.handle, source, number, pointers, pointers.count, options.allFrames ? 1 : 0, message)
      }
    }
  }

  /// Writes the object; readers see the old file or the whole new file.
  ///
  /// An object without a frame is not valid. Where no mask had a pixel, the object has one frame
  /// without a pixel, of the first frame of the first source, and the description "No lesion found".
  ///
  /// - Returns: whether a mask had a pixel.
  /// - Throws: `DICOMWritingError`, or `FileError` that names the path.
  @discardableResult
  package func write(to url: URL) throws -> Bool {
    let parts = try finish()
    try AtomicFile.write(to: url) { handle in
      try handle.write(contentsOf: parts.header)
      try handle.write(contentsOf: parts.bits)
    }
    return parts.hasLesion
  }

  /// Returns the bytes of the object.
  ///
  /// - Throws: `DICOMWritingError`.
  package func data() throws -> Data {
    let parts = try finish()
    return parts.header + parts.bits
  }

  private func finish() throws -> Parts {
    var header: UnsafeMutablePointer<UInt8>?
    var bits: UnsafePointer<UInt8>?
    var (headerSize, bitsSize, found) = (0, 0, Int32(0))
    try sources.call(sources.files[0]) { message in
      dicom_segmentation_finish(
        sources.handle, options.nominalGeometry ? 1 : 0, &header, &headerSize, &bits, &bitsSize, &found,
        message)
    }
    guard let header, let bits else {
      throw DICOMWritingError.failed(file: sources.files[0].path, reason: "the library gave no bytes")
    }
    // The bits live as long as the sources; the deallocator keeps them.
    let keeper = sources
    let kept = Data(
      bytesNoCopy: UnsafeMutableRawPointer(mutating: bits), count: bitsSize,
      deallocator: .custom { _, _ in withExtendedLifetime(keeper) {} })
    return Parts(
      header: Data(bytesNoCopy: header, count: headerSize, deallocator: .free), bits: kept,
      hasLesion: found != 0)
  }

  private static func withPointers(
    _ masks: ArraySlice<Image?>, _ found: [UnsafePointer<UInt8>?] = [],
    _ body: ([UnsafePointer<UInt8>?]) throws -> Void
  ) rethrows {
    guard let first = masks.first else { return try body(found) }
    guard let mask = first else { return try withPointers(masks.dropFirst(), found + [nil], body) }
    try mask.pixels.withUnsafeBufferPointer {
      try withPointers(masks.dropFirst(), found + [$0.baseAddress], body)
    }
  }
}

extension DICOMSegmentation {
  /// Writes the masks of one file, of one segment.
  ///
  /// - Parameters:
  ///   - masks: frames, from 1, and their masks, in any order, each frame once.
  ///   - source: the DICOM image that they belong to.
  ///   - options: the segment, and what else the object says.
  ///   - url: the file to write.
  /// - Returns: whether a mask had a pixel.
  /// - Throws: `DICOMWritingError`, or `FileError` that names the path.
  @discardableResult
  package static func write(
    masks: [(frame: Int, mask: Image)], source: URL, options: Options, to url: URL
  ) throws -> Bool {
    let object = try DICOMSegmentation(sources: [source], options: options)
    for (frame, mask) in masks.sorted(by: { $0.frame < $1.frame }) {
      try object.append([mask], frame: frame)
    }
    return try object.write(to: url)
  }

  /// Writes the masks of single-frame images of one series, which become one object.
  ///
  /// - Parameters:
  ///   - masks: for each source a mask for each segment; nil is a mask without a pixel.
  ///   - sources: the DICOM images, in the order of the frames.
  ///   - options: the segments, and what else the object says.
  ///   - url: the file to write.
  /// - Returns: whether a mask had a pixel.
  /// - Throws: `DICOMWritingError`, or `FileError` that names the path.
  @discardableResult
  package static func write(masks: [[Image?]], sources: [URL], options: Options, to url: URL) throws -> Bool {
    let object = try DICOMSegmentation(sources: sources, options: options)
    for (index, masks) in masks.enumerated() { try object.append(masks, frame: 1, source: index) }
    return try object.write(to: url)
  }

  /// Groups images so that each group makes one object.
  ///
  /// A multi-frame image is a group of its own. Single-frame images of one series and one size are a
  /// group, because viewers show one segmentation for a series.
  ///
  /// - Parameters:
  ///   - files: DICOM images.
  ///   - refuse: called for a file that is not usable or that is a copy of an earlier one, with an error
  ///     that names it; the others are grouped, unless this throws.
  /// - Returns: the places of each group's files, in the order of the files.
  /// - Throws: the error of `refuse`.
  package static func groups(
    of files: [URL], refuse: (any Error) throws -> Void = { throw $0 }
  ) throws -> [[Int]] {
    var groups: [[Int]] = []
    var places: [String: Int] = [:]
    var known: [String: URL] = [:]
    for (index, file) in files.enumerated() {
      do {
        let source = try DICOMSources([file])
        let (group, instance) = try source.identity()
        if let first = known[instance] {
          throw DICOMWritingError.argument(
            file: file.path, reason: "it is the same object as \(first.shownPath), which has the result")
        }
        known[instance] = file
        if source.facts[0].is_multiframe == 0, let place = places[group] {
          groups[place].append(index)
        } else {
          places[group] = groups.count
          groups.append([index])
        }
      } catch {
        try refuse(error)
      }
    }
    return groups
  }
}
