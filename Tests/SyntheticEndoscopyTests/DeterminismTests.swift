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
