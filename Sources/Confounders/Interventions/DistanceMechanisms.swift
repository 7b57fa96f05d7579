import Torch

/// Nearer and farther views: the field of view and its mask are zoomed about the centre.
///
/// The lamp moves with the view. The outline of the field and the text beside it stay, as in an
/// endoscope.
struct DistanceMechanisms {
  let canvas: Canvas

  /// Enlarges up to 1.65 times, slightly brighter in the centre.
  func near() throws -> (images: Tensor, masks: Tensor) {
    let strength = canvas.strength
    let (images, masks) = try zoomed(strength * 0.65 + 1)
    let centre = try 1 - radius.power(2).clamped(max: 1)
    let lamp = try strength * canvas.presence * (centre * 0.20 + 0.08) + 1
    return (try canvas.lit(images, by: lamp), masks)
  }

  /// Shrinks down to 0.6 times, darker outwards.
  ///
  /// The image is mirrored at the outline to fill the new area.
  func far() throws -> (images: Tensor, masks: Tensor) {
    let strength = canvas.strength
    let (images, masks) = try zoomed(1 - strength * 0.40)
    let edges = try 1 - (radius.power(2) * strength * 0.34).clamped(max: 0.7)
    return (try canvas.lit(images, by: (1 - strength * 0.14) * edges), masks)
  }

  /// The number of directions of the field's outline, and of search steps along each.
  private static let rays = 64

  private func zoomed(_ zoom: Tensor) throws -> (images: Tensor, masks: Tensor) {
    let (count, size) = (canvas.chance.count, canvas.size)
    let radius = try self.radius
    let outline = try self.outline()
    // This is slightly inside the outline, so that the soft edge of the field is not mirrored.
    let edge = try outline * 0.97
    let reached = try radius / zoom
    let mirrored = try reached.minimum(edge * 2 - reached)
    // Nothing moves beyond the outline.
    let inside = try (outline * 0.985 - radius).greater(than: 0)
    let source = try inside.choose(mirrored, else: radius.expanded(to: mirrored.shape))
    let factor = try source / radius.clamped(min: 1e-3)
    let columns = try (canvas.x * factor).reshaped([count, size, size])
    let rows = try (canvas.y * factor).reshaped([count, size, size])
    let grid = try Tensor.stacked([columns, rows], dim: 3)
    let masks = try canvas.masks.sampled(at: grid, outside: .border)
    return (try canvas.images.sampled(at: grid, outside: .border), try masks.atLeast(0.5).to(.float32))
  }

  /// Computes the extent of the field of view in the direction of each pixel: n×1×S×S.
  private func outline() throws -> Tensor {
    let (count, rays, device) = (canvas.chance.count, Self.rays, canvas.images.device)
    let turn = 2 * Double.pi / Double(rays)
    let angles = try (Tensor.arange(to: rays).to(.float32) * turn - Double.pi).reshaped([1, rays, 1])
    let steps = try Tensor.linspace(0, 2.0.squareRoot(), count: 2 * rays).reshaped([1, 1, 2 * rays])
    let grid = try Tensor.stacked([angles.cos() * steps, angles.sin() * steps], dim: 3).to(device)
    let shown = try field().sampled(at: grid.expanded(to: [count, rays, 2 * rays, 2])).atLeast(0.5)
    let reach = try (shown.to(.float32) * steps.to(device)).max([3])
    // This bridges dark sectors at the edge: no ray reaches much less far than the rays on both
    // sides.
    let closed = try -Self.widest(-Self.widest(reach, 6), 6)
    let bridged = try reach.maximum(closed * 0.45)
    // Past half a turn, the first ray comes again. The last position of the table is that of π.
    let table = try Tensor.concatenated([bridged, bridged.narrowed(dim: 2, start: 0, length: 1)], dim: 2)
      .reshaped([count, 1, 1, rays + 1])
    let angle = try canvas.y.angle(x: canvas.x) / Double.pi
    // This maps −1…1 at the centres of the outermost entries to the −1…1 of the sampling at their
    // outer edges.
    let position = try (angle * (Double(rays) / Double(rays + 1))).reshaped([1, canvas.size, canvas.size])
    let lookup = try Tensor.stacked([position, position.zerosLike()], dim: 3)
    return try table.sampled(at: lookup.expanded(to: [count, canvas.size, canvas.size, 2]), outside: .border)
  }

  /// Finds the field of view, 0 or 1, n×1×S×S.
  ///
  /// It is the lit area that is connected to the centre, so it excludes text beside it.
  private func field() throws -> Tensor {
    let cells = 32
    let presence = try canvas.presence
    let coarse = try presence.resized(height: cells, width: cells, antialias: true).atLeast(0.5)
    // This first removes thin bridges, such as text.
    let solid = try 1 - (1 - coarse.to(.float32)).maxPool(3, stride: 1, padding: 1)
    let line = try Tensor.linspace(-1, 1, count: cells).power(2).to(solid.device)
    let middle = try (line.reshaped([cells, 1]) + line).less(than: 0.25).to(.float32)
    var joined = try solid * middle
    for _ in 0..<cells { joined = try joined.maxPool(3, stride: 1, padding: 1) * solid }
    let near = try joined.maxPool(5, stride: 1, padding: 2)
    let wide = try near.resized(height: canvas.size, width: canvas.size, interpolation: .nearest)
    return try presence.atLeast(0.5).to(.float32) * wide
  }

  /// Returns the largest value within `reach` rays on both sides, around the circle: n×1×rays.
  private static func widest(_ values: Tensor, _ reach: Int) throws -> Tensor {
    let rays = try values.size(2)
    let round = try Tensor.concatenated(
      [
        values.narrowed(dim: 2, start: rays - reach, length: reach), values,
        values.narrowed(dim: 2, start: 0, length: reach),
      ], dim: 2)
    let shifted = try (0...2 * reach).map { try round.narrowed(dim: 2, start: $0, length: rays) }
    return try Tensor.stacked(shifted).max([0])
  }

  /// Distances from the centre: 1×1×S×S.
  private var radius: Tensor {
    get throws { try (canvas.x.power(2) + canvas.y.power(2)).squareRoot() }
  }
}
