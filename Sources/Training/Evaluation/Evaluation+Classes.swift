import Metrics

extension Evaluation {
  /// The scores of one of several classes.
  public struct ClassScores: Encodable, Sendable {
    /// The name of the class.
    public let name: String
    /// The summary of the images' scores.
    public let model: ScoreSummary
    /// The agreement of probabilities and references.
    public let calibration: Reliability.Summary
    /// The polyp protocol's table; nil if not requested.
    public let polyp: PolypProtocol.Summary?
    /// The summaries of predictors that ignore the image, by name.
    public let trivial: [String: ScoreSummary]

    private enum CodingKeys: String, CodingKey {
      case model, calibration, polyp, trivial
      case name = "class"
    }
  }

  /// Adds up the polyp protocol and the reliability curve of images.
  static func pooled(_ found: [ImageAssessment]) throws -> (polyp: PolypProtocol, reliability: Reliability) {
    var (polyp, reliability) = (PolypProtocol(), try Reliability())
    for assessment in found {
      polyp.merge(assessment.polyp)
      try reliability.merge(assessment.reliability)
    }
    return (polyp, reliability)
  }

  /// Summarises each class.
  ///
  /// - Parameters:
  ///   - images: each class of the first image, then of the next.
  ///   - trivial: the scores of predictors that ignore the image, in the same order, by name.
  ///   - evaluation: the protocol of the evaluation.
  /// - Returns: the classes in their order.
  /// - Throws: `MetricError` if images differ in tolerance or unit, which these never do.
  static func classes(
    _ images: [Image], _ trivial: [String: [ImageScores]], _ evaluation: EvaluationProtocol
  ) throws -> [ClassScores] {
    var names: [String] = []
    for name in images.compactMap(\.className) where !names.contains(name) { names.append(name) }
    return try names.map { name in
      let rows = images.indices.filter { images[$0].className == name }
      let found = rows.map { images[$0].assessment }
      let (polyp, reliability) = try pooled(found)
      return ClassScores(
        name: name, model: try ScoreSummary(of: found.map(\.scores)), calibration: reliability.summary,
        polyp: evaluation == .pranet ? polyp.summary : nil,
        trivial: try trivial.mapValues { scores in try ScoreSummary(of: rows.map { scores[$0] }) })
    }
  }
}
