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

  /// The curves of images, added up.
  struct Curves {
    private(set) var polyp = PolypProtocol()
    private(set) var reliability: Reliability

    /// Starts without images.
    ///
    /// - Throws: never, with the standard bins.
    init() throws { reliability = try Reliability() }

    /// Adds an image; another order of the images may change the last bits.
    ///
    /// - Parameter assessment: its results.
    /// - Throws: `MetricError` for other bins, which assessments never have.
    mutating func add(_ assessment: ImageAssessment) throws {
      polyp.merge(assessment.polyp)
      try reliability.merge(assessment.reliability)
    }
  }

  /// Summarises each class.
  ///
  /// - Parameters:
  ///   - images: each class of the first image, then of the next.
  ///   - curves: the curves of each class.
  ///   - trivial: the scores of predictors that ignore the image, in the same order, by name.
  ///   - evaluation: the protocol of the evaluation.
  /// - Returns: the classes in their order.
  /// - Throws: `MetricError` if images differ in tolerance or unit, which these never do.
  static func classes(
    _ images: [Image], _ curves: [Curves], _ trivial: [String: [ImageScores]],
    _ evaluation: EvaluationProtocol
  ) throws -> [ClassScores] {
    var names: [String] = []
    for name in images.compactMap(\.className) where !names.contains(name) { names.append(name) }
    return try zip(names, curves).map { name, curves in
      let rows = images.indices.filter { images[$0].className == name }
      return ClassScores(
        name: name, model: try ScoreSummary(of: rows.map { images[$0].scores }),
        calibration: curves.reliability.summary,
        polyp: evaluation == .pranet ? curves.polyp.summary : nil,
        trivial: try trivial.mapValues { scores in try ScoreSummary(of: rows.map { scores[$0] }) })
    }
  }
}
