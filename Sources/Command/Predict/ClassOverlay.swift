import Imaging

/// An image with the contours of several classes, a colour each, above a legend.
enum ClassOverlay {
  /// The opacity of the fill of a class.
  private static let fill = 0.15

  /// Draws the classes over an image, the first lowest, and adds the legend below it.
  ///
  /// - Parameters:
  ///   - masks: a mask for each class, of the image's size.
  ///   - names: the name of each class.
  ///   - image: the image.
  /// - Returns: three channels, of the image's width.
  /// - Throws: `ImagingError.invalidImage` if a mask has another size.
  static func draw(_ masks: [Image], names: [String], over image: Image) throws -> Image {
    let layers = masks.enumerated().map { index, mask in
      Overlay.Layer(mask: mask, colour: .ofClass(index), fill: fill)
    }
    let drawn = try Overlay.draw(layers, over: image)
    let legend = legend(names, width: drawn.width)
    return try Image(
      width: drawn.width, height: drawn.height + legend.count / (3 * drawn.width), channels: 3,
      pixels: drawn.pixels + legend)
  }

  /// Draws a line for each class, a square of its colour and its name, on white.
  private static func legend(_ names: [String], width: Int) -> [UInt8] {
    let scale = max(1, width / 320)
    let line = PixelFont.lineHeight(scale: scale) + 2 * scale
    let side = 7 * scale
    let height = names.count * line + 2 * scale
    var canvas = [UInt8](repeating: 255, count: 3 * width * height)
    let left = side + 4 * scale
    // A narrow image shows the start of a long name.
    let most = max(0, (width - left) / PixelFont.width(of: "a", scale: scale))
    for (index, name) in names.enumerated() {
      let top = index * line + 2 * scale
      let colour = Overlay.Colour.ofClass(index)
      let run = min(side, max(0, width - scale))
      for y in top..<top + side {
        let start = 3 * (y * width + min(scale, width))
        let row = (0..<run).flatMap { _ in [colour.red, colour.green, colour.blue] }
        canvas.replaceSubrange(start..<start + row.count, with: row)
      }
      PixelFont.draw(
        String(name.prefix(most)), on: &canvas, width: width, left: left, top: top, scale: scale)
    }
    return canvas
  }
}
