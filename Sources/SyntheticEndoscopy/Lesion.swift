/// A lesion: an outline, a relief and a look, drawn from the noise of the class.
struct Lesion {
  /// A star-shaped patch around a centre: a stretched circle with a wavy radius.
  struct Patch {
    var centre: SIMD2<Float>
    var radius: Float
    /// The cosine and sine of the rotation.
    var axis: SIMD2<Float>
    /// The square root of length over breadth.
    var stretch: Float
    /// The cosine and sine amplitudes of the second to fifth harmonic.
    var waves: [SIMD2<Float>]

    /// Returns the distance from the centre, 1 on the outline.
    @inline(__always)
    func distance(_ x: Float, _ y: Float, _ waves: UnsafeBufferPointer<SIMD2<Float>>) -> Float {
      let (dx, dy) = (x - centre.x, y - centre.y)
      let u = (dx * axis.x + dy * axis.y) / stretch
      let v = (dy * axis.x - dx * axis.y) * stretch
      let far = max(1e-6, (u * u + v * v).squareRoot())
      let (c1, s1) = (u / far, v / far)
      var (c, s) = (c1, s1)
      var outline: Float = 1
      for wave in waves {
        // This is the next multiple of the angle, from the addition theorem.
        (c, s) = (c * c1 - s * s1, s * c1 + c * s1)
        outline += wave.x * c + wave.y * s
      }
      return far / (radius * max(0.4, outline))
    }
  }

  let kind: LesionClass
  let look: LesionLook
  let patches: [Patch]
  let centre: SIMD2<Float>
  /// The radius of the main patch.
  let radius: Float
  let noise: Noise

  init(_ kind: LesionClass, in scene: Scene) {
    self.kind = kind
    noise = scene.noise["lesion"][kind.rawValue]
    var values = noise["shape"].values
    look = LesionLook(kind, noise["look"])
    centre = scene.place
    radius = values.uniform(look.radius.lowerBound, look.radius.upperBound)
    var patches = [
      Self.patch(centre, radius, stretch: values.uniform(1, look.stretch), waves: look.waves, &values)
    ]
    switch kind {
    case .polyp where values.isTrue(0.35):
      // A stalk in side view: a narrow patch from under the head to the wall.
      let direction = values.direction()
      var stalk = Self.patch(
        centre + direction * radius * 1.4, radius * 0.42, stretch: 2.5, waves: 0.04, &values)
      stalk.axis = direction
      patches.append(stalk)
    case .nodule:
      for _ in 0..<values.integer(0...2) {
        let small = radius * values.uniform(0.5, 0.85)
        let offset = values.direction() * (radius + small) * values.uniform(0.85, 1.25)
        patches.append(Self.patch(centre + offset, small, stretch: 1.1, waves: look.waves, &values))
      }
    default: break
    }
    self.patches = patches
  }

  private static func patch(
    _ centre: SIMD2<Float>, _ radius: Float, stretch: Float, waves: Float, _ values: inout NoiseValues
  ) -> Patch {
    Patch(
      centre: centre, radius: radius, axis: values.direction(), stretch: stretch.squareRoot(),
      waves: (2...5).map { values.direction() * (waves * values.uniform(0.3, 1) * 2 / Float($0)) })
  }

  /// The maximum distance of any part from the centre, including the shadow.
  var reach: Float {
    patches.map { length($0.centre - centre) + 1.9 * $0.radius * $0.stretch }.max() ?? 0
  }
}
