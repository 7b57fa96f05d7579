/// The lamp beside the lens: converts the surface into the light that returns to the camera.
enum Lighting {
  /// Multiplies colours by light and adds the glints of the wet surface.
  static func apply(_ scene: Scene, _ canvas: Canvas, in view: View) {
    let noise = scene.noise["wetness"]
    let wetX = noise["x"].fields([(8.3, 0.22), (21, 0.24)], in: view)
    let wetY = noise["y"].fields([(8.3, 0.22), (21, 0.24)], in: view)
    // Fluid gathers: some places are very wet, others are almost dry.
    let wetness = noise["pools"].fields([(2.1, 1), (5.3, 0.5)], in: view)
    let size = view.size
    let scale = 0.5 / view.pixel
    let lamp = scene.lamp
    let glintWidth: Float = 1 / 0.045
    for y in 0..<size {
      let height = canvas.height.row(y)
      let above = canvas.height.row(max(0, y - 1))
      let below = canvas.height.row(min(size - 1, y + 1))
      let (light, gloss) = (canvas.light.row(y), canvas.gloss.row(y))
      let (slopeX, slopeY) = (canvas.slopeX.row(y), canvas.slopeY.row(y))
      let (wx, wy, wet) = (wetX.row(y), wetY.row(y), wetness.row(y))
      let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
      let vessels = canvas.vessels.row(y)
      for x in 0..<size {
        let gx = (height[min(size - 1, x + 1)] - height[max(0, x - 1)]) * scale
        let gy = (below[x] - above[x]) * scale
        let facing = 1 / (1 + gx * gx + gy * gy).squareRoot()
        let lambert = 0.24 + 0.78 * clamped((1 - 0.8 * (gx * lamp.x + gy * lamp.y)) * facing, 0.1, 1.5)
        let lit = light[x] * lambert
        let v = vessels[x]
        // This is the distance of the half vector from the normal of the wet film.
        let hx = gx + slopeX[x] + wx[x] + 0.5 * lamp.x
        let hy = gy + slopeY[x] + wy[x] + 0.5 * lamp.y
        let lobe = 1 / (1 + (hx * hx + hy * hy) * glintWidth)
        let sharp = lobe * lobe * lobe
        let pool = smoothStep(wet[x] - scene.dryness, 0, 1.7)
        let glint = gloss[x] * min(1, light[x]) * (0.07 * lobe + 2.2 * pool * sharp * sharp * sharp)
        red[x] = red[x] * lit * (1 - 0.30 * v) + glint
        green[x] = green[x] * lit * (1 - 0.58 * v) + glint
        blue[x] = blue[x] * lit * (1 - 0.50 * v) + glint
      }
    }
  }
}
