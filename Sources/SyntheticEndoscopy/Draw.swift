/// Everything that determines one picture: a value for every node of the causal model that has no parents, and the
/// noise of all the others.
package struct Draw: Sendable {
  /// The lesion; nil for normal mucosa.
  package var lesion: LesionClass?
  /// The confounders and their strengths from 0 to 1; an absent one is 0.
  package var strengths: [Confounder: Double]
  /// The site's camera.
  package var camera: Camera
  /// Where localised confounders lie, should they be there; an absent one lies anywhere.
  package var placements: [Confounder: Placement]
  /// The name of the scene, such as `site-a/source/17`; equal scenes have equal noise.
  package let scene: String
  /// The root of the scene's noise variables.
  let noise: Noise

  /// Makes a picture's causes by hand.
  ///
  /// - Parameters:
  ///   - scene: its name; the scene's noise follows from it and the seed.
  ///   - seed: the seed.
  ///   - lesion: the lesion, nil for normal mucosa.
  ///   - strengths: the confounders.
  ///   - camera: the camera.
  ///   - placements: where localised confounders lie.
  package init(
    scene: String, seed: UInt64, lesion: LesionClass?, strengths: [Confounder: Double] = [:],
    camera: Camera = Camera(), placements: [Confounder: Placement] = [:]
  ) {
    self.lesion = lesion
    self.strengths = strengths
    self.camera = camera
    self.placements = placements
    self.scene = scene
    noise = Noise(seed: seed)["scene"][scene]
  }

  /// The same scene and camera under do(confounder = strength): that one set, every other cleared.
  package func doing(_ confounder: Confounder, strength: Double) -> Draw {
    var draw = self
    draw.strengths = [confounder: strength]
    return draw
  }

  /// The same scene and camera with no confounder.
  package func withoutConfounders() -> Draw {
    var draw = self
    draw.strengths = [:]
    return draw
  }

  /// From which strength on a confounder can be seen.
  package static let visibleStrength = 0.3

  /// The confounders that can be seen, in the order of the prompts.
  package var visibleConfounders: [Confounder] {
    Confounder.allCases.filter { (strengths[$0] ?? 0) >= Self.visibleStrength }
  }

  /// The strength of a confounder within 0 and 1.
  func strength(_ confounder: Confounder) -> Float {
    Float(min(1, max(0, strengths[confounder] ?? 0)))
  }
}
