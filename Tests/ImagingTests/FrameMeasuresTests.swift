import TestSupport
import Testing
import Torch

@testable import Imaging

@Suite("Measures of video frames")
struct FrameMeasuresTests {
  private func measures(_ image: Image) throws -> FrameMeasures {
    let frame = try image.tensor
    let (samples, _) = try FrameMeasures.samples(of: frame)
    let inside = try Tensor.ones([samples.size(1), samples.size(2)])
    return try FrameMeasures(
      frame, samples: samples, inside: inside, rows: 0..<image.height, columns: 0..<image.width)
  }

  @Test("Large frames are sampled so that the shorter side has about 160 samples")
  func samples() throws {
    let (samples, step) = try FrameMeasures.samples(of: Tensor.zeros([3, 1080, 1920], dtype: .uint8))
    #expect(step == 6)
    #expect(samples.shape == [3, 180, 320])
    let (few, one) = try FrameMeasures.samples(of: Tensor.zeros([3, 40, 60], dtype: .uint8))
    #expect(one == 1)
    #expect(few.shape == [3, 40, 60])
  }

  @Test("A plain frame has one colour, no structure, and the shares of its colour")
  func plain() throws {
    let warm = try measures(TissueScene.plain([200, 100, 90]))
    #expect(warm.litShare == 1)
    #expect(warm.warmShare == 1)
    #expect(warm.neutralShare == 0)
    #expect(warm.sharpness == 0)
    #expect(abs(warm.colours.reduce(0, +) - 1) < 1e-6)
    #expect(warm.colours.count == 64)
    let grey = try measures(TissueScene.plain([120, 120, 125]))
    #expect(grey.warmShare == 0)
    #expect(grey.neutralShare == 1)
    #expect(warm.colourDistance(to: grey) > 0.5)
    #expect(warm.colourDistance(to: warm) == 0)
    #expect(try warm.colourDistance(to: measures(TissueScene.plain([203, 103, 93]))) < 0.12)
    #expect(abs(warm.layoutDistance(to: grey) - (80.0 + 20 + 35) / 3 / 255) < 1e-6)
    let black = try measures(TissueScene.plain([10, 10, 10]))
    #expect(black.litShare == 0)
    #expect(black.warmShare == 0)
  }

  @Test("Blur lowers sharpness by much more than a little noise changes it")
  func blur() throws {
    let sharp = try TissueScene.picture(1)
    let (own, other) = (try measures(sharp).sharpness, try measures(TissueScene.picture(2)).sharpness)
    #expect(try measures(TissueScene.blurred(sharp)).sharpness < 0.1 * own)
    #expect(abs(own - other) < 0.1 * own)
  }

  @Test("A drawing inside a rectangle is that of the whole image")
  func overlay() throws {
    let image = try TissueScene.picture(3)
    for box in [(0..<10, 0..<12), (20..<41, 30..<96), (63..<64, 95..<96), (0..<64, 0..<96)] {
      var pixels = [UInt8](repeating: 0, count: 96 * 64)
      for y in box.0 { for x in box.1 where (x + y) % 7 != 0 { pixels[y * 96 + x] = 255 } }
      let mask = try Image(width: 96, height: 64, channels: 1, pixels: pixels)
      let layers = [Overlay.Layer(mask: mask, fill: 0.15)]
      let part = try Overlay.draw(layers, over: image, rows: box.0, columns: box.1)
      #expect(try part == Overlay.draw(layers, over: image))
    }
    #expect(try Overlay.draw([], over: image, rows: 0..<0, columns: 0..<0) == image)
  }

  @Test("Pictures are equal if every sample is")
  func equality() throws {
    let image = try TissueScene.picture(4)
    var pixels = image.pixels
    #expect(image.hasSameSamples(as: try Image(width: 96, height: 64, channels: 3, pixels: pixels)))
    pixels[pixels.count - 1] ^= 1
    #expect(!image.hasSameSamples(as: try Image(width: 96, height: 64, channels: 3, pixels: pixels)))
    #expect(!image.hasSameSamples(as: try TissueScene.picture(4, width: 64, height: 96)))
  }
}
