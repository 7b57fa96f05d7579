@testable import Segmentation
import Testing
import TestSupport
import Torch

@Suite struct FourierMixingTests {
  @Test(arguments: [("whole", 0.5), ("odd", 0.5), ("low", 0.2)])
  func mixedImagesEqualNumPys(name: String, band: Double) throws {
    let fixture = try Fixture("fourier.\(name)", in: "peers")
    let mixed = try FourierMixing.mixed(
      fixture["images"], with: fixture["others"], share: fixture["share"], band: band)
    #expect(try difference(mixed, fixture["mixed"]) < 1e-5)
  }

  @Test func aShareOfNoneIsTheImage() throws {
    let images = try Tensor.randomUniform([2, 3, 10, 7], generator: Generator(seed: 1))
    let others = try Tensor.randomUniform([2, 3, 10, 7], generator: Generator(seed: 2))
    let same = try FourierMixing.mixed(images, with: others, share: .zeros([2, 1, 1, 1]), band: 0.5)
    #expect(try difference(same, images) < 1e-5)
  }

  @Test func thePhaseStaysAndTheAmplitudeIsMixed() throws {
    // Faint images in the middle of the range, so that nothing is cut.
    let images = try Tensor.randomUniform([1, 1, 8, 8], low: 0.4, high: 0.6, generator: Generator(seed: 1))
    let others = try Tensor.randomUniform([1, 1, 8, 8], low: 0.4, high: 0.6, generator: Generator(seed: 2))
    let mixed = try FourierMixing.mixed(images, with: others, share: .full([1, 1, 1, 1], 0.4), band: 0.5)
    let (own, other, found) = (try images.spectrum(), try others.spectrum(), try mixed.spectrum())
    #expect(try difference(found.amplitude, own.amplitude * 0.6 + other.amplitude * 0.4) < 1e-4)
    #expect(try difference(found.phase.cos(), own.phase.cos()) < 1e-3)
    #expect(try difference(found.phase.sin(), own.phase.sin()) < 1e-3)
  }

  @Test func halfOfTheImagesAreMixedWithOtherSitesAndMasksStayRight() throws {
    let method = try some(FourierMixing.self)
    let images = try Tensor.randomUniform([4, 3, 8, 8], generator: Generator(seed: 1))
    var changed = 0
    for seed in 0..<50 {
      let mixed = try method.images(images, somePass([0, 0, 1, 2], UInt64(seed)))
      #expect(mixed.shape == images.shape)
      for row in 0..<4 {
        let (a, b) = (try mixed.selected(dim: 0, index: row), try images.selected(dim: 0, index: row))
        changed += try a.isEqual(to: b) ? 0 : 1
      }
    }
    #expect((70...130).contains(changed))
    let again = try (0..<2).map { _ in try method.images(images, somePass([0, 0, 1, 2], 7)) }
    #expect(try again[0].isEqual(to: again[1]))
  }

  @Test func aSettingOutOfRangeIsNamed() throws {
    let text = message { _ = try some(FourierMixing.self) { ($0.strength, $0.least) = (0.2, 0.5) } }
    #expect(text.contains("model.options.least"), "\(text)")
  }
}
