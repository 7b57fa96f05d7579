import Storage

/// Calibration, added up over images: lesion probabilities against the share of lesion pixels.
///
/// Every pixel counts once, whichever image it is from, so large images weigh more. The probability
/// of lesion is compared with whether the pixel is lesion. (It is not the probability of the
/// likelier class, compared with whether it is correct.) Bins have equal width; a pixel belongs to
/// the bin with `lower < p ≤ upper`, and 0 to the first: Guo et al., "On Calibration of Modern
/// Neural Networks", ICML 2017, and scikit-learn's `calibration_curve`. Pixels of images without a
/// lesion count like any other, so the rule for empty masks does not apply here.
///
/// The memory does not grow with the images. Sums are doubles: another order of the values gives
/// the same sum up to rounding, and the same order gives it bit for bit.
public struct Reliability: Codable, Equatable, Sendable {
  /// The default number of bins of the curve.
  public static let defaultBins = 15

  /// The pixels of one bin.
  struct Bin: Codable, Equatable, Sendable {
    var count = 0
    /// The number of lesion pixels among them.
    var positives = 0
    /// The sum of their probabilities.
    var confidence = 0.0
  }

  /// The number of images so far.
  public private(set) var images = 0

  /// The sum over pixels of (p - y)²; y is 1 for lesion and 0 for background.
  private var squaredError = 0.0

  private var bins: [Bin]

  /// Starts without pixels.
  ///
  /// - Parameter bins: The number of bins, at least 1.
  /// - Throws: ``MetricError/invalidBins(_:)``.
  public init(bins: Int = defaultBins) throws {
    guard bins >= 1 else { throw MetricError.invalidBins(bins) }
    self.bins = [Bin](repeating: Bin(), count: bins)
  }

  /// Adds the pixels of one image.
  ///
  /// - Parameters:
  ///   - probability: Lesion probabilities.
  ///   - reference: The reference mask of the expert.
  /// - Throws: ``MetricError`` (`sizeMismatch`) if the two differ in size.
  public mutating func add(_ probability: ProbabilityMap, reference: BinaryMask) throws {
    try probability.requireSize(of: reference)
    let number = bins.count
    let edges = (0...number).map { Double($0) / Double(number) }
    var own = [Bin](repeating: Bin(), count: number)
    var error = 0.0
    own.withUnsafeMutableBufferPointer { own in
      reference.pixels.withUnsafeBufferPointer { pixels in
        probability.forEachPixel { index, p in
          let isLesion = Int(pixels[index])
          var bin = max(0, Int((p * Double(number)).rounded(.up)) - 1)
          // The product is rounded, so the exact edges decide.
          if bin > 0, p <= edges[bin] { bin -= 1 } else if bin + 1 < number, p > edges[bin + 1] { bin += 1 }
          own[bin].count += 1
          own[bin].positives += isLesion
          own[bin].confidence += p
          let off = p - Double(isLesion)
          error += off * off
        }
      }
    }
    for index in bins.indices { bins[index].add(own[index]) }
    squaredError += error
    images += 1
  }

  /// Adds the pixels of other images.
  ///
  /// - Parameter other: Counts with the same number of bins.
  /// - Throws: ``MetricError/mixedBins(_:_:)`` if the numbers differ.
  public mutating func merge(_ other: Reliability) throws {
    guard bins.count == other.bins.count else {
      throw MetricError.mixedBins(bins.count, other.bins.count)
    }
    for index in bins.indices { bins[index].add(other.bins[index]) }
    squaredError += other.squaredError
    images += other.images
  }

  enum CodingKeys: String, CodingKey {
    case images = "n"
    case squaredError = "squared_error"
    case bins
  }
}

extension Reliability.Bin {
  fileprivate mutating func add(_ other: Reliability.Bin) {
    count += other.count
    positives += other.positives
    confidence += other.confidence
  }

  private enum CodingKeys: String, CodingKey {
    case count = "n"
    case positives
    case confidence = "confidence_sum"
  }
}

extension Reliability {
  /// One point of the reliability curve.
  public struct Point: Codable, Equatable, Sendable {
    /// The lower end of the bin, not included except for 0.
    public let lower: Double
    /// The upper end of the bin, included.
    public let upper: Double
    /// The number of its pixels.
    public let count: Int
    /// Their mean probability; `nil` without a pixel.
    @Nullable public private(set) var meanConfidence: Double?
    /// The share of lesion pixels among them; `nil` without a pixel.
    @Nullable public private(set) var shareOfPositives: Double?

    enum CodingKeys: String, CodingKey {
      case lower, upper
      case count = "n"
      case meanConfidence = "mean_confidence"
      case shareOfPositives = "share_positive"
    }
  }

  /// The calibration scores of some pixels.
  public struct Summary: Codable, Equatable, Sendable {
    /// The number of images.
    public let images: Int
    /// The number of pixels.
    public let pixels: Int
    /// The Brier score, the mean of (p - y)²; `nil` over no pixel.
    ///
    /// 0 is the best value; p = 0.5 everywhere gives 0.25.
    @Nullable public private(set) var brier: Double?
    /// The expected calibration error; `nil` over no pixel.
    ///
    /// It is the mean over pixels of the difference, in their bin, between mean probability and
    /// share of lesion.
    @Nullable public private(set) var expectedCalibrationError: Double?
    /// The reliability curve, one point per bin.
    public let curve: [Point]

    enum CodingKeys: String, CodingKey {
      case pixels, brier, curve
      case images = "n"
      case expectedCalibrationError = "ece"
    }
  }

  /// Brier score, expected calibration error and reliability curve of the pixels so far.
  public var summary: Summary {
    let pixels = bins.reduce(0) { $0 + $1.count }
    let curve = bins.enumerated().map { index, bin in
      Point(
        lower: Double(index) / Double(bins.count), upper: Double(index + 1) / Double(bins.count),
        count: bin.count, meanConfidence: bin.count == 0 ? nil : bin.confidence / Double(bin.count),
        shareOfPositives: bin.count == 0 ? nil : Double(bin.positives) / Double(bin.count))
    }
    let gap = bins.reduce(0) { $0 + abs($1.confidence - Double($1.positives)) }
    return Summary(
      images: images, pixels: pixels, brier: pixels == 0 ? nil : squaredError / Double(pixels),
      expectedCalibrationError: pixels == 0 ? nil : gap / Double(pixels), curve: curve)
  }
}
