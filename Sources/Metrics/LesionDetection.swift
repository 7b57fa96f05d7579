import Storage

/// Which lesions of one image were found, which were missed, and what was marked where no lesion is.
///
/// A lesion is a connected component of the reference (8-connectivity), a mark one of the prediction. A
/// lesion is found when one single mark overlaps it with an IoU of at least ``criterion``; otherwise it is
/// missed. A mark that reaches the criterion with no lesion is false. Several marks of one lesion are no
/// false ones, and one mark may find two lesions, as in the polyp challenge of MICCAI 2015, which counts
/// several detections inside one polyp as one true positive (Bernal et al., "Comparative Validation of Polyp
/// Detection Methods in Video Colonoscopy", IEEE TMI 36, 2017).
///
/// The criterion is 0.1 by default, where nnDetection (Baumgartner et al., MICCAI 2021) reports AP and FROC: a
/// lesion is to be localised coarsely, how well it is outlined the overlap metrics say. With this rule a mark over
/// half of the image does not find a small lesion, as it would by the challenge's own rule, any point of the
/// detection inside the mask.
///
/// Reference empty: nothing is found or missed, every mark is false. Prediction empty: every lesion is missed.
public struct LesionDetection: Codable, Equatable, Sendable {
  /// The IoU from which on a lesion is found, unless another is given.
  public static let defaultCriterion = 0.1

  /// Lesions that a mark overlaps well enough.
  public let found: Int

  /// Lesions that no mark overlaps well enough.
  public let missed: Int

  /// Marks that overlap no lesion well enough.
  public let falseMarks: Int

  /// The IoU from which on a lesion is found.
  public let criterion: Double

  /// The lesions of the reference.
  public var lesions: Int { found + missed }

  /// Matches a prediction's marks to the lesions of its reference.
  ///
  /// - Parameters:
  ///   - prediction: What the model drew.
  ///   - reference: What the expert drew.
  ///   - criterion: The IoU from which on a lesion is found, above 0 and at most 1.
  /// - Throws: ``MetricError`` when the masks differ in size or the criterion is out of range.
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

  /// The pixels that each mark shares with each lesion it touches.
  private static func overlaps(_ marks: ConnectedComponents, _ lesions: ConnectedComponents) -> [Pair: Int] {
    var shared: [Pair: Int] = [:]
    // Pixels of one pair mostly follow each other, so the table is asked once a run.
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
  /// The lesions of many images together.
  public struct Summary: Codable, Equatable, Sendable {
    /// Images.
    public let images: Int
    /// Lesions found.
    public let found: Int
    /// Lesions missed.
    public let missed: Int
    /// False marks.
    public let falseMarks: Int
    /// Share of lesions found; `nil` without a lesion.
    @Nullable public private(set) var sensitivity: Double?
    /// Lesions found, of these and the false marks; `nil` when there is neither.
    @Nullable public private(set) var precision: Double?
    /// Lesions found per image; `nil` over no image.
    @Nullable public private(set) var foundPerImage: Double?
    /// Lesions missed per image; `nil` over no image.
    @Nullable public private(set) var missedPerImage: Double?
    /// False marks per image, those without a lesion included; `nil` over no image.
    @Nullable public private(set) var falsePerImage: Double?
    /// The IoU from which on a lesion counts as found; `nil` over no image.
    @Nullable public private(set) var criterion: Double?

    /// Adds up the images' counts.
    ///
    /// - Parameter detections: One for each image, in any order.
    /// - Throws: ``MetricError/mixedCriteria(_:_:)`` when they were counted by different criteria.
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
