import Torch

/// Mechanisms of objects on the mucosa; each returns n×3×S×S.
///
/// They change nothing outside their area, nor the black border.
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
    // Threads run where a field is zero.
    let crossing = try canvas.field([(3.3, 1), (8, 0.35)]).power(2)
    let near = try (1 - canvas.distance(to: place) / (reach * reach)).clamped(min: 0)
    let lines = try (crossing * 220 + 1).power(-1).smoothStep(0.25, 1)
    let threads = try lines * near * 0.5
    let thickness = try film + threads
    let dense = try (clumps * 0.30 + 0.80).clamped(min: 0.35, max: 1)
    let cover = try thickness.smoothStep(0, 0.5) * (strength * 0.46 + 0.40) * dense
    let relief = try self.relief(of: thickness)
    let lamp = try canvas.direction()
    let slope = try relief.x * lamp.x + relief.y * lamp.y
    let shade = try 1 - (slope * 0.06).tanh() * 0.16
    let lit = try (canvas.light * 0.66 + 0.24) * shade
    let colour = try canvas.colour(0.88, 0.79, 0.47) * lit
    let glint = try self.glint(relief, rough: clumps * 0.2, lamp, bump: 0.13, sharpness: 60, power: 3)
    let shine = try glint * thickness.smoothStep(0.1, 0.3) * 0.8
    return try laid(colour, cover: cover, shine: shine)
  }

  /// A dark red film: a thin film stains the tissue, a thick film covers it.
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
    let stain = try canvas.images * canvas.colour(0.80, 0.30, 0.28) + canvas.colour(0.05, 0, 0)
    let pool = try canvas.colour(0.36, 0.035, 0.03) * lit
    let glint = try self.glint(relief, rough: nil, lamp, bump: 0.10, sharpness: 40, power: 4)
    let shine = try glint * thickness.smoothStep(0.08, 0.3) * 0.7
    return try laid(stain.mixed(with: pool, deep), cover: cover, shine: shine)
  }

  /// Glints of the lamp: white, with a soft halo, in a cluster.
  func reflection() throws -> Tensor {
    let strength = canvas.strength
    let reach = try strength * 0.34 + 0.28
    let near = try (1 - canvas.distance(to: canvas.place()) / (reach * reach)).clamped(min: 0)
    let field = try canvas.field([(8.5, 0.35), (17, 0.75), (34, 0.6)])
    let level = try field + near * 0.9 + strength * 0.45 - 1.95
    let core = try level.smoothStep(0, 0.3) * near.smoothStep(0, 0.15)
    let halo = try level.smoothStep(-0.7, 0.2) * near.smoothStep(0, 0.3) * 0.14
    let cover = try ((core + halo) * (strength * 0.2 + 0.8)).clamped(max: 1)
    return try laid(canvas.colour(1, 1, 1), cover: cover, shine: nil)
  }

  /// Foam: rings of light, each with a glint.
  func bubbles() throws -> Tensor {
    let (count, place) = (28, try canvas.place())
    let reach = try canvas.strength * 0.40 + 0.30
    // The bubbles are denser in the centre.
    let x = try canvas.uniform(-0.5, 0.5, each: count) + canvas.uniform(-0.5, 0.5, each: count)
    let y = try canvas.uniform(-0.5, 0.5, each: count) + canvas.uniform(-0.5, 0.5, each: count)
    let radius = try canvas.uniform(each: count).power(3) * 0.075 + 0.022
    let (dx, dy) = (
      try (canvas.x - x * reach - place.x) / radius, try (canvas.y - y * reach - place.y) / radius
    )
    // Absent bubbles are far away. The nearest bubble counts, in units of its radius.
    let absent = try (1 - canvas.turns(count)) * 9
    let q = try (dx.power(2) + absent + dy.power(2)).min([1], keepDimensions: true).squareRoot()
    let (gx, gy) = (try (dx + 0.35).power(2) + absent, try (dy + 0.35).power(2))
    let glint = try (gx + gy).min([1], keepDimensions: true).smoothStep(0.05, 0.012)
    let ring = try q.smoothStep(0.70, 0.95) * q.smoothStep(1.12, 0.98)
    let colour = try canvas.colour(0.95, 0.95, 0.90) * (canvas.light * 0.6 + 0.35)
    return try laid(colour, cover: ring * 0.5, shine: glint * 0.8)
  }

  /// Remains of food and stool: opaque clumps, brown to ochre.
  func residue() throws -> Tensor {
    let strength = canvas.strength
    let thickness = try film(
      canvas.place(), reach: strength * 0.42 + 0.28, octaves: [(4, 0.8), (9, 0.8), (20, 0.5)],
      stretch: 1.3, ragged: 0.8)
    let grain = try canvas.field([(10, 0.7), (24, 0.6)])
    let relief = try self.relief(of: thickness)
    let lamp = try canvas.direction()
    let slope = try relief.x * lamp.x + relief.y * lamp.y
    let shade = try (1 - (slope * 0.05).tanh() * 0.22) * (grain * 0.12 + 1)
    let lit = try (canvas.light * 0.8 + 0.2) * shade
    let cover = try thickness.smoothStep(0.10, 0.35) * (strength * 0.3 + 0.68)
    return try laid(canvas.colour(0.52, 0.40, 0.16) * lit, cover: cover, shine: nil)
  }

  /// Computes the thickness of a fluid, 0 outside its area: n×1×S×S.
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

  /// Computes the slope of a thickness to the right and down, in half widths: each n×1×S×S.
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

  /// Computes where a wet surface reflects the lamp, 0 to 1: n×1×S×S.
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

  /// Blends a colour over the images, only where the tissue is visible.
  private func laid(_ colour: Tensor, cover: Tensor, shine: Tensor?) throws -> Tensor {
    let presence = try canvas.presence * canvas.onset
    let covered = try canvas.images.mixed(with: colour, cover * presence)
    guard let shine else { return covered }
    return try covered + shine * presence
  }
}
