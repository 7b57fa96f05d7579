import CDICOM
import Foundation
import Storage

/// Writes overlays as derived DICOM images, for systems that cannot show Segmentation objects.
///
/// A single-frame source gives a Secondary Capture image, a multi-frame one a Multi-frame True Colour
/// Secondary Capture image: RGB without compression, BurnedInAnnotation YES. Overlays of the images of
/// one series are one new series in the same study. Layout: DICOM PS3.3 A.8.1 and A.8.5.
package enum DICOMOverlay {
  /// Writes pictures in place of the frames of an image; readers see the old file or the whole new
  /// file.
  ///
  /// One picture is in memory at a time. All pictures together have at most 4 GiB.
  ///
  /// - Parameters:
  ///   - frames: the frames, from 1, in order; nil for all.
  ///   - source: the DICOM image.
  ///   - algorithm: the author of the masks.
  ///   - url: the file to write.
  ///   - picture: returns a frame's picture of the source's size, grey or RGB, without a legend.
  /// - Throws: `DICOMWritingError`, `FileError` that names the path, or the error of `picture`.
  package static func write(
    frames: [Int]? = nil, source: URL, algorithm: DICOMAlgorithm, to url: URL,
    picture: (_ frame: Int) throws -> Image
  ) throws {
    let sources = try DICOMSources([source])
    try sources.set(algorithm, series: "overlay")
    let frames = frames ?? Array(1...max(1, Int(sources.facts[0].frames)))
    let numbers = try frames.map { try sources.number($0, source: 0) }
    var header: UnsafeMutablePointer<UInt8>?
    var (size, pixels) = (0, UInt64(0))
    try sources.call(source) { message in
      dicom_overlay_header(sources.handle, 0, numbers, numbers.count, &header, &size, &pixels, message)
    }
    guard let header else {
      throw DICOMWritingError.failed(file: source.path, reason: "the library gave no bytes")
    }
    let first = Data(bytesNoCopy: header, count: size, deallocator: .free)
    try AtomicFile.write(to: url) { handle in
      try handle.write(contentsOf: first)
      for frame in frames {
        let drawn = try picture(frame).rgb
        try sources.check(drawn, channels: 3, source: 0, frame: frame)
        try handle.write(contentsOf: Data(drawn.pixels))
      }
      // The value of an element has an even length.
      if pixels % 2 != 0 { try handle.write(contentsOf: Data([0])) }
    }
  }

  /// Draws the outline of each mask over its frame, and writes the pictures.
  ///
  /// - Parameters:
  ///   - frames: the frames, from 1, in order; nil for all.
  ///   - source: the DICOM image.
  ///   - segments: the colours of the masks.
  ///   - algorithm: the author of the masks.
  ///   - url: the file to write.
  ///   - content: returns a frame as it is shown, and for each segment a mask of its size; nil is a
  ///     mask without a pixel.
  /// - Throws: `DICOMWritingError`, `FileError` that names the path, `ImagingError.invalidImage` if a
  ///   mask does not fit its frame, or the error of `content`.
  package static func write(
    frames: [Int]? = nil, source: URL, segments: [DICOMSegmentation.Segment], algorithm: DICOMAlgorithm,
    to url: URL, content: (_ frame: Int) throws -> (picture: Image, masks: [Image?])
  ) throws {
    let algorithm = algorithm.locating(segments)
    try write(frames: frames, source: source, algorithm: algorithm, to: url) { frame in
      let (picture, masks) = try content(frame)
      let layers = zip(segments, masks).compactMap { segment, mask in
        mask.map { Overlay.Layer(mask: $0, colour: segment.colour) }
      }
      return try Overlay.draw(layers, over: picture)
    }
  }
}
