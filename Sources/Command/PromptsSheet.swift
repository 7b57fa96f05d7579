import Imaging
import Torch

/// A contact sheet of images and their changed versions: one row per image, one label per column.
///
/// A sheet that is too wide continues below, in blocks that all begin with the unchanged images.
struct PromptsSheet {
  /// The changed images of one column.
  struct Column {
    /// The lines above the column, such as "2 mucus" and "0.30".
    let label: [String]
    /// The images, N×3×S×S from 0 to 1.
    let images: Tensor
  }

  /// The widest sheet, in pixels.
  ///
  /// A screen shows this width without scaling.
  static let maximumWidth = 1400
  /// The white space between images, in pixels.
  private static let gap = 2

  private let columns: [Column]
  private let side: Int
  private let rows: Int

  /// Makes a sheet of columns, the unchanged images first.
  ///
  /// The other columns come in pairs that stay together.
  ///
  /// - Throws: `TorchError` for images of other shapes.
  init(_ columns: [Column]) throws {
    self.columns = columns
    (rows, side) = (try columns[0].images.size(0), try columns[0].images.size(-1))
  }

  /// The columns of each block, by index.
  private var blocks: [[Int]] {
    let fitting = max(1, (Self.maximumWidth / (side + Self.gap) - 1) / 2) * 2
    return stride(from: 1, to: max(2, columns.count), by: fitting).map { first in
      [0] + Array(first..<max(first, min(first + fitting, columns.count)))
    }
  }

  /// The labels that fit above an image, and the size of their letters.
  private var labels: (lines: [[String]], scale: Int) {
    let all = columns.map(\.label)
    for scale in [2, 1]
    where all.joined().allSatisfy({ PixelFont.width(of: $0, scale: scale) <= side }) { return (all, scale) }
    // The printed table maps column numbers to columns.
    return (all.indices.map { ["\($0 + 1)"] }, 1)
  }

  /// Draws the sheet.
  ///
  /// - Throws: `TorchError` or `ImagingError`.
  func image() throws -> Image {
    let (lines, scale) = labels
    let band = (lines.map(\.count).max() ?? 0) * PixelFont.lineHeight(scale: scale) + Self.gap
    let (blocks, step) = (blocks, side + Self.gap)
    let width = (blocks.map(\.count).max() ?? 0) * step
    let blockHeight = band + rows * step
    var canvas = [UInt8](repeating: 255, count: width * blocks.count * blockHeight * 3)
    for (number, block) in blocks.enumerated() {
      for (place, column) in block.enumerated() {
        let (left, top) = (place * step, number * blockHeight)
        for (index, line) in lines[column].enumerated() {
          PixelFont.draw(
            line, on: &canvas, width: width, left: left,
            top: top + index * PixelFont.lineHeight(scale: scale),
            scale: scale)
        }
        try draw(columns[column].images, on: &canvas, width: width, left: left, top: top + band)
      }
    }
    return try Image(width: width, height: blocks.count * blockHeight, channels: 3, pixels: canvas)
  }

  /// Draws images in a column, from top to bottom.
  private func draw(_ images: Tensor, on canvas: inout [UInt8], width: Int, left: Int, top: Int) throws {
    let bytes = try (images.permuted([0, 2, 3, 1]) * 255).rounded().to(.uint8).array(of: UInt8.self)
    for row in 0..<rows {
      for y in 0..<side {
        let source = (row * side + y) * side * 3
        let target = ((top + row * (side + Self.gap) + y) * width + left) * 3
        canvas.replaceSubrange(target..<target + side * 3, with: bytes[source..<source + side * 3])
      }
    }
  }
}

/// Small letters of 5×7 points for labels in images.
enum PixelFont {
  /// Returns the width of a text with the space after it, in pixels.
  static func width(of text: String, scale: Int) -> Int { text.count * 6 * scale }

  /// Returns the height of a line with the space below it, in pixels.
  static func lineHeight(scale: Int) -> Int { 9 * scale }

  /// Draws a text in black.
  ///
  /// Letters are drawn in lower case, and an unknown character as a space.
  static func draw(_ text: String, on canvas: inout [UInt8], width: Int, left: Int, top: Int, scale: Int) {
    for (index, character) in text.lowercased().enumerated() {
      for (column, points) in (glyphs[character] ?? []).enumerated() {
        for y in 0..<7 * scale where points >> (y / scale) & 1 == 1 {
          for x in 0..<scale {
            let pixel = ((top + y) * width + left + (index * 6 + column) * scale + x) * 3
            canvas.replaceSubrange(pixel..<pixel + 3, with: [0, 0, 0])
          }
        }
      }
    }
  }

  /// The five columns of each letter, with the lowest bit at the top.
  private static let glyphs: [Character: [UInt8]] = [
    "-": [0x08, 0x08, 0x08, 0x08, 0x08], "_": [0x40, 0x40, 0x40, 0x40, 0x40],
    ".": [0x00, 0x60, 0x60, 0x00, 0x00], "0": [0x3E, 0x51, 0x49, 0x45, 0x3E],
    "1": [0x00, 0x42, 0x7F, 0x40, 0x00], "2": [0x42, 0x61, 0x51, 0x49, 0x46],
    "3": [0x21, 0x41, 0x45, 0x4B, 0x31], "4": [0x18, 0x14, 0x12, 0x7F, 0x10],
    "5": [0x27, 0x45, 0x45, 0x45, 0x39], "6": [0x3C, 0x4A, 0x49, 0x49, 0x30],
    "7": [0x01, 0x71, 0x09, 0x05, 0x03], "8": [0x36, 0x49, 0x49, 0x49, 0x36],
    "9": [0x06, 0x49, 0x49, 0x29, 0x1E], "a": [0x20, 0x54, 0x54, 0x54, 0x78],
    "b": [0x7F, 0x48, 0x44, 0x44, 0x38], "c": [0x38, 0x44, 0x44, 0x44, 0x20],
    "d": [0x38, 0x44, 0x44, 0x48, 0x7F], "e": [0x38, 0x54, 0x54, 0x54, 0x18],
    "f": [0x08, 0x7E, 0x09, 0x01, 0x02], "g": [0x0C, 0x52, 0x52, 0x52, 0x3E],
    "h": [0x7F, 0x08, 0x04, 0x04, 0x78], "i": [0x00, 0x44, 0x7D, 0x40, 0x00],
    "j": [0x20, 0x40, 0x44, 0x3D, 0x00], "k": [0x7F, 0x10, 0x28, 0x44, 0x00],
    "l": [0x00, 0x41, 0x7F, 0x40, 0x00], "m": [0x7C, 0x04, 0x18, 0x04, 0x78],
    "n": [0x7C, 0x08, 0x04, 0x04, 0x78], "o": [0x38, 0x44, 0x44, 0x44, 0x38],
    "p": [0x7C, 0x14, 0x14, 0x14, 0x08], "q": [0x08, 0x14, 0x14, 0x18, 0x7C],
    "r": [0x7C, 0x08, 0x04, 0x04, 0x08], "s": [0x48, 0x54, 0x54, 0x54, 0x20],
    "t": [0x04, 0x3F, 0x44, 0x40, 0x20], "u": [0x3C, 0x40, 0x40, 0x20, 0x7C],
    "v": [0x1C, 0x20, 0x40, 0x20, 0x1C], "w": [0x3C, 0x40, 0x30, 0x40, 0x3C],
    "x": [0x44, 0x28, 0x10, 0x28, 0x44], "y": [0x0C, 0x50, 0x50, 0x50, 0x3C],
    "z": [0x44, 0x64, 0x54, 0x4C, 0x44],
  ]
}
