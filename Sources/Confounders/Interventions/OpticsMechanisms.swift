import Torch

/// Mechanisms of lens, sensor and video chain on the whole image; each returns n×3×S×S.
struct OpticsMechanisms {
  let canvas: Canvas

  /// A Gaussian blur with a deviation of up to 2.6 % of the side.
  func blur() throws -> Tensor { try canvas.images.smoothed(canvas.strength * 0.026) }

  /// The camera moves during the exposure: a mean over shifts of up to 7 % of the side.
  func motionBlur() throws -> Tensor {
    let (way, reach) = (try canvas.direction(), try canvas.strength * 0.07)
    let (count, size, taps) = (canvas.chance.count, canvas.size, 13)
    let shape = [count, size, size]
    var sum = try canvas.images.zerosLike()
    for tap in 0..<taps {
      let share = Double(tap) / Double(taps - 1) * 2 - 1
      func line(_ position: Tensor, _ way: Tensor) throws -> Tensor {
        try (position + way * reach * share).expanded(to: [count, 1, size, size]).reshaped(shape)
      }
      let grid = try Tensor.stacked([line(canvas.x, way.x), line(canvas.y, way.y)], dim: 3)
      sum = try sum + canvas.images.sampled(at: grid, outside: .border)
    }
    return try sum / Double(taps)
  }

  /// Parts of the image out of focus, as where a section or a wall leaves the plane of focus.
  func unevenFocus() throws -> Tensor {
    let region = try canvas.field([(1.3, 0.8), (3, 0.4)]) + 0.3
    let soft = try canvas.images.smoothed(canvas.strength * 0.022)
    return try canvas.images.mixed(with: soft, region.smoothStep(-0.35, 0.35))
  }

  /// Sharp edges as a device makes them: the difference from a blurred copy is added.
  func sharpening() throws -> Tensor {
    let detail = try canvas.images - canvas.images.smoothed(0.010)
    return try canvas.images + detail * canvas.strength * 2.2
  }

  /// Interlaced video in motion: every other group of lines shows a later moment.
  ///
  /// The colours are captured one after another, so they separate. Some bands are worse than
  /// others.
  func interlacing() throws -> Tensor {
    let (count, size) = (canvas.chance.count, canvas.size)
    let bands = try canvas.chance.map { try Tensor.randomUniform([1, 1, 1, 12], low: 0.15, generator: $0) }
    let band = try Tensor.concatenated(bands, dim: 0).resized(height: 1, width: size)
    let lines = try Tensor.arange(to: size).to(.float32) / Double(max(1, size / 100))
    let halves = try lines.floor() / 2
    let odd = try (halves - halves.floor()) * 2
    // Red is ahead, blue is behind.
    let parting = try Tensor([-0.45, 0, 0.45] as [Float], shape: [1, 3, 1, 1])
    // The unit is that of the sampling grid, where the side is 2.
    let reach = try canvas.strength * canvas.sign() * (2 * 0.052)
    let device = canvas.images.device
    let offset = try (band.to(device) * (odd + parting).to(device)) * reach
    let columns = try canvas.x.reshaped([1, 1, size]) + offset.reshaped([3 * count, size, 1])
    let rows = try canvas.y.reshaped([1, size, 1]).expanded(to: [3 * count, size, size])
    let grid = try Tensor.stacked([columns, rows], dim: 3)
    let planes = try canvas.images.reshaped([3 * count, 1, size, size])
    return try planes.sampled(at: grid, outside: .border).reshaped(canvas.images.shape)
  }

  /// A sensor at its limit: grain is stronger than colour noise, and stronger in bright areas.
  func noise() throws -> Tensor {
    let (size, strength) = (canvas.size, canvas.strength)
    let grain = try canvas.normal(1, size, size) * 0.8 + canvas.normal(3, size, size) * 0.5
    let amount = try (canvas.light * 0.6 + 0.5) * strength * 0.075
    return try canvas.images + grain * amount * canvas.presence
  }

  /// A lower resolution: down to a sixth of the pixels per side.
  func lowResolution() throws -> Tensor {
    let factors = try canvas.strength.doubles()
    // Each image has its own number of pixels.
    let pictures = try factors.enumerated().map { index, strength in
      let small = max(4, Int((Double(canvas.size) / (1 + 5 * strength)).rounded()))
      let picture = try canvas.images.narrowed(dim: 0, start: index, length: 1)
      return try picture.resized(height: small, width: small, antialias: true)
        .resized(height: canvas.size, width: canvas.size)
    }
    return try Tensor.concatenated(pictures, dim: 0)
  }

  /// JPEG: the discrete cosine transform of 8×8 blocks with coarse rounding, coarser for colours.
  func compression() throws -> Tensor {
    let (size, device) = (canvas.size, canvas.images.device)
    let padding = (8 - size % 8) % 8
    let padded = try canvas.images.padded([0, padding, 0, padding], mode: "replicate")
    let (forward, back) = (try colourMatrix(inverse: false), try colourMatrix(inverse: true))
    let side = size + padding
    let colours = try padded.conv2d(forward.to(device)).reshaped([-1, 1, side, side])
    let basis = try Self.cosines().to(device)
    let spectrum = try colours.conv2d(basis, stride: 8)
    // As in the tables of JPEG, steps grow with the frequency: from 16/255 to about 120/255.
    let frequency = try Tensor.arange(to: 8).to(.float32)
    let steps = try (frequency.reshaped([8, 1]) + frequency).reshaped([1, 64, 1, 1]) * 8 + 14
    let coarser = try Tensor([1, 2.2, 2.2] as [Float], shape: [1, 3, 1, 1])
    let scale = try canvas.strength.power(1.5) * (3.0 / 255.0) * coarser.to(device) + 1e-5
    let step = try steps.to(device) * scale.reshaped([-1, 1, 1, 1])
    let rounded = try (spectrum / step).rounded() * step
    let restored = try rounded.convTranspose2d(basis, stride: 8).reshaped(padded.shape)
    return try restored.conv2d(back.to(device)).narrowed(dim: 2, start: 0, length: size)
      .narrowed(dim: 3, start: 0, length: size)
  }

  /// Returns the matrix from RGB to luminance and two colour differences, or back: 3×3×1×1.
  private func colourMatrix(inverse: Bool) throws -> Tensor {
    let values: [Float] =
      inverse
      ? [1, 0, 1.402, 1, -0.344136, -0.714136, 1, 1.772, 0]
      : [0.299, 0.587, 0.114, -0.168736, -0.331264, 0.5, 0.5, -0.418688, -0.081312]
    return try Tensor(values, shape: [3, 3, 1, 1])
  }

  /// Returns the orthonormal basis of 8×8 blocks: 64×1×8×8.
  private static func cosines() throws -> Tensor {
    let line = try Tensor.arange(to: 8).to(.float32)
    let waves = try (line.reshaped([8, 1]) * (line * 2 + 1) * (Double.pi / 16)).cos() * 0.5
    let first = try Tensor([0.7071067811865476] + [Float](repeating: 1, count: 7), shape: [8, 1])
    let rows = try waves * first
    let product = try rows.reshaped([8, 1, 8, 1]) * rows.reshaped([1, 8, 1, 8])
    return try product.reshaped([64, 1, 8, 8])
  }
}
