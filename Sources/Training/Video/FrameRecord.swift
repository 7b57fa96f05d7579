import Datasets
import Foundation
import Storage

/// A line of `frames.jsonl`.
package struct FrameRecord: Codable, Equatable, Sendable {
  /// The number of the frame, from 0.
  package let index: Int
  /// The timestamp of the video in seconds.
  package let time: Double
  /// The share of the frame that the mask of this frame alone covers; nil if it was not segmented.
  @Nullable package var areaRaw: Double?
  /// The share of the frame that the written mask covers; nil if it was not segmented.
  @Nullable package var areaSmoothed: Double?
  /// The mean probability of the pixels of the written mask, for this frame alone; nil without any.
  @Nullable package var confidence: Double?
  /// Why the frame was not segmented; nil if it was.
  @Nullable package var skipped: FrameSkip?
  /// The marks of the frame, and the warnings of the calibration.
  package var warnings: [String]
  /// True where a new shot begins; left out elsewhere.
  package var cut: Bool?
  /// Left, top, width and height of the view, where it differs from the frame before.
  package var view: [Int]?
  /// The expected Dice of the frame alone; left out without a calibration.
  package var expectedDice: Double?
  /// The uncertainty; left out without a calibration.
  package var uncertainty: Double?
  /// The distance from the training sites; left out without a calibration.
  package var distance: Double?

  /// Makes the line of a frame without a result.
  package init(index: Int, time: Double, skipped: FrameSkip? = nil, warnings: [String] = []) {
    (self.index, self.time) = (index, (time * 1e6).rounded() / 1e6)
    (areaRaw, areaSmoothed, confidence) = (nil, nil, nil)
    self.skipped = skipped
    self.warnings = warnings
  }

  enum CodingKeys: String, CodingKey {
    case index, time, confidence, skipped, warnings, cut, view, uncertainty, distance
    case areaRaw = "area_raw"
    case areaSmoothed = "area_smoothed"
    case expectedDice = "expected_dice"
  }
}

/// Finds the times in which a lesion is seen.
package struct LesionIntervals: Sendable {
  /// A time with a lesion in every segmented frame.
  package struct Interval: Codable, Equatable, Sendable {
    /// The time of the first frame with the lesion, in seconds.
    package var start: Double
    /// The time of the last frame with the lesion, in seconds.
    package var end: Double
    /// The largest share of a frame that the mask covers.
    package var peakArea: Double

    enum CodingKeys: String, CodingKey {
      case start, end
      case peakArea = "peak_area"
    }
  }

  /// The times so far, in order.
  package private(set) var all: [Interval] = []
  private var isOpen = false

  /// Starts before the first frame.
  package init() {}

  /// Adds the line of a frame; a dropped frame changes nothing.
  package mutating func add(_ frame: FrameRecord) {
    guard frame.skipped != .dropped else { return }
    if frame.cut == true { isOpen = false }
    guard let area = frame.areaSmoothed, area > 0 else {
      isOpen = false
      return
    }
    if isOpen, var last = all.popLast() {
      (last.end, last.peakArea) = (frame.time, max(last.peakArea, area))
      all.append(last)
    } else {
      all.append(Interval(start: frame.time, end: frame.time, peakArea: area))
      isOpen = true
    }
  }
}
