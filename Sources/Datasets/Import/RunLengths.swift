import Imaging

/// The pixels of a box as lengths of runs that alternate between background and foreground.
///
/// The first run is background and may be empty. Pixels after the last run are background.
package struct RunLengths: Equatable, Sendable {
  /// The order of the pixels.
  package enum Order: Equatable, Sendable {
    /// Row by row from the top left, as in CVAT and Label Studio.
    case rows
    /// Column by column from the top left, as in COCO.
    case columns
  }

  /// The first column of the box in the image.
  package let x: Int
  /// The first row of the box in the image.
  package let y: Int
  /// The columns of the box.
  package let width: Int
  /// The rows of the box.
  package let height: Int
  /// The lengths, background first.
  package let counts: [UInt32]
  /// The order of the pixels.
  package let order: Order

  /// The largest side of a box, and the largest distance of a box from the image.
  static let largestSide = 1 << 24

  /// Makes a mask of runs.
  ///
  /// - Parameters:
  ///   - x: the first column of the box in the image.
  ///   - y: the first row of the box in the image.
  ///   - width: the columns of the box.
  ///   - height: the rows of the box.
  ///   - counts: the lengths, background first; together at most the pixels of the box.
  ///   - order: the order of the pixels.
  /// - Throws: `RunLengthError` for a box without pixels or too large, and for wrong lengths.
  package init(x: Int = 0, y: Int = 0, width: Int, height: Int, counts: [Int], order: Order) throws {
    let area = try Self.area(width: width, height: height)
    guard (-Self.largestSide...Self.largestSide).contains(x),
      (-Self.largestSide...Self.largestSide).contains(y)
    else { throw RunLengthError.box(width: width, height: height) }
    var sum = 0
    for count in counts {
      guard count >= 0, count <= area - sum else { throw RunLengthError.length(count, sum: sum, area: area) }
      sum += count
    }
    (self.x, self.y, self.width, self.height, self.order) = (x, y, width, height, order)
    // An area fits in 32 bits.
    self.counts = counts.map { UInt32($0) }
  }

  /// The number of pixels of a box.
  ///
  /// - Throws: `RunLengthError.box` if it has none, or more than 32 bits count.
  static func area(width: Int, height: Int) throws -> Int {
    guard (1...largestSide).contains(width), (1...largestSide).contains(height),
      width * height <= Int(UInt32.max)
    else { throw RunLengthError.box(width: width, height: height) }
    return width * height
  }

  /// The number of foreground pixels.
  package var area: Int {
    counts.enumerated().reduce(0) { $0 + ($1.offset % 2 == 1 ? Int($1.element) : 0) }
  }

  /// Calls a function with the foreground runs as positions in the order of the pixels.
  ///
  /// Runs that touch come as one.
  func forEachRun(_ body: (Range<Int>) throws -> Void) rethrows {
    var (position, open) = (0, 0..<0)
    for (index, count) in counts.enumerated() {
      let next = position + Int(count)
      if index % 2 == 1, count > 0 {
        if open.upperBound == position, !open.isEmpty {
          open = open.lowerBound..<next
        } else {
          if !open.isEmpty { try body(open) }
          open = position..<next
        }
      }
      position = next
    }
    if !open.isEmpty { try body(open) }
  }
}

/// Lengths of runs that do not describe a mask.
package enum RunLengthError: Error, Equatable, CustomStringConvertible {
  /// A box without pixels, or one that is too large.
  case box(width: Int, height: Int)
  /// A length below 0 or beyond the last pixel.
  case length(Int, sum: Int, area: Int)
  /// Lengths that end before the last pixel.
  case short(sum: Int, area: Int)
  /// A character or byte that the coding does not have, at a place.
  case symbol(at: Int)
  /// A coding that is cut short.
  case cut
  /// A number of words that does not fit the size.
  case words(Int, wanted: Int)

  /// A part of a sentence, without the file.
  package var description: String {
    switch self {
    case .box(let width, let height): "a mask of \(width) × \(height) pixels cannot be read"
    case .length(let length, let sum, let area):
      "a run of \(length) pixels after \(sum) of \(area) does not fit the mask"
    case .short(let sum, let area): "the runs cover \(sum) of the \(area) pixels of the mask"
    case .symbol(let place): "the run lengths have a wrong character at place \(place)"
    case .cut: "the run lengths end too early"
    case .words(let count, let wanted): "the runs hold \(count) values, the image needs \(wanted)"
    }
  }
}

/// Turns runs along lines into runs across them, with work that follows the borders.
///
/// Lines come in order, each with the places where inside flips. A place of a line whose state differs
/// from that of the line before begins or ends a run across the lines.
struct CrossRuns {
  /// The line at which the open run of a place began; -1 where none is open.
  private var starts: [Int32]
  private var before: [Int] = []

  /// - Parameter places: the number of places of a line.
  init(places: Int) { starts = [Int32](repeating: -1, count: places) }

  /// Adds a line.
  ///
  /// - Parameters:
  ///   - flips: the places where inside flips, ascending and within the line; an even number.
  ///   - line: the number of the line, higher than those before.
  ///   - body: receives the place and the lines of a run that ended.
  mutating func add(_ flips: [Int], line: Int, _ body: (Int, Range<Int>) -> Void) {
    if flips == before { return }
    let old = before
    var (first, second, start) = (0, 0, -1)
    while first < old.count || second < flips.count {
      let place: Int
      if second >= flips.count || first < old.count && old[first] < flips[second] {
        place = old[first]
        first += 1
      } else if first >= old.count || flips[second] < old[first] {
        place = flips[second]
        second += 1
      } else {
        first += 1
        second += 1
        continue
      }
      guard start >= 0 else {
        start = place
        continue
      }
      for changed in start..<place {
        if starts[changed] < 0 {
          starts[changed] = Int32(truncatingIfNeeded: line)
        } else {
          body(changed, Int(starts[changed])..<line)
          starts[changed] = -1
        }
      }
      start = -1
    }
    before = flips
  }
}
