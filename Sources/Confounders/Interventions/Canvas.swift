import Torch

/// The images that one mechanism changes, and their random generators.
///
/// Lengths are in half widths, as in the rendered world: x and y run from −1 to 1. The result for
/// an image does not depend on its size in pixels, nor on the other images.
struct Canvas {
  /// n×3×S×S, 0 to 1.
  let images: Tensor
  /// n×1×S×S, 0 or 1.
  let masks: Tensor
  /// n×1×1×1, 0 to 1.
  let strength: Tensor
  /// A random generator for each image.
  let chance: [Generator]
  /// The side S.
  let size: Int

  private var device: Device { images.device }

  /// The centres of the pixels from left to right: 1×1×1×S.
  var x: Tensor {
    get throws {
      let half = 1 - 1 / Double(size)
      return try Tensor.linspace(-half, half, count: size).reshaped([1, 1, 1, size]).to(device)
    }
  }

  /// The centres of the pixels from top to bottom: 1×1×S×1.
  var y: Tensor { get throws { try x.reshaped([1, 1, size, 1]) } }

  /// Grey values: n×1×S×S.
  var luminance: Tensor {
    get throws {
      let weights = try Tensor([0.30, 0.59, 0.11] as [Float], shape: [1, 3, 1, 1]).to(device)
      return try images.conv2d(weights)
    }
  }

  /// The visible tissue, 0 to 1, n×1×S×S: neither the black border nor the text on it.
  var presence: Tensor {
    get throws {
      let luminance = try self.luminance
      let fine = try luminance.smoothStep(0.06, 0.14)
      return try fine * luminance.smoothed(0.02).smoothStep(0.07, 0.16)
    }
  }

  /// The brightness of the surroundings of each pixel, about 0 to 1.1, n×1×S×S.
  var light: Tensor {
    get throws { try (luminance.smoothed(0.05) / 0.55).clamped(max: 1.1) }
  }

  /// The visibility of a mechanism that is either present or absent.
  ///
  /// It is 0 at strength 0, and 1 from strength 0.15 on.
  var onset: Tensor { get throws { try (strength / 0.15).clamped(max: 1) } }

  /// Draws uniform numbers for each image: n×each×1×1.
  func uniform(_ low: Double = 0, _ high: Double = 1, each count: Int = 1) throws -> Tensor {
    let draws = try chance.map {
      try Tensor.randomUniform([1, count, 1, 1], low: low, high: high, generator: $0)
    }
    return try Tensor.concatenated(draws, dim: 0).to(device)
  }

  /// Computes the visibility of each of `count` objects: n×count×1×1, 0 to 1.
  ///
  /// More objects are present at a higher strength; each appears at its turn.
  func turns(_ count: Int) throws -> Tensor {
    let turn = try Tensor.arange(to: count).to(.float32).reshaped([1, count, 1, 1]).to(device)
    return try (strength * Double(count) - turn).clamped(min: 0, max: 1)
  }

  /// Returns a colour as 1×3×1×1.
  func colour(_ red: Double, _ green: Double, _ blue: Double) throws -> Tensor {
    try Tensor([Float(red), Float(green), Float(blue)], shape: [1, 3, 1, 1]).to(device)
  }

  /// Computes squared distances from a place: n×1×S×S.
  func distance(to place: (x: Tensor, y: Tensor)) throws -> Tensor {
    try (x - place.x).power(2) + (y - place.y).power(2)
  }

  /// Draws −1 or 1 for each image: n×1×1×1.
  func sign() throws -> Tensor { try uniform().atLeast(0.5).to(.float32) * 2 - 1 }

  /// Draws a point of the unit circle for each image.
  func direction() throws -> (x: Tensor, y: Tensor) {
    let angle = try uniform(0, 2 * .pi)
    return (try angle.cos(), try angle.sin())
  }

  /// Draws from the standard normal distribution: n×channels×height×width.
  func normal(_ channels: Int, _ height: Int, _ width: Int) throws -> Tensor {
    let draws = try chance.map { try Tensor.randomNormal([1, channels, height, width], generator: $0) }
    return try Tensor.concatenated(draws, dim: 0).to(device)
  }

  /// Draws a sum of smooth random fields: mean 0, n×1×S×S.
  ///
  /// Cubic B-splines interpolate normal values on grids.
  ///
  /// - Parameter octaves: grid points per half width, in both directions, and the standard
  ///   deviation of each field.
  /// - Returns: n×1×S×S.
  /// - Throws: `TorchError`.
  func field(_ octaves: [(frequency: Double, amplitude: Double)]) throws -> Tensor {
    let fields = try octaves.map { try field(down: $0.frequency, across: $0.frequency) * $0.amplitude }
    return try fields.dropFirst().reduce(fields[0]) { try $0 + $1 }
  }

