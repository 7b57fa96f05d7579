/// Returns a BMP file of 8 bits a pixel with a palette.
///
/// - Parameters:
///   - width: the width, a multiple of 4, so that rows need no padding.
///   - indices: the pixels, row by row from the top.
///   - colours: red, green and blue of each index.
/// - Returns: the bytes of the file.
package func paletteBitmap(width: Int, _ indices: [UInt8], colours: [[UInt8]]) -> [UInt8] {
  var bytes: [UInt8] = [0x42, 0x4D]
  func add(_ value: Int, _ count: Int) {
    for place in 0..<count { bytes.append(UInt8(value >> (8 * place) & 255)) }
  }
  let height = indices.count / width
  let start = 54 + 4 * colours.count
  for value in [start + indices.count, 0, start, 40, width, height] { add(value, 4) }
  for value in [1, 8] { add(value, 2) }
  for value in [0, indices.count, 0, 0, colours.count, 0] { add(value, 4) }
  for colour in colours { bytes += [colour[2], colour[1], colour[0], 0] }
  for row in (0..<height).reversed() { bytes += indices[row * width..<(row + 1) * width] }
  return bytes
}
