import Storage

/// The statistics of one score over many images, without undefined scores.
public struct ScoreStatistics: Codable, Equatable, Sendable {
  /// The number of images on which the score is defined; the other numbers are over these.
  public let count: Int

  /// The mean; `nil` over no image.
  @Nullable public private(set) var mean: Double?

  /// The sample standard deviation (divisor `count - 1`); `nil` over fewer than two images.
  @Nullable public private(set) var standardDeviation: Double?

  /// The median, the mean of the two middle values when their number is even; `nil` over no image.
  @Nullable public private(set) var median: Double?

  /// The lower quartile; `nil` over no image.
  ///
  /// It is interpolated linearly between ranks, as in NumPy.
  @Nullable public private(set) var lowerQuartile: Double?

  /// The upper quartile; `nil` over no image.
  @Nullable public private(set) var upperQuartile: Double?

  /// Computes the statistics of some scores.
  ///
  /// - Parameter scores: One score per image, `nil` if it is undefined.
  public init(of scores: [Double?]) {
    let values = scores.compactMap { $0 }.sorted()
    count = values.count
    guard !values.isEmpty else {
      mean = nil
      standardDeviation = nil
      median = nil
      lowerQuartile = nil
      upperQuartile = nil
      return
    }
    let mean = values.reduce(0, +) / Double(values.count)
    self.mean = mean
    median = Percentile.ofSorted(values, percent: 50)
    lowerQuartile = Percentile.ofSorted(values, percent: 25)
    upperQuartile = Percentile.ofSorted(values, percent: 75)
    guard values.count > 1 else {
      standardDeviation = nil
      return
    }
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    standardDeviation = (squares / Double(values.count - 1)).squareRoot()
  }

  private enum CodingKeys: String, CodingKey {
    case count = "n"
    case mean
    case standardDeviation = "sd"
    case median
    case lowerQuartile = "q1"
    case upperQuartile = "q3"
  }
}
