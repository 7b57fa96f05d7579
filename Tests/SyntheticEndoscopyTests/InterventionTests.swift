import Foundation
import Testing

@testable import SyntheticEndoscopy

@Suite("Interventions")
struct InterventionTests {
  let renderer = Renderer(size: 64)

  /// A scene with every kind of camera noise but compression, which spreads a change over blocks.
  func scene(_ name: String, _ lesion: LesionClass? = .polyp) -> Draw {
    Draw(scene: name, seed: 3, lesion: lesion, camera: Camera(vignette: 0.4, noise: 0.02))
  }

  @Test("do(confounder) sets one and clears the others; the scene stays", arguments: Confounder.allCases)
  func doing(_ confounder: Confounder) {
    var draw = scene("a")
    draw.strengths = [.mucus: 0.5, .blur: 1]
    let done = draw.doing(confounder, strength: 0.9)
    #expect(done.strengths == [confounder: 0.9])
    #expect(done.noise == draw.noise && done.camera == draw.camera && done.lesion == draw.lesion)
    #expect(draw.withoutConfounders().strengths.isEmpty)
  }

  @Test("Each confounder changes the picture, and more so with more strength", arguments: Confounder.allCases)
  func strength(_ confounder: Confounder) throws {
    // Over scenes, for a pool may lie in the dark of the lumen in one of them.
    let renderer = Renderer(size: 48)
    var changes = [0.0, 0, 0]
    for name in ["a", "b"] {
      let plain = try renderer.render(scene(name))
      for (index, strength) in [0.15, 0.55, 1].enumerated() {
        changes[index] += meanDifference(
          plain, try renderer.render(scene(name).doing(confounder, strength: strength)))
      }
      #expect(try renderer.render(scene(name).doing(confounder, strength: 0)).image == plain.image)
    }
    #expect(changes[0] > 0.3 && changes[1] > 1.15 * changes[0], "\(changes)")
    // Interlacing and blur saturate: what is scrambled cannot be scrambled more.
    #expect(changes[2] > 1.05 * changes[1], "\(changes)")
  }

  @Test("Only near and far move the mask: near enlarges it, far shrinks it", arguments: Confounder.allCases)
  func mask(_ confounder: Confounder) throws {
    let plain = try renderer.render(scene("a"))
    let done = try renderer.render(scene("a").doing(confounder, strength: 0.8))
    switch confounder {
    case .near:
      #expect(done.zoom > 1.3)
      #expect(Double(area(done)) > 1.3 * Double(area(plain)))
    case .far:
      #expect(done.zoom < 0.8)
      // The whole lesion is in both, so that its area goes with the square of the zoom.
      let expected = Double(area(plain)) * done.zoom * done.zoom
      #expect(abs(Double(area(done)) - expected) < 0.12 * expected)
    default:
      #expect(done.mask == plain.mask && done.zoom == 1)
    }
  }

  @Test(
    "A localised confounder leaves what is away from it as it was, noise included",
    arguments: Confounder.allCases.filter(\.isLocalised))
  func locality(_ confounder: Confounder) throws {
    let draw = scene("d")
    let scene = Scene(draw.noise)
    let place = SurfaceConfounders.place(of: confounder, draw, scene, Lesion(.polyp, in: scene))
    let plain = try renderer.render(draw)
    let done = try renderer.render(draw.doing(confounder, strength: 0.5))
    var (changed, away) = (0, 0)
    for pixel in 0..<64 * 64 {
      let isEqual = difference(plain, done, at: pixel) == 0
      if length(position(pixel, size: 64) - place) > 0.62 {
        away += 1
        #expect(isEqual, "pixel \(pixel)")
      } else if !isEqual {
        changed += 1
      }
    }
    #expect(away > 1000 && changed > 40)
  }

  @Test("Adding one confounder to another moves neither")
  func independence() throws {
    // Where blood alone and mucus alone change nothing, both together change nothing; where only one does, it looks
    // as it does alone.
    var both = scene("e")
    both.strengths = [.blood: 0.5, .mucus: 0.5]
    let pictures = try renderer.render([
      both.withoutConfounders(), both.doing(.blood, strength: 0.5), both.doing(.mucus, strength: 0.5), both,
    ]).map(\.image.pixels)
    var bloodOnly = 0
    for index in pictures[0].indices {
      let (plain, blood, mucus, together) = (
        pictures[0][index], pictures[1][index], pictures[2][index], pictures[3][index]
      )
      if mucus == plain, blood != plain { bloodOnly += 1 }
      if mucus == plain, blood == plain { #expect(together == plain) }
    }
    #expect(bloodOnly > 50)
  }

  @Test("A linked source puts mucus at the lesion's edge, a rewired site across the picture")
  func placement() {
    for name in ["a", "b", "c", "d"] {
      var draw = scene(name)
      let scene = Scene(draw.noise)
      let lesion = Lesion(.polyp, in: scene)
      draw.placements = [.mucus: .beside]
      let beside = SurfaceConfounders.place(of: .mucus, draw, scene, lesion)
      draw.placements = [.mucus: .away]
      let away = SurfaceConfounders.place(of: .mucus, draw, scene, lesion)
      #expect(length(beside - lesion.centre) < 1.15 * lesion.radius + 0.06)
      #expect(length(away - lesion.centre) > length(beside - lesion.centre))
    }
  }
}

extension Draw {
  /// The same scene and camera without confounders.
  fileprivate func withoutConfounders() -> Draw {
    var draw = self
    draw.strengths = [:]
    return draw
  }
}
