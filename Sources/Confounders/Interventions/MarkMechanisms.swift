import Torch

/// Thin objects over the image: hair, ink, a ruler, tubes; each returns n×3×S×S.
struct MarkMechanisms {
  let canvas: Canvas

  /// Long, dark, bent hairs in about the same direction.
  func hair() throws -> Tensor {
    let cover = try strokes(14, width: 0.006...0.012, length: 0.7...1.6, spread: 0.5)
    return try canvas.images.mixed(with: canvas.colour(0.10, 0.07, 0.06), cover * 0.88)
  }

  /// Short hairs of shaved skin.
  func stubble() throws -> Tensor {
    let cover = try strokes(28, width: 0.005...0.010, length: 0.03...0.09, spread: 0.25)
    return try canvas.images.mixed(with: canvas.colour(0.13, 0.10, 0.10), cover * 0.8)
  }

  /// Strokes of a pen: violet to green; the tissue shines through.
  func ink() throws -> Tensor {
    let cover = try strokes(5, width: 0.025...0.055, length: 0.3...0.8, spread: 3.2)
    let green = try canvas.uniform(0.15, 0.45)
    let dye = try Tensor.concatenated([green * 0 + 0.22, green, green * 0 + 0.62], dim: 1)
    return try canvas.images.mixed(with: canvas.images * dye + dye * 0.12, cover * 0.85)
  }

  /// Tubes and lines on a radiograph: bright, with a darker centre.
  func tubes() throws -> Tensor {
    let curves = try strokes(4, width: 0.018...0.030, length: 0.8...1.8, spread: 0.7, soft: 0.02)
    let wall = try curves - curves.smoothStep(0.75, 1) * 0.55
    return try canvas.images + wall * (canvas.light * 0.15 + 0.20)
  }

  /// The marks of a ruler along one side; every fifth is longer.
  func ruler() throws -> Tensor {
    // The ruler is nearly parallel to a side, so that it lies in the image.
    let side = try (canvas.uniform(0, 3.999).floor() * (.pi / 2) + canvas.uniform(-0.12, 0.12))
    let (cosine, sine) = (try side.cos(), try side.sin())
    let along = try canvas.x * cosine + canvas.y * sine
    let across = try canvas.y * cosine - canvas.x * sine
    let pixel = 2 / Double(canvas.size)
    func marks(every step: Double, length: Double) throws -> Tensor {
      let phase = try along / step
      let apart = try (phase - phase.rounded()).magnitude() * step
      let line = try ((0.008 + pixel * 0.5 - apart) / pixel).clamped(min: 0, max: 1)
      return try line * (across - 0.72).smoothStep(0, 0.01) * (across - (0.72 + length)).smoothStep(0.01, 0)
    }
    let cover = try marks(every: 0.09, length: 0.07).maximum(marks(every: 0.45, length: 0.14))
    return try canvas.images.mixed(with: canvas.colour(0.08, 0.08, 0.10), cover * canvas.strength)
  }

  /// Draws bent strokes, more of them at a higher strength: n×1×S×S.
  ///
  /// - Parameters:
  ///   - count: the number at strength 1.
  ///   - width: half of a stroke's, in half widths, as are all lengths.
  ///   - length: half of a stroke's.
  ///   - spread: how much directions differ within an image, radians.
  ///   - soft: the width of the edge; at least one pixel.
  /// - Returns: 0 to 1.
  /// - Throws: `TorchError`.
  private func strokes(
    _ count: Int, width: ClosedRange<Double>, length: ClosedRange<Double>, spread: Double, soft: Double = 0
  ) throws -> Tensor {
    func draws(_ range: ClosedRange<Double>) throws -> Tensor {
      try canvas.uniform(range.lowerBound, range.upperBound, each: count)
    }
    let angle = try canvas.uniform(0, 2 * .pi) + draws(-spread...spread)
    let parameters = [
      angle, try draws(-0.9...0.9), try draws(-0.9...0.9), try draws(-0.3...0.3), try draws(width),
      try draws(length), try canvas.turns(count),
    ]
    let (x, y, edge) = (try canvas.x, try canvas.y, max(soft, 2 / Double(canvas.size)))
    var covers: [Tensor] = []
    // A few strokes at a time stay in the cache of the processor.
    for start in stride(from: 0, to: count, by: 4) {
      let few = try parameters.map {
        try $0.narrowed(dim: 1, start: start, length: min(4, count - start))
      }
      let (cosine, sine) = (try few[0].cos(), try few[0].sin())
      let (dx, dy) = (try x - few[1], try y - few[2])
      let along = try dx * cosine + dy * sine
      let across = try dy * cosine - dx * sine
      let bent = try (across - along * along * few[3]).magnitude()
      let sides = try ((few[4] + edge / 2 - bent) / edge).clamped(min: 0, max: 1)
      let ends = try ((few[5] - along.magnitude()) / 0.02).clamped(min: 0, max: 1)
      covers.append(try (sides * ends * few[6]).max([1], keepDimensions: true))
    }
    return try Tensor.concatenated(covers, dim: 1).max([1], keepDimensions: true)
  }
}