  /// Draws one such field with a separate frequency in each direction.
  func field(down: Double, across: Double) throws -> Tensor {
    let (rows, columns) = (try Self.splines(down, size), try Self.splines(across, size))
    let values = try chance.map {
      try Tensor.randomNormal([1, 1, rows.size(1), columns.size(1)], generator: $0)
    }
    // The spline leaves 0.479 of the deviation of a value, on average over positions.
    let grid = try Tensor.concatenated(values, dim: 0) / 0.479
    return try rows.matmul(grid).matmul(columns.transposed()).to(device)
  }

  /// Computes the contribution of each grid point to each pixel: S×g.
  private static func splines(_ frequency: Double, _ size: Int) throws -> Tensor {
    let count = Int((2 * frequency).rounded(.up)) + 3
    let half = (1 - 1 / Double(size)) * frequency
    let positions = try Tensor.linspace(frequency + 1 - half, frequency + 1 + half, count: size)
    let points = try Tensor.arange(to: count).to(.float32)
    let apart = try (positions.reshaped([size, 1]) - points).magnitude()
    let (outer, inner) = (try (2 - apart).relu().power(3), try (1 - apart).relu().power(3))
    return try (outer - inner * 4) / 6
  }

  /// Draws a place for each image that is lit and not at the edge: each n×1×1×1.
  func place(within reach: Double = 0.62) throws -> (x: Tensor, y: Tensor) {
    let cells = 16
    let coarse = try presence.resized(height: cells, width: cells, antialias: true)
    let line = try Tensor.linspace(-1 + 1 / Double(cells), 1 - 1 / Double(cells), count: cells).to(device)
    let inside = try line.magnitude().less(than: reach).to(.float32)
    let allowed = try coarse * inside.reshaped([cells, 1]) * inside
    let draws = try chance.map { try Tensor.randomUniform([1, 1, cells, cells], generator: $0) }
    // The maximum of noise over the allowed pixels is a fair choice among them. It lies elsewhere
    // only if nothing is lit.
    let noise = try Tensor.concatenated(draws, dim: 0).to(device)
    let score = try allowed.greater(than: 0.5).to(.float32) * 2 + noise
    let chosen = try score.flattened(from: 1).argmax(dim: 1)
    let column = try chosen.to(.float32) - (chosen.to(.float32) / Double(cells)).floor() * Double(cells)
    let row = try (chosen.to(.float32) / Double(cells)).floor()
    func coordinate(_ cell: Tensor) throws -> Tensor {
      let middle = try cell.reshaped([chance.count, 1, 1, 1]) + uniform()
      return try middle * (2 / Double(cells)) - 1
    }
    return (try coordinate(column), try coordinate(row))
  }

  /// Brightens images (the present ones if nil) by a lamp that is `gain` times as bright: n×c×S×S.
  ///
  /// More light approaches white smoothly, as in a camera, instead of clipping. Black stays black.
  func lit(_ images: Tensor? = nil, by gain: Tensor) throws -> Tensor {
    let images = images ?? self.images
    let more = try gain.clamped(min: 1)
    let open = try (1 - images).clamped(min: 1e-4).log()
    let brighter = try 1 - (open * more).exp()
    return try brighter * gain.clamped(max: 1)
  }
}

extension Tensor {
  /// Blends two tensors: this one where `share` is 0, `other` where it is 1.
  func mixed(with other: Tensor, _ share: Tensor) throws -> Tensor { try self + (other - self) * share }

  /// Returns 0 up to `low`, 1 from `high` on, smooth between them; falling if `high` is smaller.
  func smoothStep(_ low: Double, _ high: Double) throws -> Tensor {
    let t = try ((self - low) / (high - low)).clamped(min: 0, max: 1)
    return try t * t * (3 - t * 2)
  }

  /// Blurs with a Gaussian (n×c×S×S).
  ///
  /// It multiplies with a matrix on each side. So it is exact at any deviation, each image has its
  /// own deviation, and edges are repeated.
  ///
  /// - Parameter deviation: the deviation of the Gaussian, as a share of the side.
  /// - Returns: n×c×S×S.
  /// - Throws: `TorchError` if the last two dimensions differ.
  func smoothed(_ deviation: Double) throws -> Tensor {
    try smoothed(Tensor.full([1, 1, 1, 1], deviation, device: device))
  }

  /// Blurs with a Gaussian of n×1×1×1 deviations.
  func smoothed(_ deviation: Tensor) throws -> Tensor {
    let size = try size(-1)
    let line = try Tensor.arange(to: size).to(.float32).to(device)
    let apart = try (line.reshaped([size, 1]) - line).reshaped([1, 1, size, size])
    let scale = try (deviation * Double(size)).clamped(min: 0.05)
    let weights = try ((apart / scale).power(2) * -0.5).exp()
    let kernel = try weights / weights.sum([3], keepDimensions: true)
    return try kernel.matmul(self).matmul(kernel.transposed())
  }
}
