/// The organ of a scene.
package enum Anatomy: String, Codable, CaseIterable, Sendable {
  /// The colon: a tube with folds and a lumen.
  case colon
  /// The larynx: two vocal folds with the glottis between them.
  case larynx
}

/// The scene before the endoscope: a tube wall, its folds and lumen, and the place of a lesion.
///
/// The values come from the noise variables of the scene. Nothing here depends on lesion class,
/// confounder or camera.
struct Scene {
  /// One fold: a ring around the lumen that rises and fades along its way.
  struct Fold {
    /// The distance of the crest from the lumen.
    var radius: Float
    /// The variation of this distance along the ring.
    var wobble: SIMD2<Float>
    /// The mean strength, and its variation along the ring.
    var strength: Float
    var variation: SIMD2<Float>
    /// The variation at twice the angle: folds of the colon cover a third of its circumference.
    var halves: SIMD2<Float>
    /// The width of the lit face.
    var width: Float
  }

  let noise: Noise
  /// The folds of the larynx; nil in the colon.
  let larynx: Larynx?
  /// The colour of the mucosa in even light.
  let colour: Colour
  /// The place of the lesion, if there is one.
  let place: SIMD2<Float>
  let lumen: SIMD2<Float>
  /// The ratio of focal length to tube radius: how quickly the wall recedes towards the lumen.
  let focus: Float
  /// How near the tube bends out of sight; 0 means never.
  let bend: Float
  /// The stretch of the lumen along y, and how triangular it is.
  let stretch: Float
  let triangle: SIMD2<Float>
  let folds: [Fold]
  /// The position of the lamp, seen from the axis of the camera.
  let lamp: SIMD2<Float>
  /// The strengths of mottling, fine texture and vessels.
  let mottle: Float
  let texture: Float
  let vesselStrength: Float
  /// How dry the wall is: the threshold of the pools of fluid.
  let dryness: Float

  init(_ noise: Noise, _ anatomy: Anatomy = .colon) {
    self.noise = noise
    larynx = anatomy == .larynx ? Larynx(noise) : nil
    var values = noise["mucosa"].values
    let paleness = values.uniform()
    let yellowness = values.uniform()
    colour = Colour(
      mix(0.80, 0.90, paleness), mix(0.40, 0.58, paleness), mix(0.36, 0.50, paleness) - 0.12 * yellowness)
    mottle = values.uniform(0.05, 0.12)
    texture = values.uniform(0.4, 1)
    vesselStrength = values.uniform(0.2, 0.9)

    values = noise["place"].values
    let anywhere = values.direction() * (0.46 * values.uniform().squareRoot())
    place = larynx?.place(noise) ?? anywhere

    values = noise["lumen"].values
    // The lumen lies opposite the lesion across the centre of the image, within a third of a turn.
    let across = place.x == 0 && place.y == 0 ? SIMD2<Float>(1, 0) : -place / length(place)
    let turn = unitVector(angle: values.uniform(-1.1, 1.1))
    let direction = SIMD2(across.x * turn.x - across.y * turn.y, across.x * turn.y + across.y * turn.x)
    lumen = direction * values.uniform(0.42, 1.5)
    focus = values.uniform(0.10, 0.36)
    bend = max(0, values.uniform(-0.15, 0.22))
    stretch = values.uniform(0.8, 1.25)
    triangle = values.direction() * values.uniform(0, 0.12)

    values = noise["folds"].values
    let spacing = values.uniform(1.45, 2.0)
    let strength = values.uniform(0.2, 1)
    var radius = values.uniform(0.26, 0.42)
    folds = (0..<4).map { _ in
      defer { radius *= spacing }
      return Fold(
        radius: radius, wobble: values.direction() * values.uniform(0.05, 0.24),
        strength: strength * values.uniform(0.1, 0.6),
        variation: values.direction() * values.uniform(0.3, 0.8),
        halves: values.direction() * values.uniform(0, 0.5), width: radius * values.uniform(0.28, 0.5))
    }
    values = noise["lamp"].values
    lamp = values.direction() * values.uniform(0.15, 0.45)
    dryness = noise["wetness"]["dryness"].values.first(-0.1, 1.3)
  }
}

extension Scene {
  /// The light that reaches the place of the lesion past the folds.
  var openLight: Float {
    if larynx != nil { return 0.9 }
    return 0.05 + 0.95 * Mucosa.returned(fromDepth: focus / (max(0.1, length(place - lumen)) + bend))
  }
}

func length(_ vector: SIMD2<Float>) -> Float { (vector * vector).sum().squareRoot() }
