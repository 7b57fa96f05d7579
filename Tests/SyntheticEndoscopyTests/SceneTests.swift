import Foundation
import Imaging
import Testing

@testable import SyntheticEndoscopy

@Suite("Scenes")
struct SceneTests {
  @Test(
    "The mask is where the lesion was painted: inside pixels differ from the bare wall, far ones are equal",
    arguments: LesionClass.allCases)
  func exactness(_ kind: LesionClass) throws {
    let size = 64
    let renderer = Renderer(size: size)
    for name in ["a", "b", "c"] {
      let draw = Draw(scene: name, seed: 5, lesion: kind)
      var bare = draw
      bare.lesion = nil
      let (with, without) = (try renderer.render(draw), try renderer.render(bare))
      #expect(without.mask.pixels.allSatisfy { $0 == 0 })
      #expect(with.mask.pixels.allSatisfy { $0 == 0 || $0 == 255 })
      let lesion = Lesion(kind, in: Scene(draw.noise))
      var (inside, differing, farEqual, far) = (0, 0, 0, 0)
      for pixel in 0..<size * size {
        let change = difference(with, without, at: pixel)
        if with.mask.pixels[pixel] > 0 {
          inside += 1
          if change > 2 { differing += 1 }
        } else if length(position(pixel, size: size) - lesion.centre) > lesion.reach + 0.05 {
          far += 1
          if change == 0 { farEqual += 1 }
        }
      }
      #expect(inside > size * size / 150, "\(name): \(inside) pixels")
      #expect(Double(differing) > 0.9 * Double(inside), "\(name): \(differing) of \(inside)")
      #expect(far > 0 && far == farEqual, "\(name): \(farEqual) of \(far)")
    }
  }

  @Test("A scene is the same at 48 and at 144 pixels", arguments: LesionClass.allCases)
  func sizes(_ kind: LesionClass) throws {
    let draw = Draw(scene: "a", seed: 2, lesion: kind)
    let (small, large) = (try Renderer(size: 48).render(draw), try Renderer(size: 144).render(draw))
    func share(_ rendering: Rendering) -> Double {
      Double(rendering.mask.pixels.count { $0 > 0 }) / Double(rendering.mask.pixels.count)
    }
    #expect(abs(share(small) - share(large)) < 0.12 * share(large))
    func mean(_ rendering: Rendering) -> Double {
      rendering.image.pixels.reduce(0) { $0 + Double($1) } / Double(rendering.image.pixels.count)
    }
    #expect(abs(mean(small) - mean(large)) < 4)
  }

  @Test("The field of view darkens what is outside and cuts the mask", arguments: FieldOfView.allCases)
  func fieldOfView(_ outline: FieldOfView) throws {
    let draw = Draw(scene: "a", seed: 2, lesion: .cyst, camera: Camera(fieldOfView: outline))
    let image = try Renderer(size: 64).render(draw).image
    #expect(image.pixels[0] < 8 || outline == .full)
    #expect(image.pixels[3 * (32 * 64 + 32)] > 20)
  }

  @Test("Fields have mean 0 and variance 1, and belong to the scene and not to the zoom")
  func fields() {
    let noise = Noise(seed: 9)["field"]
    let plane = noise.field(9, in: View(size: 128, zoom: 1))
    let values = (0..<plane.count).map { plane.values[$0] }
    let mean = values.reduce(0, +) / Float(values.count)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(values.count)
    #expect(abs(mean) < 0.25 && abs(variance - 1) < 0.35)
    // A pixel centre of the picture of 64 at zoom 2 lies at that of the picture of 128 at zoom 1, offset by 32.
    let near = noise.field(9, in: View(size: 64, zoom: 2))
    for (x, y) in [(0, 0), (13, 40), (63, 63)] {
      #expect(abs(near.row(y)[x] - plane.row(y + 32)[x + 32]) < 1e-4)
    }
  }

  @Test("A picture of fewer than 16 pixels is refused with its size")
  func tooSmall() {
    let error = #expect(throws: ImagingError.self) {
      try Renderer(size: 8).render(Draw(scene: "a", seed: 1, lesion: nil))
    }
    #expect("\(String(describing: error))".contains("8 pixels"))
  }
}
