import Foundation
import Storage
import Testing
import TestSupport
import Torch

@testable import Confounders

/// Pictures of a red wall with a darker disc, the lesion, in a black border outside of radius 0.9; masks of the disc.
func someTissue(_ count: Int, size: Int = 48, border: Bool = true) throws -> (images: Tensor, masks: Tensor) {
  let line = try Tensor.linspace(-1, 1, count: size)
  let (x, y) = (line, try line.reshaped([size, 1]))
  let square = try x * x + y * y
  let lesion = try ((x - 0.1) * (x - 0.1) + y * y).less(than: 0.09).to(.float32)
  let shown = try border ? square.less(than: 0.81).to(.float32) : square.onesLike()
  let colour = try Tensor([0.75, 0.5, 0.45] as [Float], shape: [3, 1, 1])
  let texture = try Tensor.randomUniform([count, 3, size, size], low: 0.9, generator: Generator(seed: 77))
  let images = try texture * colour * (1 - lesion * 0.35) * shown
  return (images, try lesion.reshaped([1, 1, size, size]).tiled([count, 1, 1, 1]))
}

/// A prompt set of these confounders, in one group.
func promptSet(_ entries: [(name: String, mechanism: Mechanism?, strength: [Double]?)]) throws -> PromptSet {
  let confounders = entries.map {
    PromptSet.Confounder(name: $0.name, text: $0.name, mechanism: $0.mechanism, strength: $0.strength)
  }
  let text = """
    { "modality": "m", "classes": ["polyp"], "normal": ["n"], "groups": [],
      "templates": { "class": "{class}", "confounder": "{domain}", "joint": "{class} {domain}" } }
    """
  var prompts = try JSONValue(json5: Data(text.utf8)).decoded(as: PromptSet.self)
  prompts.groups = [PromptSet.Group(name: "g", confounders: confounders)]
  return prompts
}

@Suite struct MechanismTests {
  private func done(
    _ mechanism: Mechanism, _ strength: Double, _ images: Tensor, _ masks: Tensor, seed: UInt64 = 3
  ) throws -> Pictures {
    try Interventions(promptSet([("z", mechanism, nil)])).doing(
      0, strength: strength, images: images, masks: masks, generator: Generator(seed: seed))
  }

  private func meanDifference(_ a: Tensor, _ b: Tensor) throws -> Double {
    try (a - b).magnitude().mean().item()
  }

