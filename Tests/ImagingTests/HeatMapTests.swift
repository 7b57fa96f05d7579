import Imaging
import Testing
import Torch

@Suite("Heat map")
struct HeatMapTests {
  @Test("Low is dark, high is light, cells are not smoothed, and where there is no value the picture is grey")
  func cells() throws {
    let image = try Image(width: 4, height: 2, channels: 3, pixels: Array(repeating: 100, count: 24))
    let map = try HeatMap.draw(Tensor([0, 1, .nan, 9] as [Float], shape: [1, 4]), range: 0...1, over: image)
    #expect(map.width == 4 && map.height == 2 && map.channels == 3)
    func pixel(_ x: Int) -> [UInt8] { Array(map.pixels[3 * x..<3 * x + 3]) }
    let (low, high, none) = (pixel(0), pixel(1), pixel(2))
    #expect(low[1] < high[1] && high[0] > high[2])
    // Beyond the range is its end, without a value grey and dimmer than the picture.
    #expect(pixel(3) == high && none[0] == none[1] && none[1] == none[2] && none[0] < 100)
    #expect(Array(map.pixels[..<12]) == Array(map.pixels[12...]))
  }

  @Test("A range of no width and a grey picture are drawn, a map of another rank is refused")
  func edges() throws {
    let grey = try Image(width: 2, height: 2, channels: 1, pixels: [0, 50, 100, 255])
    let map = try HeatMap.draw(.full([1, 1], 3), range: 3...3, over: grey)
    #expect(map.channels == 3 && map.pixels.count == 12)
    #expect(throws: TorchError.self) { try HeatMap.draw(.full([2], 0), range: 0...1, over: grey) }
  }
}
