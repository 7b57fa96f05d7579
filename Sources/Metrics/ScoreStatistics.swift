import Storage

/// What one score came to over many images, undefined ones left out.
public struct ScoreStatistics: Codable, Equatable, Sendable {
  /// The number of images on which the score is defined; the other numbers are over these.
  public let count: Int

  /// The mean; `nil` over no image.
  @Nullable public private(set) var mean: Double?

  /// The sample standard deviation (divisor `count - 1`); `nil` over fewer than two images.
  @Nullable public private(set) var standardDeviation: Double?

  /// The median, the mean of the two middle values when their number is even; `nil` over no image.
  @Nullable public private(set) var median: Double?

  /// The value a quarter of the way up, interpolated linearly between ranks as NumPy does; `nil` over no
  /// image.
  @Nullable public private(set) var lowerQuartile: Double?

  /// The value three quarters of the way up; `nil` over no image.
  @Nullable public private(set) var upperQuartile: Double?

  /// Takes the statistics of some scores.
  ///
  /// - Parameter scores: One score an image, `nil` where it is undefined.
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
