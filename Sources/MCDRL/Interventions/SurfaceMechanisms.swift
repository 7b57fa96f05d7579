import Torch

/// What lies on the mucosa; each returns n×3×S×S and changes nothing beyond its reach, nor the black border.
struct SurfaceMechanisms {
  let canvas: Canvas

  /// A yellowish film with a ragged edge, clumps, threads and small glints.
  func mucus() throws -> Tensor {
    let strength = canvas.strength
    let place = try canvas.place()
    let reach = try strength * 0.44 + 0.30
    let film = try self.film(
      place, reach: reach, octaves: [(3.1, 0.7), (6.7, 0.6), (15, 0.4)], stretch: 1.6, ragged: 0.55)
    let clumps = try canvas.field([(5, 0.6), (13, 0.7)])
    // Threads run where a field crosses zero.
    let crossing = try canvas.field([(3.3, 1), (8, 0.35)]).power(2)
    let near = try (1 - distance(to: place) / (reach * reach)).clamped(min: 0)
    let lines = try (crossing * 220 + 1).power(-1).smoothStep(0.25, 1)
    let threads = try lines * near * 0.5
    let thickness = try film + threads
    let dense = try (clumps * 0.30 + 0.80).clamped(min: 0.35, max: 1)
    let cover = try thickness.smoothStep(0, 0.5) * (strength * 0.52 + 0.42) * dense
    let relief = try self.relief(of: thickness)
    let lamp = try canvas.direction()
    let slope = try relief.x * lamp.x + relief.y * lamp.y
    let shade = try (1 - slope * 0.09).clamped(min: 0.72, max: 1.2)
    let lit = try (canvas.light * 0.66 + 0.24) * shade
    let colour = try self.colour([0.88, 0.79, 0.47]) * lit
    let glint = try self.glint(relief, rough: clumps * 0.2, lamp, bump: 0.13, sharpness: 60, power: 3)
    let shine = try glint * thickness.smoothStep(0.1, 0.3) * 0.8
    return try laid(colour, cover: cover, shine: shine)
  }

  /// Dark red film: thin it stains what is below, thick it covers it.
  func blood() throws -> Tensor {
    let strength = canvas.strength
    let place = try canvas.place()
    let thickness = try film(
      place, reach: strength * 0.44 + 0.26, octaves: [(2.6, 0.8), (6, 0.65), (14, 0.45)], stretch: 1.7,
      ragged: 0.5)
    let relief = try self.relief(of: thickness)
    let lamp = try canvas.direction()
    let cover = try thickness.smoothStep(0, 0.42) * (strength * 0.34 + 0.66)
    let deep = try thickness.smoothStep(0.05, 1)
    let lit = try canvas.light * 0.75 + 0.25
    let stain = try canvas.images * colour([0.80, 0.30, 0.28]) + colour([0.05, 0, 0])
    let pool = try colour([0.36, 0.035, 0.03]) * lit
    let glint = try self.glint(relief, rough: nil, lamp, bump: 0.10, sharpness: 40, power: 4)
    let shine = try glint * thickness.smoothStep(0.08, 0.3) * 0.7
    return try laid(stain.mixed(with: pool, deep), cover: cover, shine: shine)
  }

  /// Glints of the lamp: white, with a soft halo, in a cluster.
  func reflection() throws -> Tensor {
    let strength = canvas.strength
    let reach = try strength * 0.34 + 0.28
    let near = try (1 - distance(to: canvas.place()) / (reach * reach)).clamped(min: 0)
    let field = try canvas.field([(8.5, 0.6), (16, 0.75), (31, 0.3)])
    let level = try field + near * 0.9 + strength * 0.45 - 1.95
    let core = try level.smoothStep(0, 0.3) * near.smoothStep(0, 0.15)
    let halo = try level.smoothStep(-0.7, 0.2) * near.smoothStep(0, 0.3) * 0.14
    let cover = try ((core + halo) * (strength * 0.4 + 0.6)).clamped(max: 1)
    return try laid(colour([1, 1, 1]), cover: cover, shine: nil)
  }

  /// Foam: rings of light with dark edges, each with a glint.
  func bubbles() throws -> Tensor {
    let strength = canvas.strength
    let reach = try strength * 0.40 + 0.30
    let near = try (1 - distance(to: canvas.place()) / (reach * reach)).clamped(min: 0)
    let count = 18
    let (x, y) = (try spread(count), try spread(count))
    let place = try canvas.place()
    let sizes = try draws(count)
    let radius = try sizes * sizes * 0.085 + 0.03
    let (dx, dy) = (try canvas.x - (x * reach + place.x), try canvas.y - (y * reach + place.y))
    let q = try (dx.power(2) + dy.power(2)).squareRoot() / radius
    // More bubbles with strength: each comes in at its turn.
    let turn = try Tensor.arange(to: count).to(.float32).reshaped([1, count, 1, 1]).to(near.device)
    let shown = try (strength * Double(count) - turn).clamped(min: 0, max: 1)
    let rim = try q.smoothStep(0.70, 0.95) * q.smoothStep(1.12, 0.98) * shown
    let (gx, gy) = (try dx / radius + 0.35, try dy / radius + 0.35)
    let glint = try (gx.power(2) + gy.power(2)).smoothStep(0.05, 0.012) * shown
    let inner = try q.smoothStep(0.98, 0.6) * shown
    let light = try canvas.light * 0.6 + 0.35
    let ring = try rim.max([1], keepDimensions: true)
    let dark = try canvas.images * (1 - inner.max([1], keepDimensions: true) * 0.10)
    let presence = try canvas.presence * canvas.onset
    let rings = try dark.mixed(with: colour([0.95, 0.95, 0.90]) * light, ring * presence * 0.7)
    return try rings + glint.max([1], keepDimensions: true) * presence * 0.8
  }

