/// The runs of equal values in samples, found eight samples at a time.
///
/// A codec of run lengths, a tracer of outlines and a raster all work on runs, so that their cost
/// follows the borders of a mask and not its pixels.
package struct PixelRuns: Sequence, IteratorProtocol {
  /// Samples next to each other that have one value.
  package struct Run: Equatable, Sendable {
    /// The position of the first sample.
    package var start: Int
    /// The position after the last sample.
    package var end: Int
    /// The value.
    package var value: UInt8

    /// The number of samples.
    package var length: Int { end - start }
  }

  private let samples: UnsafeRawBufferPointer
  private let end: Int
  private var position: Int

  /// Finds the runs of a part of samples.
  ///
  /// - Parameters:
  ///   - samples: the samples, which must live as long as the sequence.
  ///   - range: the part, within the samples.
  package init(of samples: UnsafeRawBufferPointer, in range: Range<Int>) {
    self.samples = samples
    let whole = 0..<samples.count
    (position, end) = (range.clamped(to: whole).lowerBound, range.clamped(to: whole).upperBound)
  }

  /// The next run.
  package mutating func next() -> Run? {
    guard position < end else { return nil }
    let start = position
    let value = samples[start]
    let splat = UInt64(value) &* 0x0101_0101_0101_0101
    var at = start + 1
    while at + 8 <= end {
      let word = UInt64(littleEndian: samples.loadUnaligned(fromByteOffset: at, as: UInt64.self)) ^ splat
      guard word == 0 else {
        position = at + word.trailingZeroBitCount / 8
        return Run(start: start, end: position, value: value)
      }
      at += 8
    }
    while at < end, samples[at] == value { at += 1 }
    position = at
    return Run(start: start, end: at, value: value)
  }
}

extension Image {
  /// The columns of the runs that are not 0: start and end of each, row after row.
  ///
  /// - Returns: the columns, two for a run, and for each row the place of its first column, with the
  ///   number of columns as the last place.
  package func foregroundRuns() -> (columns: [Int32], rows: [Int]) {
    var columns: [Int32] = []
    var rows = [0]
    rows.reserveCapacity(height + 1)
    pixels.withUnsafeBytes { samples in
      for y in 0..<height {
        let row = y * width
        var before = -1
        for run in PixelRuns(of: samples, in: row..<row + width) where run.value != 0 {
          // Labels that touch are one run.
          if run.start == before { columns.removeLast() } else { columns.append(Int32(run.start - row)) }
          columns.append(Int32(run.end - row))
          before = run.end
        }
        rows.append(columns.count)
      }
    }
    return (columns, rows)
  }
}
