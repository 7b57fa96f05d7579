import Training

/// An image or frame to review, with its known facts.
package struct ReviewInput: Sendable {
  /// The image.
  package let source: PredictionInput
  /// The name that the page shows.
  package let file: String
  /// The site; nil if it is not known.
  package var site: String?
  /// The patient or sequence; nil if it is not known.
  package var group: String?
  /// The lesion class that the data states.
  package var lesionClass: String?
  /// The place of its video among those of the review; nil for an image.
  package let video: Int?
  /// The number of the frame in its video, from 0.
  package let frame: Int?

  /// Makes an input.
  ///
  /// - Parameters:
  ///   - source: the image.
  ///   - file: the name that the page shows.
  ///   - video: the place of its video; nil for an image.
  ///   - frame: the number of the frame in its video, from 0.
  package init(_ source: PredictionInput, file: String, video: Int? = nil, frame: Int? = nil) {
    (self.source, self.file, self.video, self.frame) = (source, file, video, frame)
  }
}

/// A video to review: the facts of it, and what each of its frames shows.
package struct ReviewedVideo: Sendable {
  /// The name that its ID is made of.
  package let name: String
  /// The name that the page shows.
  package let file: String
  package let width: Int
  package let height: Int
  /// The lines of the frames, in order.
  package let frames: [FrameRecord]
  /// The length in seconds.
  package let duration: Double

  /// Makes a video from its parts.
  package init(
    name: String, file: String, width: Int, height: Int, frames: [FrameRecord], duration: Double
  ) {
    (self.name, self.file, self.width, self.height) = (name, file, width, height)
    (self.frames, self.duration) = (frames, duration)
  }

  /// Chooses the frames that a reviewer looks at: of each of equal parts the least sure one.
  ///
  /// A frame without a lesion says nothing of how sure it is. Where a part has no other, its middle one is
  /// taken.
  ///
  /// - Parameter count: the number of parts.
  /// - Returns: their places among `frames`, rising.
  package func chosen(_ count: Int) -> [Int] {
    let usable = frames.indices.filter { frames[$0].skipped == nil }
    return (0..<min(count, usable.count)).compactMap { part -> Int? in
      let own = usable[
        part * usable.count / min(count, usable.count)..<(part + 1) * usable.count / min(count, usable.count)]
      let sure = own.filter { frames[$0].confidence != nil }
      return sure.min { (frames[$0].confidence ?? 1, $0) < (frames[$1].confidence ?? 1, $1) }
        ?? own[own.startIndex + own.count / 2]
    }
  }
}
