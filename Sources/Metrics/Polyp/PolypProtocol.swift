import Storage

/// The measures of the polyp literature, added up over images.
///
/// They are the structure measure, the weighted F-measure, the mean absolute error, and E-measure,
/// Dice and IoU at 256 thresholds.
///
/// The input is an 8-bit map, as PraNet (Fan et al., MICCAI 2020) and its successors publish it.
/// Their test script stretches the probabilities of a model, so that the minimum of each image is 0
/// and the maximum 1, and saves them rounded to 8 bits. ``ProbabilityMap/savedLevels`` does the
/// same. Their MATLAB toolbox, and PySODMetrics after it, stretch the saved map again. This changes
/// only maps that were saved without stretching. So the protocol does not judge the confidence of a
/// model in an image, only the ranking of its pixels: a model that marks nothing counts like one
/// that marks its likeliest pixels.
///
/// `LevelCounts.structureMeasure`, `WeightedFMeasure` and `ThresholdMeasures` state the variants,
/// each with its rule for an empty reference. They are those of the MATLAB toolbox. (UACANet's
/// Python evaluation differs in three places: standard deviations with divisor n, parts divided one
/// row and column earlier, and the nearest pixel instead of zero beyond the image.)
///
/// "meanDic" and "meanIoU" are means over thresholds, then over images. The maximum of E, Dice and
/// IoU is the highest point of the mean curve over images, so the curves are stored and added up.
/// Another order of the images gives the same values up to rounding.
public struct PolypProtocol: Codable, Equatable, Sendable {
  /// The sums over images whose reference shows a lesion.
  private var withLesion = Sums()

  /// The sums over images whose reference is empty.
  private var withoutLesion = Sums()

  /// Starts without images.
  public init() {}

  /// Measures one image.
  ///
  /// - Parameters:
  ///   - probability: The probabilities of the model, or a map that was stored in 8 bits.
  ///   - reference: The reference mask of the expert.
  /// - Throws: ``MetricError`` (`sizeMismatch`) if the two differ in size.
  public init(_ probability: ProbabilityMap, reference: BinaryMask) throws {
    try probability.requireSize(of: reference)
    let levels = probability.savedLevels
    let counts = LevelCounts(levels, reference: reference)
    let measures = ThresholdMeasures(counts)
    let sums = Sums(
      count: 1, structure: counts.structureMeasure,
      weightedF: WeightedFMeasure.score(levels, values: counts.values, reference: reference),
      absoluteError: counts.meanAbsoluteError, enhancedAlignment: measures.enhancedAlignment,
      dice: measures.dice, iou: measures.iou)
    if reference.isEmpty { withoutLesion = sums } else { withLesion = sums }
  }

  /// Adds other images.
  public mutating func merge(_ other: PolypProtocol) {
    withLesion = withLesion + other.withLesion
    withoutLesion = withoutLesion + other.withoutLesion
  }

  /// The means over the images so far; for one image, its own values.
  public var summary: Summary {
    Summary(
      count: withLesion.count + withoutLesion.count, countWithLesion: withLesion.count,
      countEmptyReference: withoutLesion.count, all: (withLesion + withoutLesion).means,
      withLesion: withLesion.means, definition: Self.definition)
  }

  /// The definition of the measures as text, for display with the values.
  public static let definition =
    "Each map is stretched to 0…1 and rounded to 8 bits, as PraNet saves it; thresholds k/255, k = 0…255. "
    + "An empty reference gives Dice, IoU and weighted F 0, S 1 less the map's mean, E the share left unmarked."

