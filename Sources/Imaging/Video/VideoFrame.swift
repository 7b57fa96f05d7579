/// The place and state of a frame of a video.
package struct VideoFrameInfo: Sendable {
  /// The number of the frame, from 0.
  package let index: Int
  /// The timestamp of the stream, in units of `timeBase`.
  package let pts: Int64
  /// The duration in the same unit; nil if the stream does not state it.
  package let duration: Int64?
  /// The unit of timestamps in seconds: numerator and denominator.
  package let timeBase: (Int32, Int32)
  /// Whether the frame, or one that it is predicted from, was damaged.
  package let isDamaged: Bool
  /// Whether the frame has two fields of different times; it is not deinterlaced.
  package let isInterlaced: Bool
  /// Whether the stream has no timestamp for the frame, or one not after the frame before.
  ///
  /// The timestamp is then one step after the frame before.
  package let isTimeEstimated: Bool
  /// Whether the frame is stored in another size than the first one, and was resized to that.
  package let isResized: Bool

  /// The time in seconds.
  package var time: Double { Double(pts) * Double(timeBase.0) / Double(timeBase.1) }
}

/// A frame of a video: upright, square pixels, 8 bits, grey or RGB.
@dynamicMemberLookup
package struct VideoFrame: Sendable {
  /// The place and state; its properties can be had from the frame itself.
  package let info: VideoFrameInfo
  /// The picture.
  package let image: Image

  /// Makes a frame of a picture.
  package init(_ info: VideoFrameInfo, image: Image) {
    self.info = info
    self.image = image
  }

  /// Makes a sound frame of a picture and a timestamp.
  package init(index: Int, pts: Int64, timeBase: (Int32, Int32), image: Image, isDamaged: Bool = false) {
    let info = VideoFrameInfo(
      index: index, pts: pts, duration: nil, timeBase: timeBase, isDamaged: isDamaged,
      isInterlaced: false, isTimeEstimated: false, isResized: false)
    self.init(info, image: image)
  }

  /// A property of the place and state.
  package subscript<Value>(dynamicMember path: KeyPath<VideoFrameInfo, Value>) -> Value {
    info[keyPath: path]
  }
}
