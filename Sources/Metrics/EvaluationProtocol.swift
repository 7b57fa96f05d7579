/// The evaluation of a grey probability map against a binary reference.
public enum EvaluationProtocol: String, CaseIterable, Codable, Sendable {
  /// A ``MaskThreshold`` makes a mask, which is scored; see ``ImageScores``.
  case fixedThreshold = "fixed-threshold"
  /// Adds the measures of the polyp literature, most of them means over 256 thresholds.
  ///
  /// See ``PolypProtocol``.
  case pranet
}
