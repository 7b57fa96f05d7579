import Foundation
import Testing

@testable import SyntheticEndoscopy

@Suite("Determinism")
struct DeterminismTests {
  @Test("A draw gives the same bytes twice, alone or among others on any number of threads")
  func bytes() throws {
    let world = World(seed: 7)
    let renderer = Renderer(size: 32)
    let draws = (0..<6).map { world.draw(site: $0 % 5, index: $0, role: $0 % 2 == 0 ? .source : .heldOut) }
    let alone = try draws.map(renderer.render)
    for threads in [nil, 1, 2, 3, 16] {
      let together = try renderer.render(draws, threads: threads)
      #expect(together.count == draws.count)
      for (one, other) in zip(alone, together) {
        #expect(one.image == other.image && one.mask == other.mask && one.zoom == other.zoom)
      }
    }
    #expect(
      try renderer.render(World(seed: 8).draw(site: 0, index: 0, role: .source)).image != alone[0].image)
  }

  @Test("The larynx has other scenes than the colon, the same twice, with lesions on its folds")
  func larynx() throws {
    let (larynx, colon) = (World(anatomy: .larynx, seed: 7), World(seed: 7))
    let renderer = Renderer(size: 64)
    var (lit, dark) = (0, 0)
    for index in 0..<8 {
      let draw = larynx.swept(index)
      let (first, second) = (try renderer.render(draw), try renderer.render(draw))
      #expect(first.image == second.image && first.mask == second.mask)
      let other = try renderer.render(colon.swept(index))
      #expect(first.image != other.image)
      // A lesion is inside the view, and nowhere near all of it.
      let area = first.mask.pixels.count { $0 == 255 }
      #expect(area > 15 && area < 64 * 64 / 2, "\(index): \(area)")
      // The glottis is dark, the folds are lit.
      let greys = (0..<64 * 64).map { first.image.pixels[3 * $0] }
      lit += greys.count { $0 > 110 }
      dark += greys.count { $0 < 35 }
    }
    #expect(lit > 8 * 400 && dark > 8 * 100, "\(lit) \(dark)")
    let draw = larynx.draw(site: 0, index: 3, role: .heldOut)
    #expect(draw.anatomy == .larynx && draw.lesion == colon.draw(site: 0, index: 3, role: .heldOut).lesion)
  }

  @Test("A noise variable depends on seed and whole path, and on nothing else")
  func noise() {
    let root = Noise(seed: 1)
    #expect(root["scene"][4]["vessels"] == Noise(seed: 1)["scene"][4]["vessels"])
    let others = [
      root["scene"][5]["vessels"], root["scene"]["vessels"][4], root["scene"][4]["vessel"],
      Noise(seed: 2)["scene"][4]["vessels"], root["scenevessels"][4],
    ]
    #expect(Set(others.map(\.state)).count == others.count)
    #expect(!others.contains(root["scene"][4]["vessels"]))
    var values = root["many"].values
    let mean = (0..<4000).reduce(Float(0)) { sum, _ in sum + values.uniform() } / 4000
    #expect(abs(mean - 0.5) < 0.02)
  }
}
