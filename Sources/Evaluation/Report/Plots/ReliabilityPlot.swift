/// How often pixels are lesion where a model says how likely they are; below, the share of pixels in each bin.
public struct ReliabilityPlot {
  /// One bin of probabilities.
  public struct Bin: Equatable, Sendable {
    /// Pixels in it.
    public let count: Int
    /// Their mean probability; nil when there are none.
    public let confidence: Double?
    /// The share of them that are lesion; nil when there are none.
    public let positives: Double?

    /// Joins the parts.
    public init(count: Int, confidence: Double?, positives: Double?) {
      self.count = count
      self.confidence = confidence
      self.positives = positives
    }
  }

  /// One model or method.
  public struct Series: Equatable, Sendable {
    /// Its name.
    public let name: String
    /// Its bins of equal width from 0 to 1.
    public let bins: [Bin]

    /// Joins the parts.
    public init(name: String, bins: [Bin]) {
      self.name = name
      self.bins = bins
    }
  }

  private let series: [Series]

  /// Describes a plot.
  public init(_ series: [Series]) { self.series = series }
}