  /// Remains of food and stool: brown to ochre clumps, opaque.
  func residue() throws -> Tensor {
    let strength = canvas.strength
    let thickness = try film(
      canvas.place(), reach: strength * 0.42 + 0.28, octaves: [(4, 0.8), (9, 0.8), (20, 0.5)],
      stretch: 1.3, ragged: 0.8)
    let grain = try canvas.field([(10, 0.7), (24, 0.6)])
    let relief = try self.relief(of: thickness)
    let lamp = try canvas.direction()
    let slope = try relief.x * lamp.x + relief.y * lamp.y
    let shade = try (1 - slope * 0.07).clamped(min: 0.6, max: 1.25) * (grain * 0.14 + 1)
    let lit = try (canvas.light * 0.8 + 0.2) * shade
    let cover = try thickness.smoothStep(0.10, 0.35) * (strength * 0.3 + 0.68)
    return try laid(colour([0.52, 0.40, 0.16]) * lit, cover: cover, shine: nil)
  }

  /// The thickness of a fluid, 0 outside its reach: n×1×S×S.
  private func film(
    _ place: (x: Tensor, y: Tensor), reach: Tensor, octaves: [(frequency: Double, amplitude: Double)],
    stretch: Double, ragged: Double
  ) throws -> Tensor {
    let flow = try canvas.direction()
    let (dx, dy) = (try canvas.x - place.x, try canvas.y - place.y)
    let along = try dx * flow.x + dy * flow.y
    let across = try (dy * flow.x - dx * flow.y) * stretch
    let near = try 1 - (along.power(2) + across.power(2)).squareRoot() / reach
    let thickness = try near * 1.5 - 0.35 + canvas.field(octaves) * ragged
    return try thickness.clamped(min: 0) * near.smoothStep(0, 0.2)
  }

  /// How steeply a thickness rises to the right and down, in half widths: each n×1×S×S.
  private func relief(of thickness: Tensor) throws -> (x: Tensor, y: Tensor) {
    let (size, scale) = (canvas.size, Double(canvas.size) / 4)
    let wide = try thickness.padded([1, 1, 1, 1], mode: "replicate")
    func shifted(_ dim: Int, _ start: Int) throws -> Tensor {
      try wide.narrowed(dim: dim, start: start, length: size)
        .narrowed(dim: 5 - dim, start: 1, length: size)
    }
    let right = try (shifted(3, 2) - shifted(3, 0)) * scale
    let down = try (shifted(2, 2) - shifted(2, 0)) * scale
    return (right, down)
  }

  /// Where a wet surface mirrors the lamp, 0 to 1: n×1×S×S.
  private func glint(
    _ relief: (x: Tensor, y: Tensor), rough: Tensor?, _ lamp: (x: Tensor, y: Tensor), bump: Double,
    sharpness: Double, power: Double
  ) throws -> Tensor {
    var across = try relief.x * bump + lamp.x * 0.35
    if let rough { across = try across + rough }
    let down = try relief.y * bump + lamp.y * 0.35
    let square = try across.power(2) + down.power(2)
    return try (square * sharpness + 1).power(-power) * canvas.light.clamped(max: 1)
  }

  /// Lays a colour over the pictures where there is a picture.
  private func laid(_ colour: Tensor, cover: Tensor, shine: Tensor?) throws -> Tensor {
    let presence = try canvas.presence * canvas.onset
    let covered = try canvas.images.mixed(with: colour, cover * presence)
    guard let shine else { return covered }
    return try covered + shine * presence
  }

  private func colour(_ values: [Float]) throws -> Tensor {
    try Tensor(values, shape: [1, 3, 1, 1]).to(canvas.images.device)
  }

  private func distance(to place: (x: Tensor, y: Tensor)) throws -> Tensor {
    try (canvas.x - place.x).power(2) + (canvas.y - place.y).power(2)
  }

  /// Numbers from 0 to 1 for each of several things in each picture: n×count×1×1.
  private func draws(_ count: Int) throws -> Tensor {
    let draws = try canvas.chance.map { try Tensor.randomUniform([1, count, 1, 1], generator: $0) }
    return try Tensor.concatenated(draws, dim: 0).to(canvas.images.device)
  }

  /// The same from −1 to 1, denser in the middle.
  private func spread(_ count: Int) throws -> Tensor { try draws(count) + draws(count) - 1 }
}
