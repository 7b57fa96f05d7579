import Datasets
import Foundation
import Imaging
import Metrics
import Torch

/// The state that the frames of the past leave behind for the next one.
struct VideoState {
  private var smoother: MaskSmoother
  private var intervals = LesionIntervals()
  private var decode = LatencyCounts()
  private var judge = LatencyCounts()
  private var predict = LatencyCounts()
  /// The result that a repeated frame takes over; nil where the frame before has none.
  private var last: (record: FrameRecord, mask: Tensor?)?
  private var lastView: VideoView?
  private var firstTime: Double?
  private var segmentedTime: Double?
  private var hasDropped = false
  /// Whether a cut was on a dropped frame.
  private var hasHiddenCut = false
  /// Whether the frame before the one that is asked for has a result.
  private var willHaveResult = false
  var summary: VideoSummary

  init(_ rule: MaskRule, _ settings: VideoSettings, _ summary: VideoSummary) {
    smoother = MaskSmoother(settings, rule: rule)
    self.summary = summary
  }

  /// Returns whether a frame needs a prediction; asked once for each frame, in order.
  ///
  /// A frame that repeats one without a result needs one.
  mutating func needsPrediction(_ frame: FedFrame) -> Bool {
    switch frame.judgement.skipped {
    case nil:
      willHaveResult = true
      return true
    case .repeated:
      defer { willHaveResult = true }
      return !willHaveResult
    case .black, .dropped:
      willHaveResult = false
      return false
    }
  }

  /// Makes the result of the next frame.
  mutating func result(
    of frame: FedFrame, _ found: (prediction: FramePrediction, seconds: Double)?
  ) throws -> FrameResult {
    decode.add(frame.decodeSeconds)
    judge.add(frame.judgeSeconds)
    if let found { predict.add(found.seconds) }
    var record = FrameRecord(
      index: frame.index, time: frame.time, skipped: frame.judgement.skipped,
      warnings: frame.judgement.warnings.map(\.rawValue))
    var mask: Tensor?
    if let prediction = found?.prediction {
      mask = try segment(prediction, frame, &record)
    } else {
      mask = skip(frame, &record)
    }
    return finished(frame, record, mask)
  }

  /// Takes over the line of the next frame from an earlier call that did not smooth.
  mutating func result(of frame: FedFrame, known record: FrameRecord) -> FrameResult {
    decode.add(frame.decodeSeconds)
    judge.add(frame.judgeSeconds)
    switch record.skipped {
    case nil:
      last = (record, nil)
      if let view = frame.judgement.view { lastView = view }
    case .black: last = nil
    case .repeated, .dropped: break
    }
    return finished(frame, record, nil)
  }

  private mutating func finished(_ frame: FedFrame, _ record: FrameRecord, _ mask: Tensor?) -> FrameResult {
    note(record, frame)
    return FrameResult(
      record: record, image: frame.image, mask: mask, pts: frame.pts, duration: frame.duration,
      timeBase: frame.timeBase,
      secondsBefore: frame.decodeSeconds + frame.judgeSeconds, arrived: frame.arrived)
  }

  private mutating func segment(
    _ prediction: FramePrediction, _ frame: FedFrame, _ record: inout FrameRecord
  ) throws -> Tensor? {
    record.skipped = nil
    if frame.judgement.isCut || hasHiddenCut {
      smoother.reset()
      (record.cut, hasHiddenCut) = (true, false)
    }
    var probability = prediction.probability
    if let view = frame.judgement.view {
      if view.share < 1 { probability = try probability * view.inside }
      if lastView?.hasSameRectangle(as: view) != true {
        record.view = [view.columns.lowerBound, view.rows.lowerBound, view.columns.count, view.rows.count]
      }
      lastView = view
    }
    let (raw, smoothed) = try smoother(probability, time: frame.time)
    let (own, written) = (try raw.anyClass().to(.float32), try smoothed.anyClass().to(.float32))
    record.areaRaw = Self.rounded(try own.mean().item())
    let area = try written.mean().item()
    record.areaSmoothed = Self.rounded(area)
    if area > 0 {
      let highest = probability.rank > 2 ? try probability.max([0]) : probability
      record.confidence = Self.rounded(
        try (highest * written).sum().item() / (area * Double(written.count)))
    }
    record.warnings += prediction.warnings
    record.expectedDice = prediction.expectedDice.flatMap(Self.rounded)
    record.uncertainty = prediction.uncertainty.flatMap(Self.rounded)
    record.distance = prediction.distance.flatMap(Self.rounded)
    let mask = area > 0 ? smoothed : nil
    last = (record, mask)
    return mask
  }

  /// Fills the line of a frame without a prediction, and returns its mask.
  private mutating func skip(_ frame: FedFrame, _ record: inout FrameRecord) -> Tensor? {
    switch frame.judgement.skipped {
    case .repeated:
      guard let last else { return nil }
      record.areaRaw = last.record.areaRaw
      record.areaSmoothed = last.record.areaSmoothed
      record.confidence = last.record.confidence
      return last.mask
    case .black:
      smoother.reset()
      last = nil
      return nil
    case .dropped:
      hasHiddenCut = hasHiddenCut || frame.judgement.isCut
      return nil
    case nil: return nil
    }
  }

  private mutating func note(_ record: FrameRecord, _ frame: FedFrame) {
    summary.add(record)
    intervals.add(record)
    let first = firstTime ?? frame.time
    firstTime = first
    summary.duration = max(summary.duration, Self.rounded(frame.time - first) ?? 0)
    if summary.width == nil, let image = frame.image {
      (summary.width, summary.height) = (image.width, image.height)
    }
    if record.skipped == .dropped {
      hasDropped = true
    } else {
      if hasDropped, let segmentedTime {
        summary.longestDrop = max(summary.longestDrop, Self.rounded(frame.time - segmentedTime) ?? 0)
      }
      (segmentedTime, hasDropped) = (frame.time, false)
    }
  }

  /// Returns the summary of all frames.
  func finished(write: LatencyCounts, total: LatencyCounts) -> VideoSummary {
    var done = summary
    done.lesions = intervals.all
    let parts = ["decode": decode, "judge": judge, "predict": predict, "write": write, "total": total]
    done.latency = parts.compactMapValues(\.milliseconds)
    return done
  }

  /// Rounds to a millionth; nil for a value that JSON cannot hold.
  private static func rounded(_ value: Double) -> Double? {
    value.isFinite ? (value * 1e6).rounded() / 1e6 : nil
  }
}
