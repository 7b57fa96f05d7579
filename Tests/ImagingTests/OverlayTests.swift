import TestSupport
import Testing

@testable import Imaging

@Suite("Overlay")
struct OverlayTests {
  private func blank(_ width: Int, _ height: Int, _ value: UInt8 = 100) throws -> Image {
    try Image(
      width: width, height: height, channels: 1, pixels: [UInt8](repeating: value, count: width * height))
  }

  private func square(_ side: Int, from first: Int, to last: Int) throws -> Image {
    let pixels = (0..<side * side).map { i in
      (first...last).contains(i % side) && (first...last).contains(i / side) ? UInt8(255) : 0
    }
    return try Image(width: side, height: side, channels: 1, pixels: pixels)
  }

  private func pixel(_ image: Image, _ x: Int, _ y: Int) -> [UInt8] {
    Array(image.pixels[(y * image.width + x) * 3..<(y * image.width + x) * 3 + 3])
  }

  @Test("A contour runs along the mask's inner edge and leaves the rest alone")
  func contour() throws {
    let colour = Overlay.Colour(red: 1, green: 2, blue: 3)
    let layer = Overlay.Layer(mask: try square(9, from: 2, to: 6), colour: colour, lineWidth: 1)
    let drawn = try Overlay.draw([layer], over: try blank(9, 9))
    #expect(drawn.channels == 3)
    for y in 0..<9 {
      for x in 0..<9 {
        let inside = (2...6).contains(x) && (2...6).contains(y)
        let onEdge = inside && (x == 2 || x == 6 || y == 2 || y == 6)
        #expect(pixel(drawn, x, y) == (onEdge ? [1, 2, 3] : [100, 100, 100]))
      }
    }
  }

  @Test("A wider line grows inwards and the fill mixes what is left")
  func widthAndFill() throws {
    let colour = Overlay.Colour(red: 200, green: 0, blue: 100)
    let layer = Overlay.Layer(mask: try square(11, from: 1, to: 9), colour: colour, fill: 0.5, lineWidth: 2)
    let drawn = try Overlay.draw([layer], over: try blank(11, 11))
    #expect(pixel(drawn, 1, 5) == [200, 0, 100])
    #expect(pixel(drawn, 2, 5) == [200, 0, 100])
    #expect(pixel(drawn, 3, 5) == [150, 50, 100])
    #expect(pixel(drawn, 0, 5) == [100, 100, 100])
  }

  @Test("A mask that fills the frame has a closed contour")
  func fullMask() throws {
    let layer = Overlay.Layer(mask: try blank(5, 4, 255), colour: .reference, lineWidth: 1)
    let drawn = try Overlay.draw([layer], over: try blank(5, 4))
    #expect(pixel(drawn, 0, 0) == [0, 170, 255])
    #expect(pixel(drawn, 4, 3) == [0, 170, 255])
    #expect(pixel(drawn, 2, 2) == [100, 100, 100])
  }

  @Test("An empty mask changes nothing")
  func emptyMask() throws {
    let image = try blank(6, 6)
    #expect(
      try Overlay.draw(prediction: try blank(6, 6, 0), reference: try blank(6, 6, 0), over: image)
        == image.rgb)
  }

  @Test("The depth agrees with its definition on random masks", arguments: 0..<20)
  func depthByDefinition(seed: Int) throws {
    var generator = SplitMix(seed: UInt64(seed))
    let (width, height) = (
      Int.random(in: 1...14, using: &generator), Int.random(in: 1...14, using: &generator)
    )
    let pixels = (0..<width * height).map { _ in
      UInt8.random(in: 0...9, using: &generator) == 0 ? UInt8(0) : 1
    }
    let mask = try Image(width: width, height: height, channels: 1, pixels: pixels)
    let depths = Overlay.depth(of: mask, atMost: 200)
    func isInside(_ x: Int, _ y: Int) -> Bool {
      (0..<width).contains(x) && (0..<height).contains(y) && pixels[y * width + x] != 0
    }
    func isInside(_ xs: ClosedRange<Int>, _ ys: ClosedRange<Int>) -> Bool {
      ys.allSatisfy { y in xs.allSatisfy { isInside($0, y) } }
    }
    for y in 0..<height {
      for x in 0..<width {
        var depth = 0
        while isInside(x - depth...x + depth, y - depth...y + depth) { depth += 1 }
        #expect(Int(depths[y * width + x]) == depth)
      }
    }
  }

  @Test("A mask of another size is refused")
  func wrongSize() throws {
    let (image, mask) = (try blank(4, 4), try blank(4, 5))
    #expect(throws: ImagingError.self) { try Overlay.draw(prediction: mask, over: image) }
  }

  @Test("Neighbouring classes have different colours, and a later class is drawn above")
  func classes() throws {
    let colours = (0..<7).map { Overlay.Colour.ofClass($0) }
    for index in colours.indices { #expect(!colours[..<index].contains(colours[index])) }
    #expect(Overlay.Colour.ofClass(7) == colours[0] && Overlay.Colour.ofClass(-1) == colours[0])
    let layers = try [
      Overlay.Layer(mask: square(9, from: 1, to: 5), colour: .ofClass(0), lineWidth: 1),
      Overlay.Layer(mask: square(9, from: 5, to: 7), colour: .ofClass(1), lineWidth: 1),
    ]
    let drawn = try Overlay.draw(layers, over: blank(9, 9))
    #expect(pixel(drawn, 1, 1) == [colours[0].red, colours[0].green, colours[0].blue])
    #expect(pixel(drawn, 5, 5) == [colours[1].red, colours[1].green, colours[1].blue])
  }
}
