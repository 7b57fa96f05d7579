import Foundation

/// The model of a site's camera: lens, sensor and video chain.
struct CameraModel {
  let camera: Camera
  let noise: Noise
  let size: Int

  /// Returns the share of a pixel that the optics show, 0 to 1.
  func aperture(_ x: Int, _ y: Int) -> Float {
    let scale = 2 / Float(size)
    let px = ((Float(x) + 0.5) * scale - 1).magnitude
    let py = ((Float(y) + 0.5) * scale - 1).magnitude
    let beyond: Float =
      switch camera.fieldOfView {
      case .full: -1
      case .circle: (px * px + py * py).squareRoot() - 0.985
      case .octagon: max(max(px, py) - 0.975, (px + py - 1.50) * 0.7071)
      case .roundedSquare:
        Self.rounded(px, py, side: 0.96, corner: 0.36)
      }
    return clamped(0.5 - beyond / scale / 1.6)
  }

  private static func rounded(_ x: Float, _ y: Float, side: Float, corner: Float) -> Float {
    let (dx, dy) = (max(0, x - side + corner), max(0, y - side + corner))
    return max(max(x, y) - side, (dx * dx + dy * dy).squareRoot() - corner)
  }

  /// Converts the light on the sensor to 8-bit RGB, H×W×3.
  func develop(_ canvas: Canvas, aperture: Plane) -> [UInt8] {
    tone(canvas)
    grain(canvas)
    if camera.sharpening > 0 {
      for plane in canvas.colours { sharpen(plane) }
    }
    let count = size * size
    let (red, green, blue) = (canvas.red.values, canvas.green.values, canvas.blue.values)
    let open = aperture.values
    return [UInt8](unsafeUninitializedCapacity: 3 * count) { target, used in
      for index in 0..<count {
        let black = 0.012 * (1 - open[index])
        target[3 * index] = Self.byte(red[index] * open[index] + black)
        target[3 * index + 1] = Self.byte(green[index] * open[index] + black)
        target[3 * index + 2] = Self.byte(blue[index] * open[index] + black)
      }
      used = 3 * count
    }
  }

  @inline(__always)
  private static func byte(_ value: Float) -> UInt8 { UInt8(clamped(value) * 255 + 0.5) }

  /// Applies vignette, highlight roll-off, colour and the tone curve.
  private func tone(_ canvas: Canvas) {
    let hue = (0..<3).map { Float($0 < camera.hue.count ? camera.hue[$0] : 1) }
    let saturation = Float(camera.saturation)
    let vignette = 0.42 * Float(camera.vignette)
    let scale = 2 / Float(size)
    // The curve is a table: 1,024 steps are finer than 8 bits.
    let steps = 1024
    let curve = (0...steps + 1).map { Float(pow(min(1, Double($0) / Double(steps)), camera.gamma)) }
    curve.withUnsafeBufferPointer { curve in
      for y in 0..<size {
        let (red, green, blue) = (canvas.red.row(y), canvas.green.row(y), canvas.blue.row(y))
        let py = (Float(y) + 0.5) * scale - 1
        for x in 0..<size {
          let px = (Float(x) + 0.5) * scale - 1
          let lens = 1.06 - vignette * (px * px + py * py)
          let r = Self.rolled(red[x] * lens * hue[0])
          let g = Self.rolled(green[x] * lens * hue[1])
          let b = Self.rolled(blue[x] * lens * hue[2])
          let grey = 0.3 * r + 0.59 * g + 0.11 * b
          red[x] = Self.looked(up: grey + (r - grey) * saturation, curve, steps)
          green[x] = Self.looked(up: grey + (g - grey) * saturation, curve, steps)
          blue[x] = Self.looked(up: grey + (b - grey) * saturation, curve, steps)
        }
      }
    }
  }

  /// Compresses highlights: linear up to 0.6, then flatter.
  ///
  /// Only many times full scale becomes nearly white.
  @inline(__always)
  private static func rolled(_ value: Float) -> Float {
    guard value > 0.6 else { return value }
    let over = (value - 0.6) / 0.4
    return 0.6 + 0.4 * over / (1 + 0.92 * over)
  }

  @inline(__always)
  private static func looked(up value: Float, _ curve: UnsafeBufferPointer<Float>, _ steps: Int) -> Float {
    let position = clamped(value) * Float(steps)
    let index = Int(position)
    return mix(curve[index], curve[index + 1], position - Float(index))
  }

  /// Adds the sensor noise.
  ///
  /// It is independent for each pixel and colour, and slightly stronger in bright areas.
  private func grain(_ canvas: Canvas) {
    guard camera.noise > 0 else { return }
    // The sum of two uniform 16-bit values has a deviation of √(1/6) of full scale.
    let scale = Float(camera.noise) * 2.449 / 65_536
    let state = noise.state
    let (red, green, blue) = (canvas.red.values, canvas.green.values, canvas.blue.values)
    for index in 0..<canvas.red.count {
      let first = finalised(state &+ UInt64(2 * index + 1) &* 0x9e37_79b9_7f4a_7c15)
      let second = finalised(first)
      let gain = scale * (0.7 + 0.6 * green[index])
      red[index] += gain * Self.triangular(first)
      green[index] += gain * Self.triangular(first >> 32)
      blue[index] += gain * Self.triangular(second)
    }
  }

  @inline(__always)
  private static func triangular(_ bits: UInt64) -> Float {
    Float(Int32(bits & 0xffff) + Int32((bits >> 16) & 0xffff) - 65_535)
  }

  /// Applies an unsharp mask with a small binomial kernel.
  private func sharpen(_ plane: Plane) {
    let blurred = Plane(size: size)
    let between = Plane(size: size)
    for y in 0..<size {
      let (row, target) = (plane.row(y), between.row(y))
      for x in 1..<size - 1 { target[x] = 0.25 * (row[x - 1] + row[x + 1]) + 0.5 * row[x] }
      target[0] = row[0]
      target[size - 1] = row[size - 1]
    }
    for y in 0..<size {
      let (above, row, below) = (
        between.row(max(0, y - 1)), between.row(y), between.row(min(size - 1, y + 1))
      )
      let target = blurred.row(y)
      for x in 0..<size { target[x] = 0.25 * (above[x] + below[x]) + 0.5 * row[x] }
    }
    let amount = Float(camera.sharpening)
    let (values, soft) = (plane.values, blurred.values)
    for index in 0..<plane.count { values[index] += amount * (values[index] - soft[index]) }
  }
}
