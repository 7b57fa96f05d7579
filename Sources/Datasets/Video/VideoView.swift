import Imaging
import Torch

/// The endoscope's view in a video: a rectangle, and the border inside it that stays dark.
package struct VideoView: Sendable {
  /// The rows of the view.
  package let rows: Range<Int>
  /// The columns of the view.
  package let columns: Range<Int>
  /// 1 for pixels in the view, 0 outside, float32 H×W.
  package let inside: Tensor
  /// 1 for samples in the view, 0 outside, float32 h×w; see `FrameMeasures.samples(of:)`.
  package let insideSamples: Tensor
  /// The share of the frame that the view covers.
  package let share: Double

  /// Whether another view has the same rectangle.
  package func hasSameRectangle(as other: VideoView) -> Bool {
    rows == other.rows && columns == other.columns
  }
}

/// Finds the view of a video from its first frames, and again after each cut (ours).
///
/// The tracker keeps the brightest level of each sample over the first 25 frames after a cut, and looks
/// at frames 1, 2, 4, 8, 16 and 25. So a dark lumen at the edge counts to the view once it was lit. The
/// rectangle is that of `FieldOfView`. If at least a twentieth of the samples stays darker than 33, a
/// corner is outside, too: a sample of the rectangle is outside if it does not lie between lit samples
/// both in its row and in its column, and the same is true of its mirror image, left to right or top to
/// bottom. Views are round or have cut corners, also where one side is cut off, so their border has such
/// an image; a lumen in one corner that stays dark has none and is inside. Each estimate uses frames of
/// the past alone.
package struct ViewTracker {
  private static let looks: Set = [1, 2, 4, 8, 16, 25]
  private static let highestBorder = 32.0
  private static let contrast = 9.0

  private var brightest: Tensor?
  private var count = 0
  private var view: VideoView?

  /// Starts before the first frame.
  package init() {}

  /// Forgets the view, at a cut.
  package mutating func reset() { (brightest, count, view) = (nil, 0, nil) }

  /// Takes a frame into account and returns the view.
  ///
  /// - Parameters:
  ///   - samples: the samples of the frame, float32 3×h×w.
  ///   - step: the distance of samples in the frame.
  ///   - height: the height of the frame.
  ///   - width: the width of the frame.
  /// - Returns: the view as far as it is known.
  /// - Throws: `TorchError` if the shapes do not fit.
  package mutating func view(_ samples: Tensor, step: Int, height: Int, width: Int) throws -> VideoView {
    if let view, count >= 25 { return view }
    let known = try brightest.map { try $0.maximum(samples) } ?? samples
    (brightest, count) = (known, count + 1)
    if let view, !Self.looks.contains(count) { return view }
    let found = try Self.view(known, step: step, height: height, width: width)
    view = found
    return found
  }

  private static func view(_ brightest: Tensor, step: Int, height: Int, width: Int) throws -> VideoView {
    let field = try FieldOfView(of: brightest.to(.uint8))
    let shape = try brightest.sizes(rank: 3, "the samples")
    let levels = try brightest.max([0])
    let border = try levels.reshaped([-1]).sorted(dim: 0).values
      .selected(dim: 0, index: levels.count / 20).item()
    var part = try levels.narrowed(dim: 0, start: field.rows.lowerBound, length: field.rows.count)
      .narrowed(dim: 1, start: field.columns.lowerBound, length: field.columns.count)
    part =
      try border <= highestBorder
      ? withoutCorners(part.greater(than: border + contrast)) : .ones(part.shape)
    let inside = try part.padded([
      field.columns.lowerBound, shape[2] - field.columns.upperBound,
      field.rows.lowerBound, shape[1] - field.rows.upperBound,
    ])
    func pixels(_ range: Range<Int>, _ side: Int) -> Range<Int> {
      range.lowerBound * step..<min(side, range.upperBound * step)
    }
    func places(_ side: Int) throws -> Tensor {
      try (Tensor.arange(to: side).to(.float64) / Double(step)).floor().to(.int64)
    }
    let large = try inside.indexed(places(height), dim: 0).indexed(places(width), dim: 1)
    return VideoView(
      rows: pixels(field.rows, height), columns: pixels(field.columns, width), inside: large,
      insideSamples: inside, share: try inside.mean().item())
  }

  /// Returns 0 for dark corners that have a mirror image, and else 1, float32 of the same shape.
  private static func withoutCorners(_ lit: Tensor) throws -> Tensor {
    let outside = try 1 - hull(lit.to(.float32))
    return try 1 - outside * outside.flipped([0]).maximum(outside.flipped([1]))
  }

  /// Returns 1 between lit samples of the row and of the column, float32 of the same shape.
  private static func hull(_ lit: Tensor) throws -> Tensor {
    func between(_ dim: Int) throws -> Tensor {
      let before = try lit.cumulativeSum(dim: dim).greater(than: 0)
      let after = try lit.flipped([dim]).cumulativeSum(dim: dim).flipped([dim]).greater(than: 0)
      return try before.and(after)
    }
    return try between(0).and(between(1)).to(.float32)
  }
}
