/// Confounders on the mucosa: mucus, blood and glints.
///
/// Nothing changes outside their envelopes.
struct SurfaceConfounders {
  let draw: Draw
  let scene: Scene
  let lesion: Lesion?
  let view: View

  /// Draws them on the lit image.
  func apply(_ canvas: Canvas) {
    for confounder in [Confounder.mucus, .blood, .reflection] {
      let strength = draw.strength(confounder)
      guard strength > 0 else { continue }
      let noise = scene.noise["confounders"][confounder.rawValue]
      switch confounder {
      case .mucus: mucus(canvas, strength, noise)
      case .blood: blood(canvas, strength, noise)
      default: reflection(canvas, strength, noise)
      }
    }
  }

  /// Returns the place of a confounder: from its own noise, or the lesion's place at a linked site.
  static func place(of confounder: Confounder, _ draw: Draw, _ scene: Scene, _ lesion: Lesion?) -> SIMD2<
    Float
  > {
    var values = scene.noise["confounders"][confounder.rawValue]["place"].values
    let anywhere = SIMD2(values.uniform(-0.62, 0.62), values.uniform(-0.62, 0.62))
    let direction = values.direction()
    let share = values.uniform()
    guard let lesion else { return anywhere }
    switch draw.placements[confounder] ?? .anywhere {
    case .anywhere: return anywhere
    case .beside:
      let beside = lesion.centre + direction * (lesion.radius * mix(0.75, 1.15, share) + 0.05)
      return SIMD2(clamped(beside.x, -0.8, 0.8), clamped(beside.y, -0.8, 0.8))
    case .away:
      let far = max(1e-3, length(lesion.centre))
      let away = -lesion.centre / far * mix(0.42, 0.68, share) + direction * 0.12
      return SIMD2(clamped(away.x, -0.8, 0.8), clamped(away.y, -0.8, 0.8))
    }
  }

  /// Computes a film of fluid: its thickness, 0 outside its area.
  private func film(
    _ place: SIMD2<Float>, reach: Float, noise: Noise, fields: [(frequency: Float, amplitude: Float)],
    stretch: Float, ragged: Float
  ) -> (Plane, Region) {
    let region = Region(around: place, reach, in: view)
    let film = noise["film"].fields(fields, in: view, region)
    var values = noise["flow"].values
    let flow = values.direction()
    for y in region.rows {
      let row = film.row(y)
      let dy = view.position(y) - place.y
      for x in region.columns {
        let dx = view.position(x) - place.x
        let (along, across) = (dx * flow.x + dy * flow.y, (dy * flow.x - dx * flow.y) * stretch)
        let near = 1 - (along * along + across * across).squareRoot() / reach
        row[x] = max(0, near * 1.5 - 0.35 + ragged * row[x]) * smoothStep(near, 0, 0.2)
      }
    }
    return (film, region)
  }

  private func mucus(_ canvas: Canvas, _ strength: Float, _ noise: Noise) {
    let place = Self.place(of: .mucus, draw, scene, lesion)
    let reach = 0.30 + 0.44 * strength
    let (film, region) = film(
      place, reach: reach, noise: noise, fields: [(3.1, 0.7), (6.7, 0.6), (15, 0.4)], stretch: 1.6,
      ragged: 0.55)
    let clumps = noise["clumps"].fields([(5, 0.6), (13, 0.7)], in: view, region)
    // Threads run where a field is zero.
    let threads = noise["threads"].fields([(3.3, 1), (8, 0.35)], in: view, region)
    for y in region.rows {
      let (row, thread) = (film.row(y), threads.row(y))
      let dy = view.position(y) - place.y
      for x in region.columns {
        let dx = view.position(x) - place.x
        let near = max(0, 1 - (dx * dx + dy * dy) / (reach * reach))
        row[x] += 0.5 * near * smoothStep(1 / (1 + 220 * thread[x] * thread[x]), 0.25, 1)
      }
    }
    bubbles(noise["bubbles"], on: film, place, reach: reach, count: Int(8 + 22 * strength))
    let scale = 0.5 / view.pixel
    for y in region.rows {
      let row = film.row(y)
      let (above, below) = (film.row(max(0, y - 1)), film.row(min(view.size - 1, y + 1)))
      let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
      let (light, clump) = (canvas.light.row(y), clumps.row(y))
      for x in region.columns where row[x] > 0 {
        let thickness = row[x]
        let gx = (row[min(view.size - 1, x + 1)] - row[max(0, x - 1)]) * scale
        let gy = (below[x] - above[x]) * scale
        let dense = clamped(0.80 + 0.30 * clump[x], 0.35, 1)
        let cover = smoothStep(thickness, 0, 0.5) * (0.42 + 0.52 * strength) * dense
        let lit =
          (0.30 + 0.68 * min(1.1, light[x]))
          * clamped(1 - 0.09 * (gx * scene.lamp.x + gy * scene.lamp.y), 0.72, 1.2)
        let (hx, hy) = (0.13 * gx + 0.2 * clump[x] + 0.4 * scene.lamp.x, 0.13 * gy + 0.4 * scene.lamp.y)
        let lobe = 1 / (1 + 60 * (hx * hx + hy * hy))
        let glint = 0.8 * lobe * lobe * lobe * smoothStep(thickness, 0.1, 0.3) * min(1, light[x])
        red[x] = mix(red[x], 0.90 * lit, cover) + glint
        green[x] = mix(green[x], (0.80 + 0.03 * clump[x]) * lit, cover) + glint
        blue[x] = mix(blue[x], (0.46 + 0.07 * clump[x]) * lit, cover) + glint
      }
    }
  }

