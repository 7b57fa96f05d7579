/// Everything that determines one image.
///
/// It holds a value for every node of the causal model without parents, and the noise of all other
/// nodes.
package struct Draw: Sendable {
  /// The lesion; nil for normal mucosa.
  package var lesion: LesionClass?
  /// The confounders and their strengths from 0 to 1; an absent one is 0.
  package var strengths: [Confounder: Double]
  /// The site's camera.
  package var camera: Camera
  /// The places of localised confounders, if they are present; without an entry, anywhere.
  package var placements: [Confounder: Placement]
  /// The organ.
  package var anatomy = Anatomy.colon
  /// The name of the scene, such as `site-a/source/17`; equal scenes have equal noise.
  package let scene: String
  /// The root of the scene's noise variables.
  let noise: Noise

  /// Makes the causes of an image from given values.
  ///
  /// - Parameters:
  ///   - scene: its name; it determines the noise of the scene, together with the seed.
  ///   - seed: the seed.
  ///   - lesion: the lesion, nil for normal mucosa.
  ///   - strengths: the confounders.
  ///   - camera: the camera.
  ///   - placements: the places of localised confounders.
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

  /// Returns the same scene and camera under do(confounder = strength), without other confounders.
  package func doing(_ confounder: Confounder, strength: Double) -> Draw {
    var draw = self
    draw.strengths = [confounder: strength]
    return draw
  }

  /// The lowest strength at which a confounder is visible.
  package static let visibleStrength = 0.3

  /// The visible confounders, in the order of the prompts.
  package var visibleConfounders: [Confounder] {
    Confounder.allCases.filter { (strengths[$0] ?? 0) >= Self.visibleStrength }
  }

  /// Returns the strength of a confounder, clamped to 0…1.
  func strength(_ confounder: Confounder) -> Float {
    Float(min(1, max(0, strengths[confounder] ?? 0)))
  }
}
