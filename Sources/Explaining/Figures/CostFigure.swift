/// The cost of a model of each method; `figures/cost.json`.
///
/// Latency is wall-clock time. So it is here and not in `results.json`, which is the same for equal
/// runs.
package struct CostFigure: Codable, Equatable, Sendable {
  /// One method.
  package struct Row: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// The number of all parameters, which include those of the frozen tower.
    package let parameters: Int
    /// The number of trained parameters.
    package let trained: Int
    /// The number of parameters of a method with an intervention; 0 for other methods.
    package let intervention: Int
    /// The median time from an image at S×S to its probabilities, in milliseconds.
    package let latency: Double
    /// The shortest of these times, in milliseconds.
    package let shortest: Double

    /// Makes a row from its parts.
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

  /// The fingerprint of the inputs.
  package let fingerprint: String
  /// S, the side of the images in pixels.
  package let imageSize: Int
  /// The number of timed passes, one image each.
  package let passes: Int
  /// The threads per operator.
  package let threads: Int
  /// The vector instructions of the processor.
  package let vectorInstructions: String
  /// The methods.
  package let rows: [Row]

  /// Makes a figure from its parts.
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
