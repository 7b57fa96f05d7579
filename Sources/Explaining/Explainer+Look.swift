import Metrics
import Segmentation
import Studies
import Torch
import Training

/// The outputs of a model for a batch, float32 on the CPU.
struct Seen {
  /// Lesion probabilities, B×1×S×S.
  let probability: Tensor
  /// The probabilities with the intervention off; nil if not requested, or without an intervention.
  let off: Tensor?
  /// F, mean over positions, B×d.
  let observed: Tensor
  /// F_ca, mean over positions, B×d; nil without an intervention.
  let intervened: Tensor?
  /// The weight of each confounder at each selected position, B×N×M; nil without an intervention.
  let attention: Tensor?
  /// S^, B×h×w, also for a model that does not select by it.
  let score: Tensor
  /// The positions of F, int64, B×N; nil for all positions.
  let positions: Tensor?
  /// cos(image, z), B×M.
  let cosine: Tensor

  /// Returns the lesion pixels, bool, B×1×S×S.
  func mask(_ rule: MaskRule) throws -> Tensor { try rule.mask(probability) }
}

extension Explainer {
  /// Runs the model on B×3×S×S from 0 to 1; `comparing` also runs it with the intervention off.
  func look(_ images: Tensor, comparing: Bool = false) throws -> Seen {
    try inferenceMode {
      func plain(_ tensor: Tensor) throws -> Tensor { try tensor.to(.float32).to(.cpu) }
      let encoded = try system.encoded(images)
      let output = try system(images, cached: .encoded(encoded))
      let off =
        comparing && intervenes
        ? try system(images, cached: .encoded(encoded), .withoutIntervention).logits : nil
      let found = output.representation
      let text = system.text
      let region = try traits.regionFraction.map { try RegionSelection(fraction: $0) }
      let grid = try encoded.dense.sizes(rank: 4, "the dense features")
      let score =
        try found.score ?? system.regionScore(images, cached: .encoded(encoded)).flattened(from: 1)
      let cosine = try output.image.to(.float32).normalized().matmul(text.confounders.transposed())
      return Seen(
        probability: try plain(output.logits).sigmoid(), off: try off.map { try plain($0).sigmoid() },
        observed: try plain(found.observed).mean([1]),
        intervened: try found.intervened.map { try plain($0).mean([1]) },
        attention: try found.attention.map(plain),
        score: try plain(score).reshaped([grid[0], grid[1], grid[2]]),
        positions: try found.score.flatMap { try region?.positions($0).to(.cpu) }, cosine: try plain(cosine))
    }
  }
}
