/// The larynx from above: two vocal folds with the glottis between them, false folds, epiglottis, arytenoids.
///
/// It is the second family of scenes. It shares lesions, confounders and cameras with the colon and
/// nothing of its geometry, so that a finding does not hang on one wall.
struct Larynx {
  /// The direction of the midline, from the front of the larynx to its back: the cosine and sine of its
  /// tilt.
  let tilt: SIMD2<Float>
  let middle: SIMD2<Float>
  /// The ends of the folds on the midline: the front, where they join, and the back.
  let front: Float
  let back: Float
  /// Half the width of the open glottis at the back.
  let opening: Float
  /// The widths of a vocal fold and of a false fold.
  let fold: Float
  let falseFold: Float
  /// How pale the vocal folds are.
  let paleness: Float
  /// The distance of the edge of the epiglottis before the front of the folds.
  let epiglottis: Float

  init(_ noise: Noise) {
    var values = noise["larynx"].values
    tilt = unitVector(angle: values.uniform(-0.35, 0.35))
    middle = SIMD2(values.uniform(-0.12, 0.12), values.uniform(-0.08, 0.08))
    front = values.uniform(-0.55, -0.4)
    back = values.uniform(0.34, 0.5)
    opening = values.uniform(0.05, 0.30)
    fold = values.uniform(0.15, 0.22)
    falseFold = values.uniform(0.24, 0.34)
    paleness = values.uniform(0.5, 1)
    epiglottis = values.uniform(0.16, 0.34)
  }

  /// Returns the place of a lesion: on a vocal fold, or on a false one.
  func place(_ noise: Noise) -> SIMD2<Float> {
    var values = noise["larynx place"].values
    let along = mix(front + 0.2, back - 0.08, values.uniform())
    let side: Float = values.isTrue(0.5) ? 1 : -1
    let out = values.isTrue(0.7) ? 0.5 * fold : fold + 0.45 * falseFold
    let across = side * (gap(along) + out)
    return middle + SIMD2(tilt.x * across - tilt.y * along, tilt.y * across + tilt.x * along)
  }

  /// Returns half the width of the glottis at a place along the midline; negative beyond its ends.
  @inline(__always)
  private func gap(_ along: Float) -> Float {
    guard along > front else { return front - along < 0.3 ? 0.6 * (along - front) : -0.2 }
    if along < back {
      let share = (along - front) / (back - front)
      return opening * share * (1.25 - 0.25 * share * share)
    }
    let beyond = (along - back) / (0.05 + 0.5 * opening)
    return opening * (1 - beyond * beyond)
  }

  /// Paints colour, height, light and slope without a lesion.
  func paint(_ scene: Scene, _ canvas: Canvas, in view: View) {
    let noise = scene.noise["mucosa"]
    let warp = noise["warp"].fields([(1.3, 1), (2.9, 0.45)], in: view)
    let mottle = noise["mottle"].fields([(1.7, 0.8), (4.1, 0.6), (9, 0.35)], in: view)
    let texture = noise["texture"].fields([(17, 0.7), (34, 0.6)], in: view)
    NoiseField(noise["relief"], frequency: 3.1)
      .add(to: canvas.height, amplitude: 0.012, in: view, Region(whole: view.size))
    let colour = scene.colour
    for y in 0..<view.size {
      let (w, m, t) = (warp.row(y), mottle.row(y), texture.row(y))
      let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
      let (height, light) = (canvas.height.row(y), canvas.light.row(y))
      let (slopeX, slopeY) = (canvas.slopeX.row(y), canvas.slopeY.row(y))
      let py = view.position(y) - middle.y
      for x in 0..<view.size {
        let px = view.position(x) - middle.x
        let across = px * tilt.x + py * tilt.y + 0.02 * w[x]
        let along = py * tilt.x - px * tilt.y + 0.03 * w[x]
        let side: Float = across < 0 ? -1 : 1
        // The distance from the edge of the vocal fold, away from the midline.
        let out = across.magnitude - gap(along)
        // Folds end at the epiglottis in front and at the arytenoids behind.
        let isFold =
          smoothStep(along, front - 0.05, front + 0.08) * (1 - smoothStep(along, back, back + 0.12))
        let inFold = smoothStep(out, -0.012, 0.012) * (1 - smoothStep(out, fold - 0.02, fold + 0.02)) * isFold
        let groove = Self.bump((out - fold - 0.025) / 0.045) * isFold
        let ridge = Self.bump((out - 0.5 * fold) / (0.62 * fold)) * isFold
        let bulge = Self.bump((out - fold - 0.05 - 0.5 * falseFold) / (0.6 * falseFold)) * isFold
        let arytenoid = max(
          Self.bump(Self.length(across - 0.24 - 0.4 * opening, along - back - 0.24) / 0.24),
          Self.bump(Self.length(across + 0.24 + 0.4 * opening, along - back - 0.24) / 0.24))
        // The epiglottis is a curved rim in front, nearer than all else.
        let rim = front - epiglottis + 0.35 * across * across - along
        let near = smoothStep(rim, -0.02, 0.05)
        let inside = (1 - smoothStep(out, -0.03, 0.01)) * smoothStep(along, front, front + 0.05)

        height[x] +=
          0.05 * ridge + 0.09 * bulge + 0.11 * arytenoid + 0.10 * Self.bump((rim - 0.09) / 0.2)
        var lit = 0.62 + 0.22 * ridge + 0.30 * bulge + 0.30 * arytenoid - 0.42 * groove
        // The walls recede beside the false folds.
        lit -= 0.35 * smoothStep(out, fold + falseFold, fold + falseFold + 0.5) * (1 - arytenoid)
        lit = mix(lit, 0.95 - 0.25 * smoothStep(rim, 0.2, 0.7), near)
        // Below the glottis is the windpipe, with its rings.
        let rings = 0.5 + 0.5 * cosine(along * 34 + 2 * w[x])
        lit = mix(max(0.12, lit), 0.07 + 0.05 * rings, inside * (1 - near))
        light[x] = min(1.05, lit)
        let steep = side * (0.25 * smoothStep(out, 0, 0.8))
        slopeX[x] = steep * tilt.x * (1 - near)
        slopeY[x] = steep * tilt.y * (1 - near)

        let shade = 1 + 0.8 * scene.mottle * m[x] * (1 - 0.6 * inFold) + 0.03 * scene.texture * t[x]
        let pale = inFold * paleness
        let deep = clamped(lit)
        red[x] = colour.x * mix(1, 1.08, pale) * (1 + (shade - 1) * 0.6) * mix(0.92, 1, deep)
        green[x] = colour.y * mix(1, 1.62, pale) * shade * mix(0.72, 1, deep)
        blue[x] = colour.z * mix(1, 1.66, pale) * shade * mix(0.70, 1, deep)
      }
    }
  }

  /// A smooth hill: 1 at 0, 0 from −1 and 1 on.
  @inline(__always)
  private static func bump(_ value: Float) -> Float {
    let rest = max(0, 1 - value * value)
    return rest * rest
  }

  @inline(__always)
  private static func length(_ x: Float, _ y: Float) -> Float { (x * x + y * y).squareRoot() }
}
