import Datasets
import Foundation
import Imaging
import Storage
import Torch

/// Where the results of a video go.
package struct VideoOutputs: Sendable {
  /// The videos of the results; nil leaves one out.
  package struct Sinks: @unchecked Sendable {
    /// The frames with contours.
    package let overlay: (any FrameSink)?
    /// The masks.
    package let mask: (any FrameSink)?

    /// Makes a value from its parts.
    package init(overlay: (any FrameSink)?, mask: (any FrameSink)?) {
      (self.overlay, self.mask) = (overlay, mask)
    }
  }

  /// Opens the videos; called once, with the size and the time base of the first frame.
  package typealias Opening =
    @Sendable (_ width: Int, _ height: Int, _ timeBase: (Int32, Int32)) throws -> Sinks

  /// `frames.jsonl`.
  package let lines: LineLog
  /// Opens the videos.
  package let open: Opening

  /// Makes a value from its parts.
  package init(lines: LineLog, open: @escaping Opening) { (self.lines, self.open) = (lines, open) }
}

/// The result of a frame on its way to the files.
struct FrameResult: Sendable {
  let record: FrameRecord
  /// The picture; nil for a frame that is in no video.
  let image: Image?
  /// The mask, bool H×W or K×H×W; nil for an empty one.
  let mask: Tensor?
  let pts: Int64
  let duration: Int64?
  let timeBase: (Int32, Int32)
  /// The seconds from the start of decoding to `arrived`, without waiting.
  let secondsBefore: Double
  /// The system's time when the frame was ready for the network.
  let arrived: Double
}

/// Writes results in order on a thread of its own, a few behind the network.
final class ResultWriter: @unchecked Sendable {
  private let outputs: VideoOutputs
  private let queue: FrameQueue<FrameResult>
  private let ended = DispatchSemaphore(value: 0)
  private let system = SystemClock()
  private var isThreaded = true
  // Only the thread that writes uses these until it has ended.
  private var sinks: VideoOutputs.Sinks?
  private var failure: (any Error)?
  private(set) var write = LatencyCounts()
  private(set) var total = LatencyCounts()

  /// Starts to write.
  ///
  /// - Parameters:
  ///   - outputs: where results go.
  ///   - depth: the most results that wait.
  ///   - start: starts a thread; returns false if it cannot.
  init(
    _ outputs: VideoOutputs, depth: Int, start: (@escaping @Sendable () -> Void) -> Bool = Machine.startThread
  ) {
    self.outputs = outputs
    queue = FrameQueue(capacity: depth)
    let isStarted = start { [self] in
      do { while let result = try queue.take() { try put(result) } } catch {
        failure = error
        queue.cancel()
      }
      ended.signal()
    }
    if !isStarted { isThreaded = false }
  }

  /// Hands a result over.
  ///
  /// - Returns: false if writing failed; `finish` throws the error.
  func add(_ result: FrameResult) -> Bool {
    if isThreaded { return queue.put(result) }
    guard failure == nil else { return false }
    do { try put(result) } catch { failure = error }
    return failure == nil
  }

  /// Waits for all results, and gives the files their names.
  ///
  /// - Throws: an error that names the file.
  func finish() throws {
    queue.finish()
    if isThreaded { ended.wait() }
    if let failure { throw failure }
    // A file that cannot be finished does not cost the others.
    let overlay = Result { try sinks?.overlay?.finish() }
    let mask = Result { try sinks?.mask?.finish() }
    try outputs.lines.finish()
    try overlay.get()
    try mask.get()
  }

  private func put(_ result: FrameResult) throws {
    let start = system.now
    if let image = result.image {
      if sinks == nil { sinks = try outputs.open(image.width, image.height, result.timeBase) }
      try sinks?.overlay?.append(
        FrameDrawing.overlay(result.mask, on: image), pts: result.pts, duration: result.duration)
      try sinks?.mask?.append(
        FrameDrawing.labels(result.mask, width: image.width, height: image.height), pts: result.pts,
        duration: result.duration)
    }
    // The line follows the pictures, so a line in the file says that they are there, too.
    try outputs.lines.add(result.record)
    let end = system.now
    write.add(end - start)
    if result.image != nil { total.add(result.secondsBefore + end - result.arrived) }
  }
}

/// The pictures of a result.
enum FrameDrawing {
  /// Draws the contours of a mask, H×W or K×H×W, on a frame; each class has its colour.
  static func overlay(_ mask: Tensor?, on image: Image) throws -> Image {
    guard let mask else { return image.rgb }
    let any = try mask.anyClass().to(.uint8)
    guard let rows = run(try any.max([1]).array()), let columns = run(try any.max([0]).array()) else {
      return image.rgb
    }
    let masks = try mask.maskOfEachClass().map { mask in
      try Image((mask.to(.uint8) * 255).to(.uint8).expandedDimension(0))
    }
    let layers = masks.enumerated().map { index, mask in
      Overlay.Layer(mask: mask, colour: masks.count > 1 ? .ofClass(index) : .prediction, fill: 0.15)
    }
    return try Overlay.draw(layers, over: image, rows: rows, columns: columns)
  }

  /// Makes the picture of a mask: 255 for lesion; with several classes the number of the class from 1,
  /// of the last one where they overlap.
  static func labels(_ mask: Tensor?, width: Int, height: Int) throws -> Image {
    guard let mask else {
      return try Image(
        width: width, height: height, channels: 1, pixels: [UInt8](repeating: 0, count: width * height))
    }
    let masks = try mask.maskOfEachClass()
    let values = try masks.enumerated().map { index, mask in
      try mask.to(.uint8) * Double(masks.count > 1 ? index + 1 : 255)
    }
    let labels = try values.dropFirst().reduce(values[0]) { try $0.maximum($1) }
    return try Image(labels.to(.uint8).expandedDimension(0))
  }

  /// Returns the range from the first to the last entry that is not 0; nil without one.
  private static func run(_ flags: [UInt8]) -> Range<Int>? {
    guard let first = flags.firstIndex(where: { $0 != 0 }), let last = flags.lastIndex(where: { $0 != 0 })
    else { return nil }
    return first..<last + 1
  }
}
