import Storage

/// The lesions of one image that were found or missed, and the false marks.
///
/// A lesion is a connected component of the reference (8-connectivity); a mark is one of the
/// prediction. A lesion is found if one single mark overlaps it with an IoU of at least
/// ``criterion``; otherwise it is missed. A mark that reaches the criterion with no lesion is
/// false. Several marks of one lesion are not false, and one mark may find two lesions. This
/// follows the polyp challenge of MICCAI 2015, which counts several detections inside one polyp as
/// one true positive (Bernal et al., "Comparative Validation of Polyp Detection Methods in Video
/// Colonoscopy", IEEE TMI 36, 2017).
///
/// The default criterion is 0.1, at which nnDetection (Baumgartner et al., MICCAI 2021) reports AP
/// and FROC. It needs a coarse localisation of a lesion; the overlap metrics measure the outline.
/// With this rule, a mark over half of the image does not find a small lesion. It would do so with
/// the rule of the challenge, which accepts any point of the detection inside the mask.
///
/// Reference empty: nothing is found or missed, every mark is false. Prediction empty: every lesion
/// is missed.
public struct LesionDetection: Codable, Equatable, Sendable {
  /// The default of the minimum IoU of a found lesion.
  public static let defaultCriterion = 0.1

  /// The number of lesions that a mark overlaps well enough.
  public let found: Int

  /// The number of lesions that no mark overlaps well enough.
  public let missed: Int

  /// The number of marks that overlap no lesion well enough.
  public let falseMarks: Int

  /// The minimum IoU of a found lesion.
  public let criterion: Double

  /// The number of lesions of the reference.
  public var lesions: Int { found + missed }

  /// Matches the marks of a prediction to the lesions of its reference.
  ///
  /// - Parameters:
  ///   - prediction: The predicted mask.
  ///   - reference: The reference mask of the expert.
  ///   - criterion: The minimum IoU of a found lesion, above 0 and at most 1.
  /// - Throws: ``MetricError`` if the masks differ in size or the criterion is out of range.
  public init(
    prediction: BinaryMask, reference: BinaryMask, criterion: Double = defaultCriterion
  ) throws {
    try BinaryMask.requireSameSize(prediction: prediction, reference: reference)
    guard criterion > 0, criterion <= 1 else { throw MetricError.invalidCriterion(criterion) }
    self.criterion = criterion
    guard let box = BoundingBox(around: prediction, reference) else {
      (found, missed, falseMarks) = (0, 0, 0)
      return
    }
    let marks = ConnectedComponents(of: prediction.cropped(to: box))
    let lesions = ConnectedComponents(of: reference.cropped(to: box))
    var isFound = [Bool](repeating: false, count: lesions.count)
    var isRight = [Bool](repeating: false, count: marks.count)
    for (pair, shared) in Self.overlaps(marks, lesions) {
      let (mark, lesion) = (Int(pair.mark) - 1, Int(pair.lesion) - 1)
      let union = marks.areas[mark] + lesions.areas[lesion] - shared
      guard Double(shared) / Double(union) >= criterion else { continue }
      isRight[mark] = true
      isFound[lesion] = true
    }
    found = isFound.count { $0 }
    missed = lesions.count - found
    falseMarks = isRight.count { !$0 }
  }

  private struct Pair: Hashable {
    let mark: Int32
    let lesion: Int32
  }

  /// Counts the pixels that each mark shares with each lesion that it touches.
  private static func overlaps(_ marks: ConnectedComponents, _ lesions: ConnectedComponents) -> [Pair: Int] {
    var shared: [Pair: Int] = [:]
    // Pixels of one pair are mostly adjacent, so the table is read once per run.
    var current = Pair(mark: 0, lesion: 0)
    var run = 0
    for (mark, lesion) in zip(marks.labels, lesions.labels) where mark != 0 && lesion != 0 {
      if mark != current.mark || lesion != current.lesion {
        if run > 0 { shared[current, default: 0] += run }
        current = Pair(mark: mark, lesion: lesion)
        run = 0
      }
      run += 1
    }
    if run > 0 { shared[current, default: 0] += run }
    return shared
  }

  enum CodingKeys: String, CodingKey {
    case found, missed
    case falseMarks = "false"
    case criterion = "iou_criterion"
  }
}

extension LesionDetection {
  /// The counts over many images.
  public struct Summary: Codable, Equatable, Sendable {
    /// The number of images.
    public let images: Int
    /// The number of found lesions.
    public let found: Int
    /// The number of missed lesions.
    public let missed: Int
    /// The number of false marks.
    public let falseMarks: Int
    /// The share of lesions that were found; `nil` without a lesion.
    @Nullable public private(set) var sensitivity: Double?
    /// The share of found lesions among found lesions and false marks; `nil` if there are neither.
    @Nullable public private(set) var precision: Double?
    /// Found lesions per image; `nil` over no image.
    @Nullable public private(set) var foundPerImage: Double?
    /// Missed lesions per image; `nil` over no image.
    @Nullable public private(set) var missedPerImage: Double?
    /// False marks per image, which includes images without a lesion; `nil` over no image.
    @Nullable public private(set) var falsePerImage: Double?
    /// The minimum IoU of a found lesion; `nil` over no image.
    @Nullable public private(set) var criterion: Double?

    /// Adds up the counts of images.
    ///
    /// - Parameter detections: One for each image, in any order.
    /// - Throws: ``MetricError/mixedCriteria(_:_:)`` if they have different criteria.
    public init(of detections: [LesionDetection]) throws {
      let criterion = detections.first?.criterion
      if let criterion, let other = detections.first(where: { $0.criterion != criterion }) {
        throw MetricError.mixedCriteria(criterion, other.criterion)
      }
      self.criterion = criterion
      func ratio(_ part: Int, _ whole: Int) -> Double? { whole == 0 ? nil : Double(part) / Double(whole) }
      images = detections.count
      found = detections.reduce(0) { $0 + $1.found }
      missed = detections.reduce(0) { $0 + $1.missed }
      falseMarks = detections.reduce(0) { $0 + $1.falseMarks }
      sensitivity = ratio(found, found + missed)
      precision = ratio(found, found + falseMarks)
      foundPerImage = ratio(found, images)
      missedPerImage = ratio(missed, images)
      falsePerImage = ratio(falseMarks, images)
    }

    enum CodingKeys: String, CodingKey {
      case found, missed, sensitivity, precision
      case images = "n"
      case falseMarks = "false"
      case foundPerImage = "found_per_image"
      case missedPerImage = "missed_per_image"
      case falsePerImage = "false_per_image"
      case criterion = "iou_criterion"
    }
  }
}
