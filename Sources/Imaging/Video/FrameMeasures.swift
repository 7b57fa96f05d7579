import Torch

/// Numbers about a video frame, from which its marks follow (ours).
///
/// Colours are those of every k-th row and column, so that the shorter side has about 160 samples.
/// Sharpness is measured on about 360 rows or columns, each the mean of its neighbours, so that it
/// depends little on noise and on the size of the video.
package struct FrameMeasures: Sendable {
  /// The share of samples that are brighter than the dark level, of the whole frame.
  package let litShare: Double
  /// The share of warm samples among the lit ones in the view: red exceeds green and blue by a tenth.
  package let warmShare: Double
  /// The share of grey and white samples among the lit ones in the view: a saturation below 0.15.
  package let neutralShare: Double
  /// The variance of the Laplacian of the green channel in the view.
  package let sharpness: Double
  /// The share of each of 64 colours in the frame, four levels of each channel; the sum is 1.
  package let colours: [Double]
  /// The mean levels of 16×16 parts of each colour, from 0 to 255.
  package let layout: [Double]

  /// A sample is lit if its brightest colour exceeds this level.
  package static let darkLevel = 32.0
  private static let smallSide = 160
  private static let sharpSide = 360

  /// Reduces a frame to its samples.
  ///
  /// - Parameter frame: uint8, 3×H×W.
  /// - Returns: every k-th row and column, float32 3×h×w, and k.
  /// - Throws: `TorchError` for another shape.
  package static func samples(of frame: Tensor) throws -> (samples: Tensor, step: Int) {
    let shape = try frame.sizes(rank: 3, "the frame")
    let step = max(1, min(shape[1], shape[2]) / smallSide)
    let few = try frame.strided(dim: 1, by: step).strided(dim: 2, by: step)
    return (try few.to(.float32).contiguous(), step)
  }

  /// Measures a frame.
  ///
  /// - Parameters:
  ///   - frame: uint8, 3×H×W.
  ///   - samples: its samples, float32 3×h×w.
  ///   - inside: 1 for samples in the view, 0 outside, float32 h×w.
  ///   - rows: the rows of the view in the frame.
  ///   - columns: the columns of the view in the frame.
  /// - Throws: `TorchError` if the shapes do not fit.
  package init(
    _ frame: Tensor, samples: Tensor, inside: Tensor, rows: Range<Int>, columns: Range<Int>
  ) throws {
    let brightest = try samples.max([0])
    let isLit = try brightest.greater(than: Self.darkLevel).to(.float32)
    litShare = try isLit.mean().item()
    let counted = try isLit * inside
    let count = max(1, try counted.sum().item())
    let (red, green) = (try samples.selected(dim: 0, index: 0), try samples.selected(dim: 0, index: 1))
    let blue = try samples.selected(dim: 0, index: 2)
    let isWarm = try red.atLeast(green.maximum(blue) * 1.1).to(.float32)
    warmShare = try (isWarm * counted).sum().item() / count
    let spread = try brightest - samples.min([0])
    let isNeutral = try (spread - brightest * 0.15).less(than: 0).to(.float32)
    neutralShare = try (isNeutral * counted).sum().item() / count
    colours = try Self.colours(red, green, blue)
    layout = try samples.expandedDimension(0).averagePool(height: 16, width: 16).doubles()
    sharpness = try Self.sharpness(frame, rows, columns)
  }

  /// Shares a sample among the nearest of four levels of each colour, so that a slightly brighter frame
  /// has nearly the same colours.
  private static func colours(_ red: Tensor, _ green: Tensor, _ blue: Tensor) throws -> [Double] {
    let levels = try Tensor.arange(to: 4).to(.float32).expandedDimension(0)
    func weights(_ channel: Tensor) throws -> Tensor {
      let place = try (channel.reshaped([-1, 1]) / 64 - 0.5).clamped(min: 0, max: 3)
      return try (1 - (place - levels).magnitude()).clamped(min: 0)
    }
    let (first, second) = (try weights(red).expandedDimension(2), try weights(green).expandedDimension(1))
    let pairs = try (first * second).reshaped([-1, 16])
    let sums = try pairs.transposed().matmul(weights(blue))
    return try (sums / Double(max(1, pairs.count / 16))).reshaped([-1]).doubles()
  }

  private static func sharpness(_ frame: Tensor, _ rows: Range<Int>, _ columns: Range<Int>) throws
    -> Double
  {
    let green = try frame.narrowed(dim: 0, start: 1, length: 1)
      .narrowed(dim: 1, start: rows.lowerBound, length: rows.count)
      .narrowed(dim: 2, start: columns.lowerBound, length: columns.count)
      .to(.float32).expandedDimension(0)
    let factor = max(1, min(try frame.size(1), try frame.size(2)) / sharpSide)
    let fits = factor > 1 && min(rows.count, columns.count) >= 3 * factor
    let reduced = fits ? try green.averagePool(factor) : green
    let (height, width) = (try reduced.size(2), try reduced.size(3))
    guard height > 2, width > 2 else { return 0 }
    func shifted(_ down: Int, _ right: Int) throws -> Tensor {
      try reduced.narrowed(dim: 2, start: down, length: height - 2)
        .narrowed(dim: 3, start: right, length: width - 2)
    }
    let neighbours = try shifted(0, 1) + shifted(2, 1) + shifted(1, 0) + shifted(1, 2)
    return try (neighbours - shifted(1, 1) * 4).variance([0, 1, 2, 3], correction: 0).item()
  }

  /// The distance between the colours of two frames: half the sum of differences, from 0 to 1.
  package func colourDistance(to other: FrameMeasures) -> Double {
    zip(colours, other.colours).reduce(0) { $0 + abs($1.0 - $1.1) } / 2
  }

  /// The mean difference between the 16×16 parts of two frames, from 0 to 1.
  package func layoutDistance(to other: FrameMeasures) -> Double {
    let sum = zip(layout, other.layout).reduce(0) { $0 + abs($1.0 - $1.1) }
    return sum / Double(max(1, layout.count)) / 255
  }
}
