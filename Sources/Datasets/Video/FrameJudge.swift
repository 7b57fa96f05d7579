import Imaging
import Torch

/// The reason why a frame is not segmented.
package enum FrameSkip: String, Codable, Sendable, CaseIterable {
  /// Less than a hundredth of the frame is lit.
  case black
  /// The frame equals the one before in every sample; the result of that one is repeated.
  case repeated
  /// The frame came too late with `--realtime`.
  case dropped
}

/// A mark of a frame that is segmented all the same.
package enum FrameWarning: String, Codable, Sendable, CaseIterable {
  /// The frame is much less sharp than those before.
  case blurred
  /// The colours are not those inside a body.
  case outOfBody = "out of body"
  /// The decoder reports damage.
  case damaged
  /// The video changed its size, and the reader brought the frame to that of the first one.
  case resized
  /// The frame has two fields of different times.
  case interlaced
  /// The stream has no timestamp for the frame, or one not after the frame before.
  case estimatedTime = "estimated time"
}

/// The facts of a frame that are known before it is segmented.
package struct FrameJudgement: Sendable {
  /// Why the frame is not segmented; nil if it is.
  package var skipped: FrameSkip?
  /// The marks of the frame.
  package var warnings: [FrameWarning] = []
  /// Whether the frame begins a new shot.
  package var isCut = false
  /// The endoscope's view; of a repeated frame, that of the frame before.
  ///
  /// It is nil for other skipped frames.
  package var view: VideoView?
  /// The numbers that the marks follow from; nil for a frame that is skipped.
  package var measures: FrameMeasures?

  /// Makes a judgement without marks.
  package init(skipped: FrameSkip? = nil, isCut: Bool = false) {
    (self.skipped, self.isCut) = (skipped, isCut)
  }
}

/// Judges the frames of a video in order, from frames of the past alone (ours).
///
/// - black: less than 1 % of the samples are brighter than 32 of 255.
/// - repeated: every sample equals that of the frame before.
/// - cut: the colours differ from those of the frame before by more than 0.3, or by more than 0.12
///   and four times the median of the last 25 frames. The first frame after black is one, too.
/// - blurred: the sharpness is below 0.3 of the median of the last 50 frames of the shot, at least 10.
/// - out of body: less than 30 % of the lit samples are warm, and more than 40 % are grey or white.
///
/// These are rules of thumb and no detectors. The thresholds were chosen by eye on frames of four
/// hospitals, where dyed mucosa is blue and not warm, but not grey. A green or blue drape is not marked.
package struct FrameJudge {
  private static let litShare = 0.01
  private static let surelyCut = 0.3
  private static let maybeCut = 0.12
  private static let cutFactor = 4.0
  private static let blurredShare = 0.3
  private static let leastWarm = 0.3
  private static let mostNeutral = 0.4

  private var last: FrameMeasures?
  private var lastImage: Image?
  private var lastView: VideoView?
  private var wasBlack = false
  private var tracker = ViewTracker()
  private var distances = RunningMedian(length: 25)
  private var sharpness = RunningMedian(length: 50)

  /// Starts before the first frame.
  package init() {}

  /// Judges the next frame.
  ///
  /// - Parameters:
  ///   - frame: the frame; all have one size.
  ///   - pixels: its picture, uint8 3×H×W.
  /// - Returns: the judgement.
  /// - Throws: `TorchError` if memory is short.
  package mutating func judge(_ frame: VideoFrame, _ pixels: Tensor) throws -> FrameJudgement {
    let image = frame.image
    var found = FrameJudgement()
    if frame.isDamaged { found.warnings.append(.damaged) }
    if frame.isResized { found.warnings.append(.resized) }
    if frame.isInterlaced { found.warnings.append(.interlaced) }
    if frame.isTimeEstimated { found.warnings.append(.estimatedTime) }
    if let lastImage, lastImage.hasSameSamples(as: image) {
      found.skipped = wasBlack ? .black : .repeated
      found.view = wasBlack ? nil : lastView
      return found
    }
    lastImage = image
    let (samples, step) = try FrameMeasures.samples(of: pixels)
    let lit = try samples.max([0]).greater(than: FrameMeasures.darkLevel).to(.float32).mean().item()
    guard lit >= Self.litShare else {
      (found.skipped, wasBlack) = (.black, true)
      return found
    }
    var view = try tracker.view(samples, step: step, height: image.height, width: image.width)
    var measures = try FrameMeasures(
      pixels, samples: samples, inside: view.insideSamples, rows: view.rows, columns: view.columns)
    found.isCut = isCut(measures)
    if found.isCut {
      // The view before the cut says nothing of the one after it.
      tracker.reset()
      sharpness.reset()
      view = try tracker.view(samples, step: step, height: image.height, width: image.width)
      measures = try FrameMeasures(
        pixels, samples: samples, inside: view.insideSamples, rows: view.rows, columns: view.columns)
    }
    if let usual = sharpness.median(atLeast: 10), measures.sharpness < Self.blurredShare * usual {
      found.warnings.append(.blurred)
    }
    sharpness.add(measures.sharpness)
    if measures.warmShare < Self.leastWarm, measures.neutralShare > Self.mostNeutral {
      found.warnings.append(.outOfBody)
    }
    last = measures
    wasBlack = false
    (found.view, found.measures, lastView) = (view, measures, view)
    return found
  }

  /// Returns whether a frame begins a new shot; the first frame of a video does not.
  private mutating func isCut(_ measures: FrameMeasures) -> Bool {
    guard let last else { return false }
    let distance = measures.colourDistance(to: last)
    let usual = distances.median(atLeast: 5)
    let stands = usual.map { distance > Self.maybeCut && distance > Self.cutFactor * $0 } ?? false
    let isCut = wasBlack || distance > Self.surelyCut || stands
    if isCut { distances.reset() } else { distances.add(distance) }
    return isCut
  }
}

/// The median of the last numbers.
struct RunningMedian {
  private let length: Int
  private var values: [Double] = []

  init(length: Int) { self.length = length }

  /// Forgets all numbers.
  mutating func reset() { values = [] }

  /// Adds a number; the oldest one beyond the length goes.
  mutating func add(_ value: Double) {
    values.append(value)
    if values.count > length { values.removeFirst() }
  }

  /// Returns the median; nil for fewer numbers than `count`.
  func median(atLeast count: Int) -> Double? {
    guard values.count >= max(1, count) else { return nil }
    return values.sorted()[values.count / 2]
  }
}
