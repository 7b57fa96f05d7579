/// Branching vessels under the surface: random trees, drawn with soft edges.
struct Vessels {
  struct Segment {
    var from: SIMD2<Float>
    var to: SIMD2<Float>
    var width: Float
  }

  private(set) var segments: [Segment] = []

  /// Grows trees from places that the noise selects.
  ///
  /// - Parameters:
  ///   - noise: the trees' noise.
  ///   - trees: the number of trees.
  ///   - centre: the centre of the area in which they start.
  ///   - reach: half the area's side.
  ///   - width: the width of a trunk.
  init(_ noise: Noise, trees: Int, centre: SIMD2<Float>, reach: Float, width: Float) {
    for tree in 0..<trees {
      // Each tree has its own noise, so one more tree changes no other tree.
      var values = noise[tree].values
      let start = centre + SIMD2(values.uniform(-reach, reach), values.uniform(-reach, reach))
      grow(
        from: start, towards: values.direction(), width: width * values.uniform(0.6, 1.1),
        step: 0.045 * max(0.35, reach), &values)
    }
  }

  private mutating func grow(
    from start: SIMD2<Float>, towards direction: SIMD2<Float>, width: Float, step: Float,
    _ values: inout NoiseValues
  ) {
    var pending = [(place: start, direction: direction, width: width)]
    var left = 90
    while left > 0, let branch = pending.popLast() {
      var (place, direction, width) = branch
      var bend: Float = 0
      while left > 0, width > 0.0035 {
        left -= 1
        bend = 0.7 * bend + values.uniform(-0.17, 0.17)
        let turn = unitVector(angle: bend)
        direction = SIMD2(
          direction.x * turn.x - direction.y * turn.y, direction.x * turn.y + direction.y * turn.x)
        let next = place + direction * step
        segments.append(Segment(from: place, to: next, width: width))
        place = next
        width *= 0.975
        if values.isTrue(0.15) {
          let side = unitVector(
            angle: values.isTrue(0.5) ? values.uniform(0.5, 0.9) : values.uniform(-0.9, -0.5))
          let away = SIMD2(
            direction.x * side.x - direction.y * side.y, direction.x * side.y + direction.y * side.x)
          pending.append((place, away, width * values.uniform(0.5, 0.8)))
          width *= 0.88
        }
      }
    }
  }

  /// Hides vessels where they run deeper, so that they appear and disappear.
  static func sink(_ plane: Plane, _ noise: Noise, in view: View) {
    let depth = noise.fields([(2.3, 0.8), (5.1, 0.6)], in: view)
    let (values, depths) = (plane.values, depth.values)
    for index in 0..<plane.count where values[index] > 0 {
      values[index] *= 0.12 + 0.88 * smoothStep(depths[index], -0.7, 0.8)
    }
  }

  /// Draws the vessels with a profile that is 1 on the axis.
  ///
  /// Each pixel becomes the larger of its value and `strength` times the profile.
  func draw(on plane: Plane, strength: Float, in view: View) {
    for segment in segments {
      // Vessels thinner than a pixel are drawn one pixel wide and fainter.
      let width = max(1.3 * segment.width, 0.9 * view.pixel)
      let peak = strength * min(1, 1.3 * segment.width / width)
      let along = segment.to - segment.from
      let lengthSquared = max(1e-9, (along * along).sum())
      let middle = (segment.from + segment.to) * 0.5
      let reach = 0.5 * lengthSquared.squareRoot() + width
      let region = Region(around: middle, reach, in: view)
      let scale = 1 / (width * width)
      for y in region.rows {
        let row = plane.row(y)
        let dy = view.position(y) - segment.from.y
        for x in region.columns {
          let dx = view.position(x) - segment.from.x
          let t = clamped((dx * along.x + dy * along.y) / lengthSquared)
          let (ex, ey) = (dx - t * along.x, dy - t * along.y)
          let profile = max(0, 1 - (ex * ex + ey * ey) * scale)
          row[x] = max(row[x], peak * profile * profile)
        }
      }
    }
  }
}
