import Torch

/// The way to read the last block, so that features belong to their positions.
///
/// Method, section 1.
public enum DenseFeatures: String, CaseIterable, Sendable {
  /// The final tokens: post-norm, projection. Plain CLIP; localises poorly.
  case tokens
  /// The value path of the last attention block, without residual and feed-forward.
  ///
  /// This is MaskCLIP (Zhou et al., 2022).
  case maskclip
  /// Self-correlative attention in the last block, without residual and feed-forward.
  ///
  /// This is SCLIP (Wang et al., 2024). The residual is omitted because of the prototype's
  /// measurements, see docs/explanation/choices.md.
  case sclip

  /// Finds an extractor by name.
  ///
  /// - Parameter name: the name.
  /// - Throws: `CLIPError.unknownExtractor` with the existing names.
  public init(named name: String) throws {
    guard let found = DenseFeatures(rawValue: name) else { throw CLIPError.unknownExtractor(name) }
    self = found
  }

  /// Reads the last block from the tokens before and after it, B×N×w → B×N×w.
  func read(_ last: some TransformerBlock, before: Tensor, after: Tensor) throws -> Tensor {
    switch self {
    case .tokens: after
    case .maskclip: try last.attention.valuePath(last.norm1(before))
    case .sclip: try last.attention.correlative(last.norm1(before))
    }
  }
}
