import Imaging

/// The run lengths of COCO: column by column over the whole image.
extension RunLengths {
  /// Reads compressed run lengths of COCO.
  ///
  /// A character from `0` on holds five bits of a number, lowest first, and whether more follow. From
  /// the fourth number on it is the difference to the number two before. The last character of a
  /// number states its sign.
  ///
  /// - Parameters:
  ///   - text: the characters.
  ///   - width: the columns of the image.
  ///   - height: the rows of the image.
  /// - Throws: `RunLengthError`, also if the runs do not cover the image.
  package init(cocoText text: String, width: Int, height: Int) throws {
    let area = try Self.area(width: width, height: height)
    var (counts, number, shift): ([Int], Int, Int) = ([], 0, 0)
    var sum = 0
    for (place, byte) in text.utf8.enumerated() {
      // Seven characters hold more than any area.
      guard (48..<112).contains(byte), shift <= 30 else { throw RunLengthError.symbol(at: place) }
      let bits = Int(byte) - 48
      number |= (bits & 0x1F) << shift
      shift += 5
      if bits & 0x20 != 0 { continue }
      if bits & 0x10 != 0 { number |= -1 << shift }
      if counts.count > 2 { number += counts[counts.count - 2] }
      guard number >= 0, number <= area - sum else {
        throw RunLengthError.length(number, sum: sum, area: area)
      }
      sum += number
      counts.append(number)
      (number, shift) = (0, 0)
    }
    guard shift == 0 else { throw RunLengthError.cut }
    guard sum == area else { throw RunLengthError.short(sum: sum, area: area) }
    try self.init(width: width, height: height, counts: counts, order: .columns)
  }

  /// Reads uncompressed run lengths of COCO.
  ///
  /// - Throws: `RunLengthError`, also if the runs do not cover the image.
  package init(cocoCounts counts: [Int], width: Int, height: Int) throws {
    try self.init(width: width, height: height, counts: counts, order: .columns)
    let sum = self.counts.reduce(0) { $0 + Int($1) }
    guard sum == width * height else { throw RunLengthError.short(sum: sum, area: width * height) }
  }

  /// The compressed run lengths of COCO; meant for runs by columns over a whole image.
  package var cocoText: String {
    var bytes: [UInt8] = []
    for (index, count) in counts.enumerated() {
      var number = Int(count)
      if index > 2 { number -= Int(counts[index - 2]) }
      var more = true
      while more {
        var bits = number & 0x1F
        number >>= 5
        more = bits & 0x10 != 0 ? number != -1 : number != 0
        if more { bits |= 0x20 }
        bytes.append(UInt8(bits + 48))
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Describes a part of a mask as COCO does: by columns over the whole image.
  ///
  /// - Parameters:
  ///   - component: the part.
  ///   - width: the columns of the image.
  ///   - height: the rows of the image.
  /// - Throws: `RunLengthError` for an image that is too large.
  package init(columnsOf component: MaskComponent, width: Int, height: Int) throws {
    let box = component.box
    var found: [(column: Int, rows: Range<Int>)] = []
    var runs = CrossRuns(places: width)
    let rows = component.rowFlips
    for (index, flips) in rows.enumerated() {
      runs.add(flips, line: box.y + index) { found.append(($0, $1)) }
    }
    runs.add([], line: box.y + box.height) { found.append(($0, $1)) }
    found.sort { ($0.column, $0.rows.lowerBound) < ($1.column, $1.rows.lowerBound) }
    try self.init(
      width: width, height: height, order: .columns,
      runs: found.lazy.map {
        $0.column * height + $0.rows.lowerBound..<$0.column * height + $0.rows.upperBound
      })
  }

  /// Describes a part of a mask as CVAT does: by rows of its box.
  ///
  /// - Throws: `RunLengthError` for a box that is too large.
  package init(rowsOf component: MaskComponent) throws {
    let box = component.box
    var runs: [Range<Int>] = []
    for (index, flips) in component.rowFlips.enumerated() {
      let start = index * box.width - box.x
      for place in stride(from: 0, to: flips.count - 1, by: 2) {
        runs.append(start + flips[place]..<start + flips[place + 1])
      }
    }
    try self.init(x: box.x, y: box.y, width: box.width, height: box.height, order: .rows, runs: runs)
  }

  /// Makes the lengths from foreground runs in order; the last length reaches the last pixel.
  init(
    x: Int = 0, y: Int = 0, width: Int, height: Int, order: Order, runs: some Sequence<Range<Int>>
  ) throws {
    let area = try Self.area(width: width, height: height)
    var (counts, end): ([Int], Int) = ([], 0)
    for run in runs where !run.isEmpty {
      if run.lowerBound == end, !counts.isEmpty {
        counts[counts.count - 1] += run.count
      } else {
        counts += [run.lowerBound - end, run.count]
      }
      end = run.upperBound
    }
    if end < area { counts.append(area - end) }
    try self.init(x: x, y: y, width: width, height: height, counts: counts, order: order)
  }
}
