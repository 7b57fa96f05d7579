/// The wall: its colour, its relief, and the light of the lamp that reaches it.
enum Mucosa {
  /// Returns the light from a depth; it falls with the square, and with the angle to the wall.
  @inline(__always)
  static func returned(fromDepth depth: Float) -> Float {
    let fall = 1 / (1 + depth * depth)
    return 1.06 * fall * fall.squareRoot()
  }

  /// Paints colour, height, light and slope of the wall without a lesion.
  static func paint(_ scene: Scene, _ canvas: Canvas, in view: View) {
    let noise = scene.noise["mucosa"]
    let warp = noise["warp"].fields([(1.3, 1), (2.9, 0.45)], in: view)
    let mottle = noise["mottle"].fields([(1.7, 0.8), (4.1, 0.6), (9, 0.35)], in: view)
    let pinkness = noise["pinkness"].fields([(1.1, 0.8), (3.3, 0.5)], in: view)
    let texture = noise["texture"].fields([(17, 0.7), (34, 0.6)], in: view)
    NoiseField(noise["relief"], frequency: 3.1)
      .add(to: canvas.height, amplitude: 0.016, in: view, Region(whole: view.size))
    NoiseField(noise["fine relief"], frequency: 8.3)
      .add(to: canvas.height, amplitude: 0.0035, in: view, Region(whole: view.size))

    let (folds, colour) = (scene.folds, scene.colour)
    let softness = view.pixel
    folds.withUnsafeBufferPointer { folds in
      for y in 0..<view.size {
        let (w, m, p, t) = (warp.row(y), mottle.row(y), pinkness.row(y), texture.row(y))
        let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
        let (height, light) = (canvas.height.row(y), canvas.light.row(y))
        let (slopeX, slopeY) = (canvas.slopeX.row(y), canvas.slopeY.row(y))
        let dy = (view.position(y) - scene.lumen.y) * scene.stretch
        for x in 0..<view.size {
          let dx = view.position(x) - scene.lumen.x
          let radius = max(1e-4, (dx * dx + dy * dy).squareRoot())
          let (c, s) = (dx / radius, dy / radius)
          // These are the cosine and sine of three times the angle.
          let (c3, s3) = (c * (4 * c * c - 3), s * (3 - 4 * s * s))
          let distance = max(
            0.03, radius * (1 + scene.triangle.x * c3 + scene.triangle.y * s3) + 0.06 * w[x])
          // The model is a tube of radius 1 seen from its axis, which bends out of sight at a depth
          // of focus / bend.
          let depth = scene.focus / (distance + scene.bend)
          var lit = returned(fromDepth: depth)
          var raised: Float = 0
          for fold in folds {
            let crest = fold.radius * (1 + fold.wobble.x * c + fold.wobble.y * s + 0.09 * w[x])
            let beyond = distance - crest
            guard beyond < fold.width, beyond > -0.75 * fold.width else { continue }
            let strength = clamped(
              fold.strength + fold.variation.x * c + fold.variation.y * s
                + fold.halves.x * (c * c - s * s) + fold.halves.y * 2 * c * s)
            let face = max(0, 1 - beyond / fold.width)
            let behind = max(0, 1 + beyond / (0.75 * fold.width))
            let outer = 1 + strength * 0.55 * face * face
            let inner = 1 - strength * 0.62 * behind * behind
            let soft = max(softness, 0.13 * fold.width)
            let side = smoothStep(beyond, -soft, soft)
            lit *= mix(inner, outer, side)
            raised += strength * 0.05 * fold.width * 2.5 * mix(behind * behind, face * face, side)
          }
          lit = 0.05 + 0.95 * lit
          light[x] = lit
          height[x] += raised
          slopeX[x] = c * depth * 0.9
          slopeY[x] = s * depth * 0.9
          let shade = 1 + scene.mottle * m[x] + 0.035 * scene.texture * t[x]
          // Light from the depth was reflected by mucosa several times and is redder.
          let deep = clamped(lit)
          red[x] = colour.x * (1 + (shade - 1) * 0.6) * mix(0.92, 1, deep)
          green[x] = colour.y * shade * (1 - 0.06 * p[x]) * mix(0.72, 1, deep)
          blue[x] = colour.z * shade * (1 - 0.09 * p[x]) * mix(0.70, 1, deep)
        }
      }
    }
  }
}
