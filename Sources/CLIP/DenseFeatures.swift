import Torch

/// How the last block is read, so that features belong to the positions they stand at; method, section 1.
public enum DenseFeatures: String, CaseIterable, Sendable {
  /// The final tokens: post-norm, projection. Plain CLIP; localises poorly.
  case tokens
  /// The value path of the last attention block, without residual and feed-forward (MaskCLIP, Zhou et al., 2022).
  case maskclip
  /// Self-correlative attention in the last block, without residual and feed-forward (SCLIP, Wang et al., 2024;
  /// the residual is left out as the prototype measured, see docs/explanation/choices.md).
  case sclip

  /// Finds an extractor by name.
  ///
  /// - Throws: `CLIPError.unknownExtractor` with the names there are.
  public init(named name: String) throws {
    guard let found = DenseFeatures(rawValue: name) else { throw CLIPError.unknownExtractor(name) }
    self = found
  }

  /// Reads the last block: tokens before it and after it, B×N×w → B×N×w.
  func read(_ last: some TransformerBlock, before: Tensor, after: Tensor) throws -> Tensor {
    switch self {
    case .tokens: after
    case .maskclip: try last.attention.valuePath(last.norm1(before))
    case .sclip: try last.attention.correlative(last.norm1(before))
    }
  }
}
