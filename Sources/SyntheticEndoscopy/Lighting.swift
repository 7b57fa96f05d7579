/// The lamp beside the lens: turns the surface into the light that comes back.
enum Lighting {
  /// Multiplies colours by light and adds the wet surface's glints.
  static func apply(_ scene: Scene, _ canvas: Canvas, in view: View) {
    let noise = scene.noise["wetness"]
    let wetX = noise["x"].fields([(6.3, 0.20), (15, 0.16)], in: view)
    let wetY = noise["y"].fields([(6.3, 0.20), (15, 0.16)], in: view)
    let size = view.size
    let scale = 0.5 / view.pixel
    let lamp = scene.lamp
    let glintWidth: Float = 1 / 0.028
    for y in 0..<size {
      let height = canvas.height.row(y)
      let above = canvas.height.row(max(0, y - 1))
      let below = canvas.height.row(min(size - 1, y + 1))
      let (light, gloss) = (canvas.light.row(y), canvas.gloss.row(y))
      let (slopeX, slopeY) = (canvas.slopeX.row(y), canvas.slopeY.row(y))
      let (wx, wy) = (wetX.row(y), wetY.row(y))
      let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
      let vessels = canvas.vessels.row(y)
      for x in 0..<size {
        let gx = (height[min(size - 1, x + 1)] - height[max(0, x - 1)]) * scale
        let gy = (below[x] - above[x]) * scale
        let facing = 1 / (1 + gx * gx + gy * gy).squareRoot()
        let lambert = clamped((1 - 0.9 * (gx * lamp.x + gy * lamp.y)) * facing, 0.12, 1.6)
        let lit = light[x] * lambert
        let v = vessels[x]
        // The half vector's distance from the normal of the wet film.
        let hx = gx + slopeX[x] + wx[x] + 0.5 * lamp.x
        let hy = gy + slopeY[x] + wy[x] + 0.5 * lamp.y
        let lobe = 1 / (1 + (hx * hx + hy * hy) * glintWidth)
        let sharp = lobe * lobe * lobe
        let glint = gloss[x] * min(1, light[x]) * (0.08 * lobe + 1.5 * sharp * sharp)
        red[x] = red[x] * lit * (1 - 0.30 * v) + glint
        green[x] = green[x] * lit * (1 - 0.58 * v) + glint
        blue[x] = blue[x] * lit * (1 - 0.50 * v) + glint
      }
    }
  }
}
