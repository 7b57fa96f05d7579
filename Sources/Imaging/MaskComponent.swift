/// A part of a mask whose pixels touch at sides or corners, with its outline on pixel corners.
package struct MaskComponent: Equatable, Sendable {
  /// A corner of pixels; (0, 0) is the outer corner of the first pixel.
  package struct Point: Hashable, Codable, Sendable {
    /// The column, from 0 to the width.
    package var x: Int
    /// The row, from 0 to the height.
    package var y: Int

    package init(_ x: Int, _ y: Int) { (self.x, self.y) = (x, y) }
  }

  /// The smallest box that holds it.
  package struct Box: Hashable, Codable, Sendable {
    /// The first column.
    package var x: Int
    /// The first row.
    package var y: Int
    /// The number of columns.
    package var width: Int
    /// The number of rows.
    package var height: Int

    package init(x: Int, y: Int, width: Int, height: Int) {
      (self.x, self.y, self.width, self.height) = (x, y, width, height)
    }
  }

  /// The smallest box that holds it.
  package let box: Box
  /// The number of its pixels.
  package let area: Int
  /// The rings of its border: the outer one first, then its holes.
  ///
  /// A ring is closed without repeating its first point. The outer ring goes clockwise on the screen,
  /// a hole the other way round. A pixel belongs to the component where an odd number of rings
  /// enclose it. Where two of its pixels touch at a corner only, the outer ring passes there twice.
  package let outline: [[Point]]

  /// The columns where inside flips, ascending, for each row of the box.
  package var rowFlips: [[Int]] {
    var flips = [[Int]](repeating: [], count: box.height)
    for ring in outline {
      for (index, point) in ring.enumerated() {
        let next = ring[index + 1 < ring.count ? index + 1 : 0]
        guard next.x == point.x else { continue }
        for row in min(point.y, next.y)..<max(point.y, next.y) { flips[row - box.y].append(point.x) }
      }
    }
    return flips.map { $0.sorted() }
  }
}

/// Finds the components of masks.
///
/// The work follows the runs of the rows: a union of touching runs, and links between their ends.
package enum MaskComponents {
  /// Finds the components of a mask, in the order of their first pixels.
  ///
  /// - Parameter mask: one channel; any value but 0 belongs to a component.
  /// - Returns: the components; none for an empty mask.
  /// - Throws: `ImagingError.invalidImage` for a picture of colours.
  package static func find(in mask: Image) throws -> [MaskComponent] {
    guard mask.channels == 1 else {
      throw ImagingError.invalidImage(reason: "a mask has one channel, this picture \(mask.channels)")
    }
    var tracer = RunTracer(mask)
    tracer.link()
    return tracer.components()
  }

  /// Returns the component of every pixel, row by row: 0 is background, 1 the first component.
  ///
  /// - Parameters:
  ///   - components: the components of a mask.
  ///   - width: the columns of the mask.
  ///   - height: the rows of the mask.
  /// - Returns: width × height numbers.
  package static func labels(of components: [MaskComponent], width: Int, height: Int) -> [Int32] {
    var labels = [Int32](repeating: 0, count: max(0, width) * max(0, height))
    labels.withUnsafeMutableBufferPointer { labels in
      for (index, component) in components.enumerated() {
        for (place, flips) in component.rowFlips.enumerated() {
          let row = component.box.y + place
          guard (0..<height).contains(row) else { continue }
          for flip in stride(from: 0, to: flips.count - 1, by: 2) {
            let run = (flips[flip]..<flips[flip + 1]).clamped(to: 0..<width)
            labels[row * width + run.lowerBound..<row * width + run.upperBound]
              .update(repeating: Int32(truncatingIfNeeded: index + 1))
          }
        }
      }
    }
    return labels
  }
}

/// Links the ends of runs to outlines.
///
/// Each run has two sides: its left one is walked upwards, its right one downwards, so the mask is
/// always on the right hand. `next` leads from a side to the side that follows in its ring.
private struct RunTracer {
  private let columns: [Int32]
  private let rows: [Int]
  private let height: Int
  private var next: [Int]
  /// The run that each run points to, an earlier one that it touches.
  private var parents: [Int]

  init(_ mask: Image) {
    (columns, rows) = mask.foregroundRuns()
    height = mask.height
    next = [Int](repeating: 0, count: columns.count)
    parents = Array(0..<columns.count / 2)
  }

