import Imaging
import Testing
import Torch

@testable import Command

@Suite("Prompts sheet")
struct PromptsSheetTests {
  /// A sheet of grey pictures: the unchanged one and pairs of changed ones.
  private func sheet(pairs: Int, side: Int, rows: Int, name: String = "mucus") throws -> Image {
    let columns = try (0...2 * pairs).map { index in
      let label = index == 0 ? ["1 unchanged"] : ["\(index + 1) \(name)", "0.50"]
      return PromptsSheet.Column(label: label, images: try Tensor.full([rows, 3, side, side], 0.5))
    }
    return try PromptsSheet(columns).image()
  }

  private func isDark(_ image: Image, _ x: Int, _ y: Int) -> Bool {
    image.pixels[(y * image.width + x) * 3] == 0
  }

  @Test("A wide sheet goes on below, in blocks with the unchanged images and whole pairs")
  func blocks() throws {
    let image = try sheet(pairs: 12, side: 160, rows: 2)
    // Eight columns fit into 1,400 pixels: the unchanged images and three pairs, so there are four blocks.
    #expect(image.width == 7 * 162)
    #expect(image.height == 4 * (2 * 18 + 2 + 2 * 162))
    let narrow = try sheet(pairs: 2, side: 32, rows: 2)
    #expect(narrow.width == 5 * 34 && narrow.height == 9 + 2 + 2 * 34)
    let wide = try sheet(pairs: 2, side: 900, rows: 1)
    #expect(wide.width == 3 * 902 && wide.height == 2 * (2 * 18 + 2 + 902))
    #expect(try sheet(pairs: 0, side: 64, rows: 1).width == 66)
  }

  @Test("Labels are drawn above their columns in letters that fit")
  func labels() throws {
    let image = try sheet(pairs: 1, side: 160, rows: 1)
    // A "1" has its stem in the third of five columns, two pixels for each point.
    #expect(isDark(image, 4, 4) && isDark(image, 5, 13) && !isDark(image, 0, 6))
    // The second line of the second column is "0.50".
    #expect((162..<172).contains { isDark(image, $0, 18 + 6) })
    // A name that is too long leaves the number, which the printed table explains.
    let long = try sheet(pairs: 1, side: 32, rows: 1, name: "specular-reflections")
    #expect(long.height == 9 + 2 + 34 && isDark(long, 2, 3) && !(12..<30).contains { isDark(long, $0, 3) })
  }
}
