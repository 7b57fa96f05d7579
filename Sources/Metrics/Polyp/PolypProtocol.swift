import Storage

/// The measures of the polyp literature, added up over images: structure measure, weighted F-measure, mean
/// absolute error, and E-measure, Dice and IoU at 256 thresholds.
///
/// What is judged is an 8-bit map, as PraNet (Fan et al., MICCAI 2020) and its successors publish them. Their
/// test script stretches a model's probabilities so that each image's least is 0 and its greatest 1, and
/// saves them rounded to 8 bits; ``ProbabilityMap/savedLevels`` does the same. Their MATLAB toolbox, and
/// PySODMetrics after it, stretch the saved map again, which changes nothing but for maps that were saved
/// without. So how sure a model is of an image is not judged, only how it ranks its pixels: a model that
/// marks nothing is shown as one that marks its likeliest pixels.
///
/// The variants, each with its rule for an empty reference, are stated at `LevelCounts.structureMeasure`,
/// `WeightedFMeasure` and `ThresholdMeasures`: those of the MATLAB toolbox. (UACANet's Python evaluation
/// differs in three places: standard deviations with divisor n, parts divided one row and column earlier, and
/// the nearest pixel instead of zero beyond the image.)
///
/// "meanDic" and "meanIoU" are means over thresholds, then over images. The maximum of E, Dice and IoU is the
/// highest point of the mean curve over images, so the curves are kept and add up; images in another order
/// give the same up to rounding.
public struct PolypProtocol: Codable, Equatable, Sendable {
  /// Images whose reference shows a lesion.
  private var withLesion = Sums()

  /// Images whose reference is empty.
  private var withoutLesion = Sums()

  /// Starts with no image.
  public init() {}

  /// Measures one image.
  ///
  /// - Parameters:
  ///   - probability: The model's probabilities, or a map that was stored in 8 bits.
  ///   - reference: What the expert drew.
  /// - Throws: ``MetricError/sizeMismatch(predictionWidth:predictionHeight:referenceWidth:referenceHeight:)``
  ///   when the two differ in size.
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

  /// What the images come to so far; of one image, its own values.
  public var summary: Summary {
    Summary(
      count: withLesion.count + withoutLesion.count, countWithLesion: withLesion.count,
      countEmptyReference: withoutLesion.count, all: (withLesion + withoutLesion).means,
      withLesion: withLesion.means, definition: Self.definition)
  }

  /// What is computed, in plain words, to print beside the figures.
  public static let definition =
    "Each map is stretched to 0…1 and rounded to 8 bits, as PraNet saves it; thresholds k/255, k = 0…255. "
    + "An empty reference gives Dice, IoU and weighted F 0, S 1 less the map's mean, E the share left unmarked."

  /// Reads what ``encode(to:)`` wrote.
  ///
  /// - Parameter decoder: Where to read.
  /// - Throws: What the decoder throws, and `DecodingError` for a curve without as many values as thresholds.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    withLesion = try container.decodeIfPresent(Sums.self, forKey: .withLesion) ?? Sums()
    withoutLesion = try container.decodeIfPresent(Sums.self, forKey: .withoutLesion) ?? Sums()
  }

  /// Writes the sums over the images with a lesion and over those without, each when there are any.
  ///
  /// - Parameter encoder: Where to write.
  /// - Throws: What the encoder throws.
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
      // An empty side is left out, so that its other side stays as it is, bit for bit and without work.
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
    /// The structure measure S, alpha 0.5.
    public let structure: Double
    /// The weighted F-measure.
    public let weightedF: Double
    /// The mean absolute difference between map and reference.
    public let absoluteError: Double
    /// The E-measure, mean over thresholds.
    public let meanEnhancedAlignment: Double
    /// The E-measure at the threshold where its mean over images is highest.
    public let maxEnhancedAlignment: Double
    /// Dice, mean over thresholds: the literature's "meanDic".
    public let meanDice: Double
    /// Dice at the threshold where its mean over images is highest, which is chosen on the images that are
    /// scored.
    public let maxDice: Double
    /// IoU, mean over thresholds: the literature's "meanIoU".
    public let meanIoU: Double
    /// IoU at the threshold where its mean over images is highest, which is chosen on the images that are
    /// scored.
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

    /// The measures by the names they carry in JSON and CSV, in the order they are shown.
    public var named: [(name: String, value: Double)] {
      let values = [
        meanDice, meanIoU, weightedF, structure, meanEnhancedAlignment, maxEnhancedAlignment, absoluteError,
        maxDice,
        maxIoU,
      ]
      return zip(Self.names, values).map { (name: $0, value: $1) }
    }
  }

  /// The protocol's table for some images.
  public struct Summary: Codable, Equatable, Sendable {
    /// Images.
    public let count: Int
    /// Images whose reference shows a lesion.
    public let countWithLesion: Int
    /// Images whose reference is empty.
    public let countEmptyReference: Int
    /// Over all images; `nil` over none.
    @Nullable public private(set) var all: Means?
    /// Over the images with a lesion; `nil` when there are none.
    @Nullable public private(set) var withLesion: Means?
    /// What is computed, in plain words.
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
  /// The mean absolute difference between the stretched map and the reference, from 0 to 1; defined for any
  /// reference.
  var meanAbsoluteError: Double {
    let sum = (0..<256).reduce(0.0) {
      $0 + Double(whole.lesion[$1]) * (1 - values[$1]) + Double(whole.background[$1]) * values[$1]
    }
    return sum / Double(whole.lesionCount + whole.backgroundCount)
  }
}