  /// Links all sides, level by level from the top.
  mutating func link() {
    for level in 0...height {
      let above = level > 0 ? rows[level - 1]..<rows[level] : 0..<0
      let below = level < height ? rows[level]..<rows[level + 1] : 0..<0
      unite(above, below)
      link(above, below)
    }
  }

  private mutating func root(_ run: Int) -> Int {
    var run = run
    while parents[run] != run {
      parents[run] = parents[parents[run]]
      run = parents[run]
    }
    return run
  }

  /// Unites the runs of two rows that touch at sides or corners.
  private mutating func unite(_ above: Range<Int>, _ below: Range<Int>) {
    var (a, b) = (above.lowerBound, below.lowerBound)
    while a < above.upperBound, b < below.upperBound {
      if columns[a] <= columns[b + 1], columns[b] <= columns[a + 1] {
        let (first, second) = (root(a / 2), root(b / 2))
        if first != second { parents[max(first, second)] = min(first, second) }
      }
      if columns[a + 1] <= columns[b + 1] { a += 2 } else { b += 2 }
    }
  }

  /// Links the sides that meet between two rows.
  private mutating func link(_ above: Range<Int>, _ below: Range<Int>) {
    var (a, b) = (above.lowerBound, below.lowerBound)
    // The side at which the horizontal border in progress begins, and whether its walk ends there.
    var open: (side: Int, arrives: Bool)?
    while a < above.upperBound || b < below.upperBound {
      let isAbove = b >= below.upperBound || a < above.upperBound && columns[a] < columns[b]
      let isBelow = a >= above.upperBound || b < below.upperBound && columns[b] < columns[a]
      if isAbove || isBelow {
        let side = isAbove ? a : b
        let arrives = isAbove ? a % 2 == 1 : b % 2 == 0
        if let start = open {
          if start.arrives { next[start.side] = side } else { next[side] = start.side }
          open = nil
        } else {
          open = (side, arrives)
        }
        if isAbove { a += 1 } else { b += 1 }
        continue
      }
      if a % 2 == b % 2 {
        // The border goes straight on.
        if a % 2 == 1 { next[a] = b } else { next[b] = a }
      } else if let start = open {
        // Two pixels touch at this corner; the ring passes between the others.
        if b % 2 == 1 { next[start.side] = a } else { next[b] = start.side }
        open = b % 2 == 1 ? (b, false) : (a, true)
      }
      a += 1
      b += 1
    }
  }

  /// Collects the components with their rings.
  mutating func components() -> [MaskComponent] {
    let lines = (0..<height).flatMap { row in repeatElement(row, count: rows[row + 1] - rows[row]) }
    var places = [Int](repeating: -1, count: parents.count)
    var owners = [Int](repeating: 0, count: parents.count)
    var found: [(left: Int, top: Int, right: Int, bottom: Int, area: Int, outline: [[MaskComponent.Point]])] =
      []
    for run in parents.indices {
      let (first, last, row) = (Int(columns[2 * run]), Int(columns[2 * run + 1]), lines[2 * run])
      let parent = root(run)
      if places[parent] < 0 {
        places[parent] = found.count
        found.append((first, row, last, row + 1, 0, []))
      }
      let place = places[parent]
      owners[run] = place
      found[place].left = min(found[place].left, first)
      found[place].right = max(found[place].right, last)
      found[place].bottom = row + 1
      found[place].area += last - first
    }
    var isSeen = [Bool](repeating: false, count: columns.count)
    // The first run of a component begins its outer ring, so this ring comes first.
    for first in columns.indices where !isSeen[first] {
      var ring: [MaskComponent.Point] = []
      var side = first
      while !isSeen[side] {
        isSeen[side] = true
        let following = next[side]
        let isRight = side % 2 == 1
        let goesOn =
          columns[following] == columns[side] && following % 2 == side % 2
          && lines[following] - lines[side] == (isRight ? 1 : -1)
        if !goesOn {
          ring.append(.init(Int(columns[side]), lines[side] + (isRight ? 1 : 0)))
          ring.append(.init(Int(columns[following]), lines[following] + (following % 2 == 1 ? 0 : 1)))
        }
        side = following
      }
      found[owners[first / 2]].outline.append(ring)
    }
    return found.map { part in
      MaskComponent(
        box: .init(
          x: part.left, y: part.top, width: part.right - part.left, height: part.bottom - part.top),
        area: part.area, outline: part.outline)
    }
  }
}