  @Test(arguments: Mechanism.allCases)
  func valuesAndMasksKeepTheirRangeAndShape(mechanism: Mechanism) throws {
    for (count, size) in [(2, 48), (1, 16), (1, 37)] {
      let (images, masks) = try someTissue(count, size: size)
      let before = try images.floats()
      let result = try done(mechanism, 1, images, masks)
      #expect(result.images.shape == images.shape && result.masks.shape == masks.shape)
      #expect(try result.images.floats().allSatisfy { $0 >= 0 && $0 <= 1 })
      #expect(try result.masks.floats().allSatisfy { $0 == 0 || $0 == 1 })
      #expect(try images.floats() == before, "the batch itself is left alone")
      #expect(
        try result.moved.equals(1).to(.float32).floats().allSatisfy { ($0 == 1) == mechanism.movesPixels })
    }
  }

  @Test(arguments: Mechanism.allCases)
  func theSameSeedGivesTheSameBytes(mechanism: Mechanism) throws {
    let (images, masks) = try someTissue(2)
    let first = try done(mechanism, 0.8, images, masks)
    let second = try done(mechanism, 0.8, images, masks)
    #expect(try first.images.isEqual(to: second.images) && first.masks.isEqual(to: second.masks))
  }

  @Test(arguments: Mechanism.allCases)
  func moreStrengthIsMoreChangeAndNoneIsNone(mechanism: Mechanism) throws {
    let (images, masks) = try someTissue(4)
    let distances = try [0, 0.3, 0.65, 1].map {
      try meanDifference(done(mechanism, $0, images, masks).images, images)
    }
    #expect(distances[0] < 1e-3, "\(distances)")
    #expect(distances[1] > 1e-4, "\(distances)")
    #expect(distances[1] < distances[2] && distances[2] < distances[3], "\(distances)")
  }

  @Test(arguments: Mechanism.allCases.filter { !$0.movesPixels && !$0.hidesPixels })
  func theMaskStaysWhereNothingMoves(mechanism: Mechanism) throws {
    let (images, masks) = try someTissue(2)
    #expect(try done(mechanism, 1, images, masks).masks.isEqual(to: masks))
  }

  @Test(arguments: Mechanism.allCases.filter { $0 != .tubes && $0 != .text })
  func theBlackBorderStaysDark(mechanism: Mechanism) throws {
    let (images, masks) = try someTissue(4)
    let result = try done(mechanism, 1, images, masks).images
    // Corners beyond what blur and shifted lines reach.
    let corners = try [(0, 0), (0, 41), (41, 0), (41, 41)].map { row, column in
      try result.narrowed(dim: 2, start: row, length: 7).narrowed(dim: 3, start: column, length: 7)
    }
    for corner in corners { #expect(try corner.max([0, 1, 2, 3]).item() < 0.12) }
  }

  @Test func aPictureThatIsItsMaskZoomsAsItsMaskDoes() throws {
    let (_, masks) = try someTissue(2, size: 64)
    let images = try (masks * 0.4 + 0.4).tiled([1, 3, 1, 1])
    let area = try masks.mean().item()
    for (mechanism, zoom, threshold) in [(Mechanism.near, 1.455, 0.65), (.far, 0.72, 0.5)] {
      let result = try done(mechanism, 0.7, images, masks)
      let seen = try result.images.narrowed(dim: 1, start: 0, length: 1).greater(than: threshold)
      #expect(try meanDifference(seen.to(.float32), result.masks) < 0.01)
      #expect(abs(try result.masks.mean().item() / area - zoom * zoom) < 0.2 * zoom * zoom)
    }
  }

  @Test func farKeepsTheFieldOfViewAndFillsIt() throws {
    let (images, masks) = try someTissue(1, size: 64)
    let far = try done(.far, 1, images, masks).images
    func lit(_ images: Tensor) throws -> Double {
      try images.max([1]).greater(than: 0.1).to(.float32).mean().item()
    }
    #expect(abs(try lit(far) - lit(images)) < 0.03)
  }

  @Test func narrowBandTurnsRedTissueGreenAndWhiteLightMakesItPaler() throws {
    let (images, masks) = try someTissue(1)
    func colours(_ images: Tensor) throws -> [Double] { try images.mean([0, 2, 3]).doubles() }
    let narrow = try colours(done(.narrowBand, 1, images, masks).images)
    #expect(narrow[1] > 1.3 * narrow[0] && narrow[2] > narrow[0])
    let (before, white) = (try colours(images), try colours(done(.whiteLight, 1, images, masks).images))
    #expect(white[0] / white[2] < 0.8 * before[0] / before[2] && white.reduce(0, +) > before.reduce(0, +))
  }

  @Test func filmsHaveAReachBeyondWhichNothingChanges() throws {
    let (images, masks) = try someTissue(6, size: 64, border: false)
    for mechanism in [Mechanism.mucus, .blood, .reflection, .bubbles, .residue] {
      let change = try (done(mechanism, 0.4, images, masks).images - images).magnitude().max([1])
      let share = try change.greater(than: 1e-6).to(.float32).mean([1, 2]).doubles()
      #expect(share.allSatisfy { $0 < 0.6 }, "\(mechanism) \(share)")
    }
  }

  @Test func stainsLeaveGlassWhite() throws {
    let glass = try Tensor.ones([1, 3, 16, 16])
    let masks = try Tensor.zeros([1, 1, 16, 16])
    for mechanism in [Mechanism.strongStain, .weakStain, .haematoxylin, .eosin] {
      #expect(try difference(done(mechanism, 1, glass, masks).images, glass) < 1e-5)
    }
  }

  @Test func theGuideExplainsEveryMechanism() throws {
    let guide = try String(
      contentsOf: Project.file("docs/reference/mechanisms.md"), encoding: .utf8)
    for mechanism in Mechanism.allCases { #expect(guide.contains("`\(mechanism.rawValue)`")) }
  }
}
