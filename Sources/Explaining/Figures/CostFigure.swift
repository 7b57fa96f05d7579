/// What a model of each method costs; `figures/cost.json`.
///
/// Latency is wall clock, so it stands here and not in `results.json`, which is the same for equal runs.
package struct CostFigure: Codable, Equatable, Sendable {
  /// One method.
  package struct Row: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// All parameters, those of the frozen tower included.
    package let parameters: Int
    /// The parameters that training changes.
    package let trained: Int
    /// The parameters of the intervention; 0 without one.
    package let intervention: Int
    /// The median time from an image at S×S to its probabilities, milliseconds.
    package let latency: Double
    /// The shortest of these times, milliseconds.
    package let shortest: Double

    /// Joins the parts.
    package init(
      method: String, parameters: Int, trained: Int, intervention: Int, latency: Double, shortest: Double
    ) {
      self.method = method
      self.parameters = parameters
      self.trained = trained
      self.intervention = intervention
      self.latency = latency
      self.shortest = shortest
    }

    enum CodingKeys: String, CodingKey {
      case method, parameters, trained, intervention
      case latency = "latency_ms"
      case shortest = "shortest_ms"
    }
  }

  /// What it was computed from.
  package let fingerprint: String
  /// S, the side of the images in pixels.
  package let imageSize: Int
  /// Passes that were timed, one image each.
  package let passes: Int
  /// Threads an operator could use.
  package let threads: Int
  /// Vector instructions of the processor.
  package let vectorInstructions: String
  /// The methods.
  package let rows: [Row]

  /// Joins the parts.
  package init(
    fingerprint: String, imageSize: Int, passes: Int, threads: Int, vectorInstructions: String, rows: [Row]
  ) {
    self.fingerprint = fingerprint
    self.imageSize = imageSize
    self.passes = passes
    self.threads = threads
    self.vectorInstructions = vectorInstructions
    self.rows = rows
  }

  enum CodingKeys: String, CodingKey {
    case fingerprint, passes, threads
    case imageSize = "image_size"
    case vectorInstructions = "vector_instructions"
    case rows = "methods"
  }
}
