/// What a model of each method costs; `figures/cost.json`.
///
/// Latency is wall clock, so it stands here and not in `results.json`, which is the same for equal runs.
public struct CostFigure: Codable, Equatable, Sendable {
  /// One method.
  public struct Row: Codable, Equatable, Sendable {
    /// The method.
    public let method: String
    /// All parameters, those of the frozen tower included.
    public let parameters: Int
    /// The parameters that training changes.
    public let trained: Int
    /// The parameters of the intervention; 0 without one.
    public let intervention: Int
    /// The median time from an image at S×S to its probabilities, milliseconds.
    public let latency: Double
    /// The shortest of these times, milliseconds.
    public let shortest: Double

    /// Joins the parts.
    public init(
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
  public let fingerprint: String
  /// S, the side of the images in pixels.
  public let imageSize: Int
  /// Passes that were timed, one image each.
  public let passes: Int
  /// Threads an operator could use.
  public let threads: Int
  /// Vector instructions of the processor.
  public let vectorInstructions: String
  /// The methods.
  public let rows: [Row]

  /// Joins the parts.
  public init(
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
