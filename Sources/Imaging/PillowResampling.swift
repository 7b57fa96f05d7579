import Torch

/// Resizes 8-bit images exactly like Pillow: antialiased, in two passes of integers.
///
/// The operators of libtorch do not round between the passes, or round in another way. They differ
/// by up to 27 levels.
public struct PillowResampling: Sendable {
  /// The filters in the files of CLIP; raw values are Pillow's.
  public enum Filter: Int, Sendable {
    /// Linear over one pixel to each side.
    case bilinear = 2
    /// Cubic over two pixels to each side, a = −0.5.
    case bicubic = 3

    fileprivate var support: Double { self == .bilinear ? 1 : 2 }

    fileprivate func callAsFunction(_ value: Double) -> Double {
      let x = abs(value)
      switch self {
      case .bilinear: return x < 1 ? 1 - x : 0
      case .bicubic:
        let a = -0.5
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
      }
    }
  }

  /// The filter.
  public let filter: Filter

  /// Makes a resampling with a filter.
  public init(_ filter: Filter = .bicubic) { self.filter = filter }

  /// Resizes an image, each channel separately.
  ///
  /// - Parameters:
  ///   - image: uint8, C×H×W.
  ///   - height: the new height.
  ///   - width: the new width.
  /// - Returns: uint8, C×height×width.
  /// - Throws: `TorchError` for other shapes or types, and for sizes below 1.
  public func callAsFunction(_ image: Tensor, height: Int, width: Int) throws -> Tensor {
    try self(image, height: height, width: width, rows: 0..<max(1, height), columns: 0..<max(1, width))
  }

  /// Computes a part of a resized image, each channel separately.
  ///
  /// Memory depends on the sizes of the image and of the part, not on the new size of the whole.
  ///
  /// - Parameters:
  ///   - image: uint8, C×H×W.
  ///   - height: the new height of the whole.
  ///   - width: the new width of the whole.
  ///   - rows: the rows of the resized image to compute.
  ///   - columns: the columns of the resized image to compute.
  /// - Returns: uint8, C×rows×columns, with the same samples as the whole.
  /// - Throws: `TorchError` for other shapes or types, for sizes below 1, and for a part that is empty
  ///   or outside the whole.
  public func callAsFunction(
    _ image: Tensor, height: Int, width: Int, rows: Range<Int>, columns: Range<Int>
  ) throws -> Tensor {
    let sizes = try image.sizes(rank: 3, "the image")
    guard image.dtype == .uint8, sizes.allSatisfy({ $0 > 0 }), height > 0, width > 0 else {
      throw TorchError.value(
        "\(image.dtype) \(sizes) cannot be resized to \(height)×\(width); give uint8 C×H×W and sizes above 0")
    }
    guard !rows.isEmpty, !columns.isEmpty, rows.lowerBound >= 0, columns.lowerBound >= 0,
      rows.upperBound <= height, columns.upperBound <= width
    else {
      throw TorchError.value("rows \(rows) and columns \(columns) are not inside \(height)×\(width) pixels")
    }
    let down = ResamplingAxis(filter: filter, size: sizes[1], newSize: height, outputs: rows)
    let across = ResamplingAxis(filter: filter, size: sizes[2], newSize: width, outputs: columns)
    var planes = Planes(try image.array(), count: sizes[0], height: sizes[1], width: sizes[2])
    // Pillow 13 reduces columns first if that removes much more. Older versions never do; this
    // matters for tall images.
    if height < sizes[1], sizes[1] - height > 2 * (sizes[2] - width) {
      planes = planes.vertical(down, columns: across.inputs).horizontal(across, rows: rows)
    } else {
      planes = planes.horizontal(across, rows: down.inputs).vertical(down, columns: columns)
    }
    return try Tensor(planes.samples, shape: [sizes[0], rows.count, columns.count])
  }
}

/// One side of a resize: which inputs make an output, and with which weights.
private struct ResamplingAxis {
  /// Weights are integers, scaled by 2²² as in Pillow.
  static let bits: Int32 = 22
  /// One half, which rounds a sum of weighted samples.
  static let half: Int32 = 1 << (bits - 1)

  let filter: PillowResampling.Filter
  /// The size of the image, and of the whole result.
  let size, newSize: Int
  /// The outputs to compute.
  let outputs: Range<Int>

  /// Whether outputs are the inputs of the same position.
  var isCopy: Bool { size == newSize }
  /// The inputs of all outputs.
  var inputs: Range<Int> {
    isCopy ? outputs : window(outputs.lowerBound).lowerBound..<window(outputs.upperBound - 1).upperBound
  }
  private var scale: Double { Double(size) / Double(newSize) }
  private var spread: Double { max(scale, 1) }
  private var support: Double { filter.support * spread }

