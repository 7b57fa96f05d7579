import Foundation
import Testing
import Torch

@testable import Datasets

@Suite("Augmentation")
struct AugmentationTests {
  /// Random images and masks with a disc each.
  private func batch() throws -> (images: Tensor, masks: Tensor) {
    let images = try Tensor.randomUniform([4, 3, 24, 24], generator: Generator(seed: 5))
    let line = try Tensor.linspace(-1, 1, count: 24)
    let (x, y) = (try line.reshaped([1, 24]) - 0.2, try line.reshaped([24, 1]) + 0.1)
    let disc = try (x * x + y * y).less(than: 0.25).to(.float32).reshaped([1, 1, 24, 24])
    return (images, try .concatenated([disc, disc, disc, disc], dim: 0))
  }

  private func apart(_ a: Tensor, _ b: Tensor) throws -> Float {
    zip(try a.floats(), try b.floats()).map { abs($0 - $1) }.max() ?? 0
  }

  @Test("None changes nothing")
  func identity() throws {
    let (images, masks) = try batch()
    let changed = try Augmentation.none(images: images, masks: masks, generator: Generator(seed: 0))
    #expect(try apart(changed.images, images) < 1e-5)
    #expect(try changed.masks.isEqual(to: masks))
  }

  @Test("Sharpness adds or removes detail, keeps even images and moves no mask")
  func sharpness() throws {
    var augmentation = Augmentation.none
    augmentation.sharpness = 1
    let (images, masks) = try batch()
    let changed = try augmentation(images: images * 0.2 + 0.4, masks: masks, generator: Generator(seed: 3))
    #expect(try changed.masks.isEqual(to: masks))
    let ratios = try
      (changed.images.variance([1, 2, 3], correction: 0)
      / (images * 0.2 + 0.4).variance([1, 2, 3], correction: 0)).doubles()
    // Detail of noise is most of it: up to twice as much, or little.
    #expect(ratios.contains { $0 > 1.2 } && ratios.contains { $0 < 0.8 }, "\(ratios)")
    let even = try Tensor.full([2, 3, 24, 24], 0.3)
    let still = try augmentation(
      images: even, masks: masks.narrowed(dim: 0, start: 0, length: 2),
      generator: Generator(seed: 3))
    #expect(try apart(still.images, even) < 1e-6)
  }

  @Test("The same generator seed gives equal bytes, another seed others; the batch itself is left alone")
  func deterministic() throws {
    let (images, masks) = try batch()
    let before = try images.floats()
    let augmentation = Augmentation()
    let first = try augmentation(images: images, masks: masks, generator: Generator(seed: 9))
    let second = try augmentation(images: images, masks: masks, generator: Generator(seed: 9))
    let other = try augmentation(images: images, masks: masks, generator: Generator(seed: 10))
    #expect(try first.images.floats() == second.images.floats())
    #expect(try first.masks.floats() == second.masks.floats())
    #expect(try first.images.floats() != other.images.floats())
    #expect(try images.floats() == before)
  }

  @Test("Masks stay 0 or 1 and images within 0 to 1", arguments: [0, 1, 2, 3])
  func range(seed: Int) throws {
    let (images, masks) = try batch()
    let changed = try Augmentation()(images: images, masks: masks, generator: Generator(seed: UInt64(seed)))
    #expect(try changed.masks.floats().allSatisfy { $0 == 0 || $0 == 1 })
    #expect(try changed.masks.floats().contains(1))
    #expect(try changed.images.floats().allSatisfy { $0 >= 0 && $0 <= 1 })
    #expect(changed.images.shape == images.shape && changed.masks.shape == masks.shape)
  }

  @Test("Image and mask move together: an image that equals its mask still does", arguments: [0, 1, 2, 3])
  func together(seed: Int) throws {
    let (_, masks) = try batch()
    var augmentation = Augmentation()
    (augmentation.colour, augmentation.saturation, augmentation.tint) = (0, 0, 0)
    let images = try Tensor.concatenated([masks, masks, masks], dim: 1)
    let changed = try augmentation(images: images, masks: masks, generator: Generator(seed: UInt64(seed)))
    #expect(!(try changed.masks.isEqual(to: masks)))
    // Interpolated edges of exactly one half may fall either way after the colours' rounding.
    let red = try changed.images.floats()
    let moved = try changed.masks.floats()
    for picture in 0..<4 {
      for pixel in 0..<576 {
        let value = red[picture * 3 * 576 + pixel]
        guard abs(value - 0.5) > 1e-4 else { continue }
        #expect((value > 0.5) == (moved[picture * 576 + pixel] == 1))
      }
    }
  }

  @Test("Flips alone are a mirrored copy, pixel for pixel")
  func flips() throws {
    let (images, masks) = try batch()
    var augmentation = Augmentation.none
    augmentation.flips = true
    let changed = try augmentation(images: images, masks: masks, generator: Generator(seed: 2))
    let (old, new) = (try images.floats(), try changed.images.floats())
    for picture in 0..<4 {
      let matches = [(false, false), (true, false), (false, true), (true, true)].contains { flipX, flipY in
        (0..<576).allSatisfy { pixel in
          let (y, x) = (pixel / 24, pixel % 24)
          let source = (flipY ? 23 - y : y) * 24 + (flipX ? 23 - x : x)
          return abs(new[picture * 3 * 576 + pixel] - old[picture * 3 * 576 + source]) < 1e-4
        }
      }
      #expect(matches)
    }
  }
}
