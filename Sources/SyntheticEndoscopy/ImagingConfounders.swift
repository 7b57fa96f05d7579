/// Light, technology and optics: confounders that affect the whole image.
struct ImagingConfounders {
  let draw: Draw
  let scene: Scene
  let view: View

  /// Applies the lamp (bright, dark, uneven, near and far), then narrow-band and white light.
  func applyLight(_ canvas: Canvas, spot: SIMD2<Float>) {
    let (bright, dark, uneven) = (draw.strength(.bright), draw.strength(.dark), draw.strength(.uneven))
    let (near, far) = (draw.strength(.near), draw.strength(.far))
    let (narrow, white) = (draw.strength(.narrowBand), draw.strength(.whiteLight))
    guard bright + dark + uneven + near + far + narrow + white > 0 else { return }
    let gain =
      (1 + 0.85 * bright) * (1 - 0.70 * dark) * (1 + 0.10 * near) * (1 - 0.16 * far) * (1 + 0.16 * white)
    let haze = 0.07 * bright
    // The effect of narrow bands is mostly on or off. The strength gives its purity.
    let share = narrow > 0 ? 0.55 + 0.45 * narrow : 0
    for y in 0..<view.size {
      let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
      let vessels = canvas.vessels.row(y)
      let py = view.position(y) * view.zoom
      let dy = py - spot.y
      for x in 0..<view.size {
        let px = view.position(x) * view.zoom
        let dx = px - spot.x
        let centre = px * px + py * py
        var lamp = gain * (1 - min(0.8, (0.30 * dark + 0.34 * far) * centre) + 0.16 * near * (1 - centre))
        let falloff = 1 / (1 + 4.2 * (dx * dx + dy * dy))
        lamp *= 1 + uneven * (2.0 * falloff * falloff - 0.80)
        lamp = max(0.03, lamp)
        var (r, g, b) = (red[x] * lamp + haze, green[x] * lamp + haze, blue[x] * lamp + haze)
        if share > 0 {
          // Green light appears as red, blue light as green and blue; vessels absorb both.
          let dim = 1 - 0.5 * vessels[x] * share
          let shownRed = (0.72 * g + 0.03 * r) * dim
          let shownGreen = (0.52 * g + 0.78 * b) * (0.4 + 0.6 * dim)
          let shownBlue = (0.32 * g + 0.80 * b) * (0.4 + 0.6 * dim)
          r = mix(r, shownRed * 1.02, share)
          g = mix(g, shownGreen * 1.12, share)
          b = mix(b, shownBlue * 1.12, share)
        }
        if white > 0 {
          let grey = 0.36 * r + 0.44 * g + 0.20 * b
          r = mix(r, 0.62 * r + 0.36 * grey, white)
          g = mix(g, 0.66 * g + 0.42 * grey, white)
          b = mix(b, 0.72 * b + 0.52 * grey, white)
        }
        red[x] = r
        green[x] = g
        blue[x] = b
      }
    }
  }

  /// Applies blur and artefacts.
  func applyOptics(_ canvas: Canvas) {
    let blur = draw.strength(.blur)
    if blur > 0 {
      let deviation = (0.004 + 0.022 * blur) * Float(view.size)
      for plane in canvas.colours { Filters.blur(plane, deviation: deviation) }
    }
    let artefacts = draw.strength(.artefacts)
    if artefacts > 0 { comb(canvas, artefacts) }
  }

  /// Applies interlaced video in motion: every other group of lines shows a later moment.
  ///
  /// The colours are captured one after another, so they separate. Some bands are worse than
  /// others.
  private func comb(_ canvas: Canvas, _ strength: Float) {
    let noise = scene.noise["confounders"][Confounder.artefacts.rawValue]
    var values = noise["motion"].values
    let sign: Float = values.isTrue(0.5) ? 1 : -1
    let size = view.size
    let lines = max(1, size / 100)
    let bands = (0..<12).map { _ in values.uniform(0.15, 1) }
    let shift = sign * (0.012 + 0.040 * strength) * Float(size)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: size) { memory in
      guard let line = memory.baseAddress else { return }
      for y in 0..<size {
        let position = Float(y) / Float(size) * Float(bands.count - 1)
        let band = mix(bands[Int(position)], bands[Int(position) + 1], position - position.rounded(.down))
        let odd = (y / lines) % 2 == 1
        for (index, plane) in canvas.colours.enumerated() {
          // Red is ahead, blue is behind.
          let parting = 0.45 * Float(index - 1)
          let offset = shift * band * (parting + (odd ? 1 : 0))
          guard offset != 0 else { continue }
          let whole = Int(offset.rounded(.down))
          let part = offset - Float(whole)
          let row = plane.row(y)
          for x in 0..<size { line[x] = row[x] }
          for x in 0..<size {
            let first = min(size - 1, max(0, x + whole))
            let second = min(size - 1, max(0, x + whole + 1))
            row[x] = mix(line[first], line[second], part)
          }
        }
      }
    }
  }
}
