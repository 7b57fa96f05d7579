/// A smooth random function of the position in the scene.
///
/// Cubic B-splines interpolate independent values on a grid. The mean is 0, the variance about 1.
/// The values belong to grid points of the scene, not of the image. So a zoom shows the same field
/// larger.
struct NoiseField {
  /// The number of grid points per unit of the scene.
  let frequency: Float
  private let state: UInt64

  init(_ noise: Noise, frequency: Float) {
    self.frequency = frequency
    state = noise.state
  }

  /// Adds `amplitude` times the field to a plane.
  func add(to plane: Plane, amplitude: Float = 1, in view: View, _ region: Region) {
    guard !region.columns.isEmpty, !region.rows.isEmpty else { return }
    let first = SIMD2(
      cell(view.position(region.columns.lowerBound)), cell(view.position(region.rows.lowerBound)))
    let last = SIMD2(
      cell(view.position(region.columns.upperBound - 1)), cell(view.position(region.rows.upperBound - 1)))
    let width = last.x - first.x + 4
    let height = last.y - first.y + 4
    let columns = region.columns.count
    // A uniform value of ±√3 has variance 1. The spline leaves 0.23 of it, on average over
    // positions.
    let scale = amplitude * 1.7320508 / 0.479
    withUnsafeTemporaryAllocation(of: Float.self, capacity: width * (height + 1) + 4 * columns) { memory in
      guard let lattice = memory.baseAddress else { return }
      let line = lattice + width * height
      let weights = line + width
      for j in 0..<height {
        for i in 0..<width { lattice[j * width + i] = value(first.x - 1 + i, first.y - 1 + j) * scale }
      }
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: columns) { cells in
        for k in 0..<columns {
          let position = view.position(region.columns.lowerBound + k)
          let start = cell(position)
          cells[k] = Int32(start - first.x)
          spline(position * frequency - Float(start), weights + 4 * k)
        }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 4) { vertical in
          for y in region.rows {
            let position = view.position(y)
            let start = cell(position)
            guard let v = vertical.baseAddress else { return }
            spline(position * frequency - Float(start), v)
            let (v0, v1, v2, v3) = (v[0], v[1], v[2], v[3])
            let r0 = lattice + (start - first.y) * width
            let (r1, r2, r3) = (r0 + width, r0 + 2 * width, r0 + 3 * width)
            for i in 0..<width { line[i] = r0[i] * v0 + r1[i] * v1 + r2[i] * v2 + r3[i] * v3 }
            let target = plane.row(y) + region.columns.lowerBound
            for k in 0..<columns {
              let l = line + Int(cells[k])
              let w = weights + 4 * k
              target[k] += l[0] * w[0] + l[1] * w[1] + l[2] * w[2] + l[3] * w[3]
            }
          }
        }
      }
    }
  }

  @inline(__always)
  private func cell(_ position: Float) -> Int { Int((position * frequency).rounded(.down)) }

  /// Returns the value of a grid point, uniform from −1 to 1.
  @inline(__always)
  private func value(_ x: Int, _ y: Int) -> Float {
    let bits =
      UInt64(bitPattern: Int64(x)) &* 0x9e37_79b9_7f4a_7c15
      ^ UInt64(bitPattern: Int64(y)) &* 0xc2b2_ae3d_27d4_eb4f
    return Float(finalised(state ^ bits) >> 40) * 0x1p-23 - 1
  }

  /// Returns the weights of four neighbouring grid points at a fraction between the middle two.
  @inline(__always)
  private func spline(_ t: Float, _ weights: UnsafeMutablePointer<Float>) {
    let s = 1 - t
    weights[0] = s * s * s / 6
    weights[1] = (4 + t * t * (3 * t - 6)) / 6
    weights[2] = (4 + s * s * (3 * s - 6)) / 6
    weights[3] = t * t * t / 6
  }
}

extension Noise {
  /// Computes a field of one frequency over a region.
  func field(_ frequency: Float, in view: View, _ region: Region? = nil) -> Plane {
    fields([(frequency, 1)], in: view, region)
  }

  /// Computes a sum of fields with frequencies and amplitudes over a region; 0 outside.
  func fields(_ octaves: [(frequency: Float, amplitude: Float)], in view: View, _ region: Region? = nil)
    -> Plane
  {
    let plane = Plane(size: view.size)
    for (index, octave) in octaves.enumerated() {
      NoiseField(self[index], frequency: octave.frequency)
        .add(to: plane, amplitude: octave.amplitude, in: view, region ?? Region(whole: view.size))
    }
    return plane
  }
}