  /// Draws rings that rise from the film.
  private func bubbles(_ noise: Noise, on film: Plane, _ place: SIMD2<Float>, reach: Float, count: Int) {
    for index in 0..<count {
      var values = noise[index].values
      let centre = place + values.direction() * (0.55 * reach * values.uniform())
      let radius = values.uniform(0.012, 0.045)
      let region = Region(around: centre, radius, in: view)
      for y in region.rows {
        let row = film.row(y)
        let dy = view.position(y) - centre.y
        for x in region.columns where row[x] > 0.03 {
          let dx = view.position(x) - centre.x
          let q = (dx * dx + dy * dy) / (radius * radius)
          if q < 1 { row[x] += 1.6 * radius * (1 - q) }
        }
      }
    }
  }

  private func blood(_ canvas: Canvas, _ strength: Float, _ noise: Noise) {
    let place = Self.place(of: .blood, draw, scene, lesion)
    let (film, region) = film(
      place, reach: 0.26 + 0.44 * strength, noise: noise, fields: [(2.6, 0.8), (6, 0.65), (14, 0.45)],
      stretch: 1.7,
      ragged: 0.5)
    let scale = 0.5 / view.pixel
    for y in region.rows {
      let row = film.row(y)
      let (above, below) = (film.row(max(0, y - 1)), film.row(min(view.size - 1, y + 1)))
      let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
      let light = canvas.light.row(y)
      for x in region.columns where row[x] > 0 {
        let thickness = row[x]
        let gx = (row[min(view.size - 1, x + 1)] - row[max(0, x - 1)]) * scale
        let gy = (below[x] - above[x]) * scale
        let cover = smoothStep(thickness, 0, 0.42) * (0.66 + 0.34 * strength)
        let deep = smoothStep(thickness, 0.05, 1.0)
        let lit = 0.25 + 0.75 * min(1.1, light[x])
        let (hx, hy) = (0.10 * gx + 0.3 * scene.lamp.x, 0.10 * gy + 0.3 * scene.lamp.y)
        let lobe = 1 / (1 + 40 * (hx * hx + hy * hy))
        let glint = 0.7 * lobe * lobe * lobe * lobe * smoothStep(thickness, 0.08, 0.3) * min(1, light[x])
        // Thin blood stains the tissue below. A thick pool is almost black red.
        red[x] = mix(red[x], mix(0.70 * red[x] + 0.06, 0.30, deep) * lit, cover) + glint
        green[x] = mix(green[x], mix(0.26 * green[x], 0.025, deep) * lit, cover) + glint
        blue[x] = mix(blue[x], mix(0.28 * blue[x], 0.025, deep) * lit, cover) + glint
      }
    }
  }

  private func reflection(_ canvas: Canvas, _ strength: Float, _ noise: Noise) {
    let place = Self.place(of: .reflection, draw, scene, lesion)
    let reach = 0.28 + 0.34 * strength
    let region = Region(around: place, reach, in: view)
    let field = noise["glints"].fields([(8.5, 0.6), (16, 0.75), (31, 0.3)], in: view, region)
    for y in region.rows {
      let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
      let row = field.row(y)
      let dy = view.position(y) - place.y
      for x in region.columns {
        let dx = view.position(x) - place.x
        let near = max(0, 1 - (dx * dx + dy * dy) / (reach * reach))
        let level = row[x] + 0.9 * near - 1.95 + 0.45 * strength
        let core = smoothStep(level, 0, 0.3) * smoothStep(near, 0, 0.15)
        let halo = smoothStep(level, -0.7, 0.2) * smoothStep(near, 0, 0.3) * 0.06
        let cover = min(1, (core * core * 0.97 + halo) * (0.6 + 0.4 * strength))
        red[x] = mix(red[x], 3.2, cover)
        green[x] = mix(green[x], 3.2, cover)
        blue[x] = mix(blue[x], 3.2, cover)
      }
    }
  }
}