  /// Reads the output of ``encode(to:)``.
  ///
  /// - Parameter decoder: The source.
  /// - Throws: The error of the decoder, and `DecodingError` for a curve without as many values as
  ///   thresholds.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    withLesion = try container.decodeIfPresent(Sums.self, forKey: .withLesion) ?? Sums()
    withoutLesion = try container.decodeIfPresent(Sums.self, forKey: .withoutLesion) ?? Sums()
  }

  /// Writes the sums over the images with a lesion and over those without, each if there are any.
  ///
  /// - Parameter encoder: The destination.
  /// - Throws: The error of the encoder.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    if withLesion.count > 0 { try container.encode(withLesion, forKey: .withLesion) }
    if withoutLesion.count > 0 { try container.encode(withoutLesion, forKey: .withoutLesion) }
  }

  enum CodingKeys: String, CodingKey {
    case withLesion = "with_lesion"
    case withoutLesion = "empty_reference"
  }

  /// Sums over images.
  private struct Sums: Codable, Equatable, Sendable {
    var count = 0
    var structure = 0.0
    var weightedF = 0.0
    var absoluteError = 0.0
    var enhancedAlignment = ThresholdCurve()
    var dice = ThresholdCurve()
    var iou = ThresholdCurve()

    static func + (first: Sums, second: Sums) -> Sums {
      // An empty side is skipped, so that the other side stays the same bit for bit and without
      // work.
      if first.count == 0 { return second }
      if second.count == 0 { return first }
      return Sums(
        count: first.count + second.count, structure: first.structure + second.structure,
        weightedF: first.weightedF + second.weightedF,
        absoluteError: first.absoluteError + second.absoluteError,
        enhancedAlignment: first.enhancedAlignment + second.enhancedAlignment,
        dice: first.dice + second.dice, iou: first.iou + second.iou)
    }

    /// The means over the images; `nil` over none.
    var means: Means? {
      guard count > 0 else { return nil }
      let number = Double(count)
      let (e, d, j) = (enhancedAlignment / number, dice / number, iou / number)
      return Means(
        structure: structure / number, weightedF: weightedF / number,
        absoluteError: absoluteError / number, meanEnhancedAlignment: e.mean, maxEnhancedAlignment: e.max,
        meanDice: d.mean, maxDice: d.max, meanIoU: j.mean, maxIoU: j.max)
    }

    enum CodingKeys: String, CodingKey {
      case dice, iou
      case count = "n"
      case structure = "s_measure"
      case weightedF = "weighted_f"
      case absoluteError = "mae"
      case enhancedAlignment = "e_measure"
    }
  }
}

extension PolypProtocol {
  /// The measures, as means over images.
  public struct Means: Codable, Equatable, Sendable {
    /// The structure measure S with alpha 0.5.
    public let structure: Double
    /// The weighted F-measure.
    public let weightedF: Double
    /// The mean absolute difference between map and reference.
    public let absoluteError: Double
    /// The E-measure, mean over thresholds.
    public let meanEnhancedAlignment: Double
    /// The E-measure at the threshold where its mean over images is highest.
    public let maxEnhancedAlignment: Double
    /// Dice, mean over thresholds; the literature calls it "meanDic".
    public let meanDice: Double
    /// Dice at the threshold where its mean over images is highest.
    ///
    /// The threshold is chosen on the scored images themselves.
    public let maxDice: Double
    /// IoU, mean over thresholds; the literature calls it "meanIoU".
    public let meanIoU: Double
    /// IoU at the threshold where its mean over images is highest.
    ///
    /// The threshold is chosen on the scored images themselves.
    public let maxIoU: Double

    enum CodingKeys: String, CodingKey {
      case structure = "s_measure"
      case weightedF = "weighted_f"
      case absoluteError = "mae"
      case meanEnhancedAlignment = "mean_e"
      case maxEnhancedAlignment = "max_e"
      case meanDice = "mean_dice"
      case maxDice = "max_dice"
      case meanIoU = "mean_iou"
      case maxIoU = "max_iou"
    }

    /// The names of ``named``, in its order.
    static let names = [
      "mean_dice", "mean_iou", "weighted_f", "s_measure", "mean_e", "max_e", "mae", "max_dice", "max_iou",
    ]

    /// The measures by their names in JSON and CSV, in the order of display.
    public var named: [(name: String, value: Double)] {
      let values = [
        meanDice, meanIoU, weightedF, structure, meanEnhancedAlignment, maxEnhancedAlignment, absoluteError,
        maxDice,
        maxIoU,
      ]
      return zip(Self.names, values).map { (name: $0, value: $1) }
    }
  }

  /// The table of the protocol for some images.
  public struct Summary: Codable, Equatable, Sendable {
    /// The number of images.
    public let count: Int
    /// The number of images whose reference shows a lesion.
    public let countWithLesion: Int
    /// The number of images whose reference is empty.
    public let countEmptyReference: Int
    /// The means over all images; `nil` over none.
    @Nullable public private(set) var all: Means?
    /// The means over the images with a lesion; `nil` if there are none.
    @Nullable public private(set) var withLesion: Means?
    /// The definition of the measures as text.
    public let definition: String

    enum CodingKeys: String, CodingKey {
      case all, definition
      case count = "n"
      case countWithLesion = "n_with_lesion"
      case countEmptyReference = "n_empty_reference"
      case withLesion = "with_lesion"
    }
  }
}

extension LevelCounts {
  /// The mean absolute difference between the stretched map and the reference, from 0 to 1.
  ///
  /// It is defined for any reference.
  var meanAbsoluteError: Double {
    let sum = (0..<256).reduce(0.0) {
      $0 + Double(whole.lesion[$1]) * (1 - values[$1]) + Double(whole.background[$1]) * values[$1]
    }
    return sum / Double(whole.lesionCount + whole.backgroundCount)
  }
}
