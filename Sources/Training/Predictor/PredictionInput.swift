import Foundation
import Imaging
import Storage

/// An image to predict: an image file, or a frame of another file.
///
/// A frame is read when its turn comes. So the memory for thousands of frames is that of a few.
package struct PredictionInput: Sendable {
  /// Reads a frame.
  package typealias Reading = @Sendable (ImageLimits) throws -> Image

  /// The name of the results: the stem of the file, with a number or time for one of several frames.
  package private(set) var name: String
  /// The file.
  package let file: URL
  /// The number of the frame in its file, from 1; nil for a file of one image.
  package let frame: Int?
  /// The time of the frame in its video, in seconds; nil outside of videos.
  package let time: Double?
  /// Whether the file is a DICOM file.
  package let isDICOM: Bool
  /// Reads the frame; nil for an image file.
  package let reading: Reading?

  /// Makes an input from an image file.
  package init(_ file: URL) {
    name = file.deletingPathExtension().lastPathComponent
    self.file = file
    (frame, time, isDICOM, reading) = (nil, nil, false, nil)
  }

  /// Makes an input from a frame.
  ///
  /// - Parameters:
  ///   - file: the file that holds the frame.
  ///   - name: the name of the results.
  ///   - frame: the number of the frame, from 1; nil for a file of one image.
  ///   - time: the time of the frame in its video, in seconds.
  ///   - isDICOM: whether the file is a DICOM file.
  ///   - reading: reads the frame within limits; several threads may call it. Its errors name the
  ///     file.
  package init(
    frameOf file: URL, name: String, frame: Int? = nil, time: Double? = nil, isDICOM: Bool = false,
    reading: @escaping Reading
  ) {
    (self.file, self.name, self.frame, self.time) = (file, name, frame, time)
    (self.isDICOM, self.reading) = (isDICOM, reading)
  }

  /// Returns the same image with another name of its results.
  package func named(_ name: String) -> PredictionInput {
    var other = self
    other.name = name
    return other
  }
}
