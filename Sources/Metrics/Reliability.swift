import Storage

/// How well lesion probabilities agree with how often pixels are lesion: calibration, added up over images.
///
/// Every pixel counts once, whichever image it is from, so large images weigh more. A pixel's probability of
/// being lesion is compared with whether it is one (not the probability of the likelier class with whether it
/// is right). Bins have equal width; a pixel belongs to the bin with `lower < p ≤ upper`, and 0 to the first:
/// Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, and scikit-learn's `calibration_curve`.
/// Pixels of images without a lesion count like any other, so the rule for empty masks has nothing to say
/// here.
///
/// The memory does not grow with the images. Sums are of doubles: values added in another order agree up to
/// rounding, and in the same order bit for bit.
public struct Reliability: Codable, Equatable, Sendable {
  /// The bins of the curve, unless another number is given.
  public static let defaultBins = 15

  /// What fell into one bin.
  struct Bin: Codable, Equatable, Sendable {
    var count = 0
    /// Lesion pixels among them.
    var positives = 0
    /// The sum of their probabilities.
    var confidence = 0.0
  }

  /// Images so far.
  public private(set) var images = 0

  /// The sum over pixels of (p - y)², y being 1 for lesion and 0 for background.
  private var squaredError = 0.0

  private var bins: [Bin]

  /// Starts with no pixel.
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
  ///   - reference: What the expert drew.
  /// - Throws: ``MetricError/sizeMismatch(predictionWidth:predictionHeight:referenceWidth:referenceHeight:)``
  ///   when the two differ in size.
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
          // The product is rounded, the edges are what counts.
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
  /// - Parameter other: Counted in as many bins.
  /// - Throws: ``MetricError/mixedBins(_:_:)`` when it was not.
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
    /// Where the bin begins, not included but for 0.
    public let lower: Double
    /// Where the bin ends, included.
    public let upper: Double
    /// Pixels in it.
    public let count: Int
    /// Their mean probability; `nil` without a pixel.
    @Nullable public private(set) var meanConfidence: Double?
    /// The share of them that is lesion; `nil` without a pixel.
    @Nullable public private(set) var shareOfPositives: Double?

    enum CodingKeys: String, CodingKey {
      case lower, upper
      case count = "n"
      case meanConfidence = "mean_confidence"
      case shareOfPositives = "share_positive"
    }
  }

  /// What the pixels come to.
  public struct Summary: Codable, Equatable, Sendable {
    /// Images.
    public let images: Int
    /// Pixels.
    public let pixels: Int
    /// The Brier score, the mean of (p - y)²: 0 is best, 0.25 is what p = 0.5 everywhere gives; `nil` over no
    /// pixel.
    @Nullable public private(set) var brier: Double?
    /// The expected calibration error: the mean over pixels of the distance, in their bin, between mean
    /// probability and share of lesion; `nil` over no pixel.
    @Nullable public private(set) var expectedCalibrationError: Double?
    /// The reliability curve, one point a bin.
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
