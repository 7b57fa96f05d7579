/// A lesion: an outline, a relief and a look, all drawn from the class's own noise.
struct Lesion {
  /// A star-shaped patch about a centre: a stretched circle whose radius waves along the way.
  struct Patch {
    var centre: SIMD2<Float>
    var radius: Float
    /// Cosine and sine of the turn.
    var axis: SIMD2<Float>
    /// Length over breadth, its square root.
    var stretch: Float
    /// Cosine and sine amplitudes of the second to fifth harmonic.
    var waves: [SIMD2<Float>]

    /// The distance from the centre, 1 on the outline.
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
        // The next multiple of the angle, by the addition theorem.
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
  private let noise: Noise

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
      // A stalk, seen from the side: a narrow patch that reaches from under the head to the wall.
      let direction = values.direction()
      var stalk = Self.patch(
        centre + direction * radius * 1.05, radius * 0.46, stretch: 1.32, waves: 0.03, &values)
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

  /// How far from the centre anything of it may reach, its shadow included.
  var reach: Float {
    patches.map { length($0.centre - centre) + 1.9 * $0.radius * $0.stretch }.max() ?? 0
  }

  /// Paints it on the wall.
  ///
  /// - Returns: the distance of each pixel from the lesion: below 1 inside, 1 on the outline, at most 9 elsewhere.
  func paint(_ scene: Scene, _ canvas: Canvas, in view: View) -> Plane {
    let region = Region(around: centre, reach, in: view)
    let outline = Plane(size: view.size, filledWith: 9)
    guard !region.columns.isEmpty, !region.rows.isEmpty else { return outline }
    let scale = 1 / radius
    let rough = noise["rough"].fields([(1.1 * scale, 0.8), (2.3 * scale, 0.6)], in: view, region)
    let lobes = noise["lobes"].fields([(1.5 * scale, 1), (3.1 * scale, 0.5)], in: view, region)
    let pits = noise["pits"].fields([(11, 0.7), (23, 0.7)], in: view, region)
    for patch in patches { measure(patch, outline, region, view) }
    if look.vesselStrength > 0 {
      let tree = Vessels(noise["vessels"], trees: 3, centre: centre, reach: radius * 0.8, width: 0.014)
      let own = Plane(size: view.size)
      tree.draw(on: own, strength: look.vesselStrength, in: view)
      blend(own, into: canvas, rough, outline, region)
    } else {
      blend(nil, into: canvas, rough, outline, region)
    }
    for y in region.rows { colour(y, scene, canvas, region, view, outline, lobes, pits) }
    return outline
  }

  private func measure(_ patch: Patch, _ outline: Plane, _ region: Region, _ view: View) {
    patch.waves.withUnsafeBufferPointer { waves in
      for y in region.rows {
        let row = outline.row(y)
        let py = view.position(y)
        for x in region.columns { row[x] = min(row[x], patch.distance(view.position(x), py, waves)) }
      }
    }
  }

  /// Roughens the outline, and lets the lesion's own vessels take the place of the wall's.
  private func blend(_ own: Plane?, into canvas: Canvas, _ rough: Plane, _ outline: Plane, _ region: Region) {
    for y in region.rows {
      let (row, noise, vessels) = (outline.row(y), rough.row(y), canvas.vessels.row(y))
      let mine = own?.row(y)
      for x in region.columns {
        row[x] = max(0, row[x] + look.roughness * noise[x] * min(1, row[x]))
        let inside = smoothStep(1 - row[x], -0.05, 0.1)
        vessels[x] = mix(vessels[x], mine?[x] ?? vessels[x] * look.vesselsKept, inside)
      }
    }
  }

  private func colour(
    _ y: Int, _ scene: Scene, _ canvas: Canvas, _ region: Region, _ view: View, _ outline: Plane,
    _ lobes: Plane,
    _ pits: Plane
  ) {
    let (q, lobe, pit) = (outline.row(y), lobes.row(y), pits.row(y))
    let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
    let (height, light, gloss) = (canvas.height.row(y), canvas.light.row(y), canvas.gloss.row(y))
    let (slopeX, slopeY) = (canvas.slopeX.row(y), canvas.slopeY.row(y))
    let own = scene.colour * look.tint
    let py = view.position(y) - centre.y
    for x in region.columns where q[x] < 1.45 {
      let distance = q[x]
      let inside = smoothStep(1 - distance, -look.softness, look.softness)
      let flat = min(1, distance)
      let square = flat * flat
      let dome = 1 - square * mix(1, square, look.flatness)
      // Lobes are parted by creases where the field crosses zero.
      let crease = 1 / (1 + 14 * lobe[x] * lobe[x])
      let lump = look.lobed * (0.5 - crease)
      height[x] += radius * (look.height * dome + lump * 0.55 * min(1, 3 * dome)) * (distance < 1 ? 1 : 0)
      // A smooth dome casts soft shade on the wall away from the lamp.
      if distance > 1 {
        let away = ((view.position(x) - centre.x) * scene.lamp.x + py * scene.lamp.y) / (radius * 0.5)
        let near = max(0, 1 - (distance - 1) / 0.42)
        light[x] *= 1 - look.shadow * near * near * clamped(0.55 + 0.45 * away, 0.1, 1)
      }
      let ulcer = look.ulcer * smoothStep(0.55 - distance + 0.22 * lobe[x], -0.06, 0.22)
      height[x] -= radius * 0.30 * ulcer * look.height
      let shade =
        (1 + look.texture * pit[x]) * (1 - 0.42 * look.lobed * crease)
        * (1 + look.rim * square * square)
      var r = mix(own.x, red[x] * look.tint.x, 0.3) * shade
      var g = mix(own.y, green[x] * look.tint.y, 0.3) * shade * (1 - 0.10 * look.lobed * lobe[x])
      var b = mix(own.z, blue[x] * look.tint.z, 0.3) * shade * (1 - 0.06 * look.lobed * lobe[x])
      // Slough over an ulcer is yellow-grey, with blood where the fine field is low.
      let blood = smoothStep(-pit[x], 0.3, 1.1)
      r = mix(r, mix(0.80, 0.45, blood), ulcer * 0.85)
      g = mix(g, mix(0.70, 0.10, blood), ulcer * 0.85)
      b = mix(b, mix(0.48, 0.08, blood), ulcer * 0.85)
      // Erosions: small whitish spots with a redder surround.
      let erosion = look.erosions * smoothStep(lobe[x] * 0.6 + pit[x] * 0.55, 0.75, 1.2)
      r = mix(r, 0.93, erosion)
      g = mix(g, 0.86, erosion)
      b = mix(b, 0.66, erosion)
      red[x] = mix(red[x], r, inside)
      green[x] = mix(green[x], g, inside)
      blue[x] = mix(blue[x], b, inside)
      // What stands up is nearer to the lamp and turned towards it.
      let up = inside * min(1, look.height)
      light[x] = mix(light[x], 0.35 + 0.75 * light[x], 0.6 * up)
      slopeX[x] *= 1 - 0.7 * up
      slopeY[x] *= 1 - 0.7 * up
      gloss[x] = mix(1, look.gloss, inside)
    }
  }
}
