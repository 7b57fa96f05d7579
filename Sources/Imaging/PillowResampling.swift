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

  /// Weights are integers, scaled by 2²² as in Pillow.
  private static let bits: Int32 = 22

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
    let sizes = try image.sizes(rank: 3, "the image")
    guard image.dtype == .uint8, sizes.allSatisfy({ $0 > 0 }), height > 0, width > 0 else {
      throw TorchError.value(
        "\(image.dtype) \(sizes) cannot be resized to \(height)×\(width); give uint8 C×H×W and sizes above 0")
    }
    let samples = resized(
      try image.array(), planes: sizes[0], height: sizes[1], width: sizes[2], newHeight: height,
      newWidth: width)
    return try Tensor(samples, shape: [sizes[0], height, width])
  }

  /// Resizes planes of `height`×`width` samples to planes of `newHeight`×`newWidth`.
  private func resized(
    _ samples: [UInt8], planes: Int, height: Int, width: Int, newHeight: Int, newWidth: Int
  ) -> [UInt8] {
    var result = samples
    var (rows, columns) = (height, width)
    func narrow() {
      guard newWidth != columns else { return }
      result = horizontal(result, rows: planes * rows, from: columns, to: newWidth)
      columns = newWidth
    }
    func shorten() {
      guard newHeight != rows else { return }
      result = vertical(result, planes: planes, columns: columns, from: rows, to: newHeight)
      rows = newHeight
    }
    // Pillow 13 reduces columns first if that removes much more. Older versions never do; this
    // matters for tall images.
    if newHeight < height, height - newHeight > 2 * (width - newWidth) {
      shorten()
      narrow()
    } else {
      narrow()
      shorten()
    }
    return result
  }

  private struct Taps {
    let starts: [Int]
    let counts: [Int]
    /// The weights; there are `width` for each output sample.
    let weights: [Int32]
    let width: Int
  }

  private func taps(from size: Int, to newSize: Int) -> Taps {
    let scale = Double(size) / Double(newSize)
    let spread = max(scale, 1)
    let support = filter.support * spread
    let width = Int(support.rounded(.up)) * 2 + 1
    var (starts, counts, weights): ([Int], [Int], [Int32]) = ([], [], [])
    weights.reserveCapacity(newSize * width)
    for index in 0..<newSize {
      let centre = (Double(index) + 0.5) * scale
      let start = max(0, Int(centre - support + 0.5))
      let count = min(size, Int(centre + support + 0.5)) - start
      let values = (0..<count).map { filter((Double($0 + start) - centre + 0.5) / spread) }
      let sum = values.reduce(0, +)
      starts.append(start)
      counts.append(count)
      for tap in 0..<width {
        let value = tap < count && sum != 0 ? values[tap] / sum * Double(1 << Self.bits) : 0
        weights.append(Int32(value < 0 ? value - 0.5 : value + 0.5))
      }
    }
    return Taps(starts: starts, counts: counts, weights: weights, width: width)
  }

  private func horizontal(_ samples: [UInt8], rows: Int, from size: Int, to newSize: Int) -> [UInt8] {
    let taps = taps(from: size, to: newSize)
    return [UInt8](unsafeUninitializedCapacity: rows * newSize) { target, used in
      samples.withUnsafeBufferPointer { source in
        taps.weights.withUnsafeBufferPointer { weights in
          for row in 0..<rows {
            for x in 0..<newSize {
              let first = row &* size &+ taps.starts[x]
              let count = taps.counts[x]
              var sum: Int32 = 1 << (Self.bits - 1)
              var tap = 0
              while tap < count {
                sum &+= Int32(source[first &+ tap]) &* weights[x &* taps.width &+ tap]
                tap &+= 1
              }
              target[row &* newSize &+ x] = UInt8(clamping: sum >> Self.bits)
            }
          }
        }
      }
      used = rows * newSize
    }
  }

  private func vertical(
    _ samples: [UInt8], planes: Int, columns: Int, from size: Int, to newSize: Int
  ) -> [UInt8] {
    let taps = taps(from: size, to: newSize)
    var sums = [Int32](repeating: 0, count: columns)
    return [UInt8](unsafeUninitializedCapacity: planes * newSize * columns) { target, used in
      samples.withUnsafeBufferPointer { source in
        sums.withUnsafeMutableBufferPointer { sums in
          for plane in 0..<planes {
            for y in 0..<newSize {
              sums.update(repeating: 1 << (Self.bits - 1))
              for tap in 0..<taps.counts[y] {
                let weight = taps.weights[y * taps.width + tap]
                let from = (plane * size + taps.starts[y] + tap) * columns
                var x = 0
                while x < columns {
                  sums[x] &+= Int32(source[from &+ x]) &* weight
                  x &+= 1
                }
              }
              let to = (plane * newSize + y) * columns
              for x in 0..<columns { target[to + x] = UInt8(clamping: sums[x] >> Self.bits) }
            }
          }
        }
      }
      used = planes * newSize * columns
    }
  }
}
