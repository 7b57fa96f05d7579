/// The way in which a grey probability map is judged beside a binary reference.
public enum EvaluationProtocol: String, CaseIterable, Codable, Sendable {
  /// The map is cut at one threshold and the mask is scored, ``ImageScores``.
  case fixedThreshold = "fixed-threshold"
  /// Beside that, the measures of the polyp literature, most of them averaged over 256 thresholds,
  /// ``PolypProtocol``.
  case pranet
}
