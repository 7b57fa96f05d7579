import Datasets
import Explaining
import Foundation
import Imaging
import Torch

/// A contact sheet of the images at both ends of a direction: a row for each end, a caption below each
/// image.
struct SuggestionSheet {
  /// One image with its caption.
  struct Tile {
    /// uint8, 3×S×S.
    let picture: Tensor
    /// The site and the score.
    let caption: String

    /// Makes a tile.
    init(picture: Tensor, caption: String) { (self.picture, self.caption) = (picture, caption) }

    /// Reads an image file.
    ///
    /// - Throws: `ImagingError` that names the file.
    init(_ file: URL, of picture: Suggestions.Picture) throws {
      let reader = SampleReader(size: SuggestionSheet.side, framing: .letterbox)
      self.init(
        picture: try reader.scaled(reader.image(file)),
        caption: "\(picture.site) \(format(picture.score, 1))")
    }
  }

  /// The side of an image on the sheet, in pixels.
  static let side = 160
  /// The white space between images, in pixels.
  private static let gap = 2

  /// The text above each row.
  let titles: [String]
  /// The rows, from the top; all images have one size.
  let rows: [[Tile]]

  /// Draws the sheet.
  ///
  /// - Throws: `TorchError` for images of different sizes, or `ImagingError` for a sheet without any.
  func image() throws -> Image {
    let side = rows.joined().first?.picture.shape.last ?? Self.side
    let scale = [2, 1].first { scale in
      rows.joined().allSatisfy { PixelFont.width(of: $0.caption, scale: scale) <= side }
    }
    let line = PixelFont.lineHeight(scale: scale ?? 1)
    let (step, height) = (side + Self.gap, line + side + Self.gap + line)
    let width = (rows.map(\.count).max() ?? 0) * step
    var canvas: [UInt8] = []
    for row in rows where !row.isEmpty {
      // White space for the title above, the caption below and the gap on the right.
      let tiles = try row.map {
        try $0.picture.padded([0, Self.gap, line, Self.gap + line], value: 255)
      }
      let strip = try Tensor.concatenated(tiles, dim: 2)
        .padded([0, width - row.count * step, 0, 0], value: 255)
      canvas += try strip.permuted([1, 2, 0]).contiguous().array(of: UInt8.self)
    }
    let filled = zip(titles, rows).filter { !$0.1.isEmpty }
    for (place, (title, row)) in filled.enumerated() {
      let top = place * height
      PixelFont.draw(title, on: &canvas, width: width, left: 0, top: top, scale: scale ?? 1)
      for (column, tile) in row.enumerated() {
        // A long name of a site is cut.
        let caption = String(tile.caption.prefix(side / PixelFont.width(of: "a", scale: scale ?? 1)))
        PixelFont.draw(
          caption, on: &canvas, width: width, left: column * step, top: top + line + side + Self.gap,
          scale: scale ?? 1)
      }
    }
    return try Image(width: width, height: filled.count * height, channels: 3, pixels: canvas)
  }
}
