import CVideo

/// How the frames of a video are stored, for reports.
package struct VideoStorage: Codable, Sendable, Equatable {
  /// The container, as FFmpeg names it.
  package let container: String
  /// The codec, as FFmpeg names it.
  package let codec: String
  /// The pixel format, as FFmpeg names it.
  package let pixelFormat: String
  /// The matrix from colours to luma and chroma: that of the stream, or a guess by the size.
  package let matrix: String
  /// Whether samples use the full range of 0 to 255, not 16 to 235.
  package let isFullRange: Bool
  /// Whether brightness is stored by PQ or HLG.
  ///
  /// Frames are then darker or flatter than a display of high dynamic range shows them.
  package let isHighDynamicRange: Bool
  /// Bits of a stored sample.
  package let bits: Int
  /// The stored width in pixels.
  package let width: Int
  /// The stored height in pixels.
  package let height: Int
  /// The width of a stored pixel over its height.
  package let pixelAspect: Double
  /// How the stored frames are turned: 1 to 8, the numbers of EXIF.
  package let orientation: Int
  /// The number of video streams, of which one is read.
  package let streams: Int

  enum CodingKeys: String, CodingKey {
    case container, codec, matrix, bits, width, height, orientation, streams
    case pixelFormat = "pixel_format"
    case isFullRange = "full_range"
    case isHighDynamicRange = "high_dynamic_range"
    case pixelAspect = "pixel_aspect"
  }

  init(_ found: video_properties) {
    container = VideoDoor.text(found.container)
    codec = VideoDoor.text(found.codec)
    pixelFormat = VideoDoor.text(found.pixel_format)
    matrix = VideoDoor.text(found.matrix)
    isFullRange = found.full_range != 0
    isHighDynamicRange = found.high_dynamic_range != 0
    bits = Int(found.bits)
    width = Int(found.stored_width)
    height = Int(found.stored_height)
    pixelAspect = found.pixel_height > 0 ? Double(found.pixel_width) / Double(found.pixel_height) : 1
    orientation = Int(found.orientation)
    streams = Int(found.streams)
  }
}