  private func centre(_ output: Int) -> Double { (Double(output) + 0.5) * scale }

  /// The inputs of one output.
  func window(_ output: Int) -> Range<Int> {
    let centre = centre(output)
    let start = max(0, Int(centre - support + 0.5))
    return start..<max(start, min(size, Int(centre + support + 0.5)))
  }

  /// The weights of the inputs of one output.
  func weights(_ output: Int) -> [Int32] {
    let centre = centre(output)
    let values = window(output).map { filter((Double($0) - centre + 0.5) / spread) }
    let sum = values.reduce(0, +)
    return values.map { value in
      let scaled = sum != 0 ? value / sum * Double(1 << Self.bits) : 0
      return Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    }
  }
}

/// A part of the planes of an image, with its place in them.
private struct Planes {
  let samples: [UInt8]
  let count, height, width: Int
  /// The row and column of the first sample.
  let top, left: Int

  init(_ samples: [UInt8], count: Int, height: Int, width: Int, top: Int = 0, left: Int = 0) {
    (self.samples, self.count, self.height, self.width) = (samples, count, height, width)
    (self.top, self.left) = (top, left)
  }

  /// The number of weights that are kept at a time; it bounds memory for very wide images.
  private static let weightLimit = 1 << 20

  /// Resizes rows of the planes across.
  func horizontal(_ axis: ResamplingAxis, rows: Range<Int>) -> Planes {
    let newWidth = axis.outputs.count
    let made = [UInt8](unsafeUninitializedCapacity: count * rows.count * newWidth) { target, used in
      samples.withUnsafeBufferPointer { source in
        var next = axis.outputs.lowerBound
        while next < axis.outputs.upperBound {
          let first = next
          var (starts, ends, weights): ([Int], [Int], [Int32]) = ([], [], [])
          while next < axis.outputs.upperBound, weights.count < Self.weightLimit {
            starts.append((axis.isCopy ? next : axis.window(next).lowerBound) - left)
            weights += axis.isCopy ? [1 << ResamplingAxis.bits] : axis.weights(next)
            ends.append(weights.count)
            next += 1
          }
          weights.withUnsafeBufferPointer { weights in
            for line in 0..<count * rows.count {
              let row = line / rows.count * height + line % rows.count + rows.lowerBound - top
              let to = line * newWidth + first - axis.outputs.lowerBound
              var tap = 0
              for x in 0..<starts.count {
                var from = row &* width &+ starts[x]
                var sum = ResamplingAxis.half
                while tap < ends[x] {
                  sum &+= Int32(source[from]) &* weights[tap]
                  from &+= 1
                  tap &+= 1
                }
                target[to &+ x] = UInt8(clamping: sum >> ResamplingAxis.bits)
              }
            }
          }
        }
      }
      used = count * rows.count * newWidth
    }
    return Planes(
      made, count: count, height: rows.count, width: newWidth, top: rows.lowerBound,
      left: axis.outputs.lowerBound)
  }

  /// Resizes columns of the planes down.
  func vertical(_ axis: ResamplingAxis, columns: Range<Int>) -> Planes {
    let newHeight = axis.outputs.count
    var sums = [Int32](repeating: 0, count: columns.count)
    let made = [UInt8](unsafeUninitializedCapacity: count * newHeight * columns.count) { target, used in
      samples.withUnsafeBufferPointer { source in
        sums.withUnsafeMutableBufferPointer { sums in
          for y in 0..<newHeight {
            let output = axis.outputs.lowerBound + y
            let start = (axis.isCopy ? output : axis.window(output).lowerBound) - top
            let weights = axis.isCopy ? [1 << ResamplingAxis.bits] : axis.weights(output)
            for plane in 0..<count {
              sums.update(repeating: ResamplingAxis.half)
              for tap in 0..<weights.count {
                let weight = weights[tap]
                let from = (plane * height + start + tap) * width + columns.lowerBound - left
                var x = 0
                while x < sums.count {
                  sums[x] &+= Int32(source[from &+ x]) &* weight
                  x &+= 1
                }
              }
              let to = (plane * newHeight + y) * sums.count
              for x in 0..<sums.count { target[to + x] = UInt8(clamping: sums[x] >> ResamplingAxis.bits) }
            }
          }
        }
      }
      used = count * newHeight * columns.count
    }
    return Planes(
      made, count: count, height: newHeight, width: columns.count, top: axis.outputs.lowerBound,
      left: columns.lowerBound)
  }
}
