/// Draws masks over an image: a contour along each mask's inner edge and an optional fill.
public enum Overlay {
  /// An RGB colour.
  public struct Colour: Sendable, Equatable {
    /// Red, 0 to 255.
    public var red: UInt8
    /// Green, 0 to 255.
    public var green: UInt8
    /// Blue, 0 to 255.
    public var blue: UInt8

    /// Makes a colour from its parts.
    public init(red: UInt8, green: UInt8, blue: UInt8) {
      self.red = red
      self.green = green
      self.blue = blue
    }

    /// Yellow, for predictions.
    ///
    /// It differs from the reds of tissue, and colour-blind readers can distinguish it from the
    /// reference.
    public static let prediction = Colour(red: 255, green: 221, blue: 0)
    /// Blue, for references.
    public static let reference = Colour(red: 0, green: 170, blue: 255)
    /// The colours of several classes: those of Okabe and Ito (2008), without black.
    ///
    /// Colour-blind readers can distinguish them.
    private static let classes = [
      Colour(red: 240, green: 228, blue: 66), Colour(red: 86, green: 180, blue: 233),
      Colour(red: 213, green: 94, blue: 0), Colour(red: 0, green: 158, blue: 115),
      Colour(red: 204, green: 121, blue: 167), Colour(red: 230, green: 159, blue: 0),
      Colour(red: 0, green: 114, blue: 178),
    ]

    /// Returns the colour of one of several classes; the eighth class has that of the first again.
    ///
    /// - Parameter index: the place of the class, from 0.
    /// - Returns: the colour.
    public static func ofClass(_ index: Int) -> Colour { classes[max(0, index) % classes.count] }
  }

  /// A mask and its style.
  public struct Layer: Sendable, Equatable {
    /// One channel; every pixel that is not 0 is inside.
    public var mask: Image
    /// The colour of contour and fill.
    public var colour: Colour
    /// The opacity of the fill, from 0 (none) to 1.
    public var fill: Double
    /// The width of the contour in pixels, at most 254; nil adapts it to the size of the image.
    public var lineWidth: Int?

    /// Makes a layer.
    public init(mask: Image, colour: Colour = .prediction, fill: Double = 0, lineWidth: Int? = nil) {
      self.mask = mask
      self.colour = colour
      self.fill = fill
      self.lineWidth = lineWidth
    }
  }

  /// Draws a prediction and, if present, the reference below it.
  ///
  /// - Throws: `ImagingError.invalidImage` if a mask does not fit the image.
  public static func draw(prediction: Image, reference: Image? = nil, over image: Image) throws -> Image {
    var layers = [Layer(mask: prediction, colour: .prediction, fill: 0.15)]
    if let reference { layers.insert(Layer(mask: reference, colour: .reference), at: 0) }
    return try draw(layers, over: image)
  }

  /// Draws layers over an image; the first is the lowest.
  ///
  /// - Throws: `ImagingError.invalidImage` if a mask has another size or more than one channel.
  public static func draw(_ layers: [Layer], over image: Image) throws -> Image {
    var pixels = image.rgb.pixels
    for layer in layers {
      guard layer.mask.channels == 1, layer.mask.width == image.width, layer.mask.height == image.height
      else {
        throw ImagingError.invalidImage(
          reason: "a mask of \(layer.mask.width) × \(layer.mask.height) pixels and \(layer.mask.channels) "
            + "channel(s) over a picture of \(image.width) × \(image.height); resize the mask first")
      }
      // A two-hundredth of the shorter side looks the same on a thumbnail and a full frame.
      let suited = max(1, (min(image.width, image.height) + 100) / 200)
      paint(layer, width: min(254, max(1, layer.lineWidth ?? suited)), on: &pixels)
    }
    return Image(checkedWidth: image.width, height: image.height, channels: 3, pixels: pixels)
  }

  private static func paint(_ layer: Layer, width: Int, on pixels: inout [UInt8]) {
    let depths = depth(of: layer.mask, atMost: width + 1)
    let share = Int((min(1, max(0, layer.fill)) * 256).rounded())
    let colour = [Int(layer.colour.red), Int(layer.colour.green), Int(layer.colour.blue)]
    pixels.withUnsafeMutableBufferPointer { pixels in
      depths.withUnsafeBufferPointer { depths in
        for i in 0..<depths.count where depths[i] > 0 {
          let part = Int(depths[i]) <= width ? 256 : share
          for c in 0..<3 {
            let old = Int(pixels[3 * i + c])
            pixels[3 * i + c] = UInt8(old + (((colour[c] - old) * part) >> 8))
          }
        }
      }
    }
  }

  /// Computes the depth of each pixel in the mask: 0 outside, 1 on the edge.
  ///
  /// The depth counts steps, diagonal steps included. Pixels beyond the image count as outside, so
  /// a lesion that the frame cuts has a closed contour.
  static func depth(of mask: Image, atMost limit: Int) -> [UInt8] {
    let (width, height) = (mask.width, mask.height)
    let limit = UInt8(min(255, max(1, limit)))
    var depths = mask.pixels.map { $0 == 0 ? UInt8(0) : limit }
    depths.withUnsafeMutableBufferPointer { depths in
      // Two passes make the chessboard distance exact: each reads the four neighbours that it has
      // passed.
      for y in 0..<height {
        for x in 0..<width where depths[y * width + x] != 0 {
          let i = y * width + x
          let edge = x == 0 || y == 0 || x == width - 1 || y == height - 1
          let nearest =
            edge
            ? 0
            : min(depths[i - 1], depths[i - width - 1], min(depths[i - width], depths[i - width + 1]))
          depths[i] = min(limit, nearest == .max ? .max : nearest + 1)
        }
      }
      for y in stride(from: height - 2, through: 1, by: -1) {
        for x in stride(from: width - 2, through: 1, by: -1) where depths[y * width + x] != 0 {
          let i = y * width + x
          let nearest = min(
            depths[i + 1], depths[i + width + 1], min(depths[i + width], depths[i + width - 1]))
          depths[i] = min(depths[i], nearest == .max ? .max : nearest + 1)
        }
      }
    }
    return depths
  }
}
