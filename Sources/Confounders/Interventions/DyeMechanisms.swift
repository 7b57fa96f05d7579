import Torch

/// Mechanisms of dyes that are sprayed on the mucosa; each returns n×3×S×S.
///
/// A dye absorbs light, so the tissue shines through (Lambert and Beer). Neither dye follows the
/// lesion: a real one marks its borders, and a mechanism that did would give the mask away.
struct DyeMechanisms {
  let canvas: Canvas

  /// Indigo carmine: blue, pooled in the grooves between the pits of the mucosa.
  func indigoCarmine() throws -> Tensor {
    // Grooves run where a field is zero; real relief shows as darker detail.
    let grooves = try (canvas.field([(24, 1), (37, 0.7)]).power(2) * 5 + 1).power(-1)
    let detail =
      try (canvas.luminance.smoothed(0.03) - canvas.luminance.smoothed(0.006))
      .clamped(min: 0, max: 0.2) * 5
    let pools = try canvas.field([(3, 0.8), (7, 0.5)]).smoothStep(0.6, 1.8)
    let amount = try (grooves * 0.55 + detail * 0.9 + pools * 1.3 + 0.25) * spray()
    return try stained(amount, absorption: canvas.colour(1.6, 0.75, 0.10))
  }

  /// Lugol's iodine: brown, in patches; parts of the mucosa take no stain.
  func lugol() throws -> Tensor {
    let patches = try canvas.field([(2.4, 0.9), (6, 0.5), (15, 0.25)]).smoothStep(-0.9, 0.3)
    let grain = try canvas.field([(18, 0.12), (36, 0.12)]) + 1
    let amount = try (patches * 0.85 + 0.12) * grain.clamped(min: 0.3) * spray()
    return try stained(amount, absorption: canvas.colour(0.45, 1.05, 1.9))
  }

  /// Draws where the dye was sprayed, 0 to 1: most of the view, with a ragged edge.
  private func spray() throws -> Tensor {
    let place = try canvas.place()
    let reach = try canvas.strength * 0.9 + 0.8
    let near = try 1 - canvas.distance(to: place).squareRoot() / reach
    return try (near * 2 + canvas.field([(3, 0.3), (8, 0.2)])).smoothStep(0, 0.7)
  }

  /// Lets light pass through an amount of dye, n×1×S×S.
  private func stained(_ amount: Tensor, absorption: Tensor) throws -> Tensor {
    let density = try amount * canvas.strength * canvas.presence
    return try canvas.images * (-(density * absorption)).exp()
  }
}
