/// The smallest rectangle that contains every pixel of value 1 of some masks.
struct BoundingBox: Equatable {
  /// The columns of the rectangle.
  let columns: Range<Int>

  /// The rows of the rectangle.
  let rows: Range<Int>

  /// Finds the rectangle around two masks of one size; `nil` if both are empty.
  init?(around first: BinaryMask, _ second: BinaryMask) {
    let width = first.width
    let height = first.height
    var left = width
    var right = -1
    var top = height
    var bottom = -1
    first.pixels.withUnsafeBufferPointer { a in
      second.pixels.withUnsafeBufferPointer { b in
        for y in 0..<height {
          let row = y * width
          var any: UInt8 = 0
          for index in row..<(row + width) { any |= a[index] | b[index] }
          guard any != 0 else { continue }
          if top == height { top = y }
          bottom = y
          for x in 0..<left where a[row + x] | b[row + x] != 0 {
            left = x
            break
          }
          var x = width - 1
          while x > right, a[row + x] | b[row + x] == 0 { x -= 1 }
          right = x
        }
      }
    }
    guard bottom >= 0 else { return nil }
    columns = left..<(right + 1)
    rows = top..<(bottom + 1)
  }
}

extension BinaryMask {
  /// Crops the mask to a rectangle that lies within it.
  func cropped(to box: BoundingBox) -> BinaryMask {
    guard box.columns.count < width || box.rows.count < height else { return self }
    var part: [UInt8] = []
    part.reserveCapacity(box.columns.count * box.rows.count)
    for y in box.rows {
      let start = y * width + box.columns.lowerBound
      part.append(contentsOf: pixels[start..<(start + box.columns.count)])
    }
    return BinaryMask(uncheckedWidth: box.columns.count, height: box.rows.count, pixels: part)
  }
}
