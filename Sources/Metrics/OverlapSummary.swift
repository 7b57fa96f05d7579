import Storage

/// Overlap and marked area over many images, for comparisons with predictors that ignore the image.
///
/// Unlike a mean Dice alone, these numbers show whether a mask that is empty, or full, would do as
/// well.
public struct OverlapSummary: Codable, Equatable, Sendable {
  /// The number of images.
  public let count: Int
  /// The number of images whose reference shows a lesion.
  public let countWithLesion: Int
  /// Mean Dice; two empty masks count 1.
  public let dice: Double
  /// Mean Dice over the images with a lesion; nil if there are none.
  @Nullable public private(set) var diceWithLesion: Double?
  /// Mean IoU; two empty masks count 1.
  public let iou: Double
  /// Mean IoU over the images with a lesion; nil if there are none.
  @Nullable public private(set) var iouWithLesion: Double?
  /// Mean Dice over the images on which reference or prediction marks something.
  ///
  /// Images where both are empty do not count. So an empty prediction has 0, and a mark on an image
  /// without a lesion costs as much as a lesion that is not found. If every image has a lesion, it
  /// is the mean Dice. It is nil if no image has a lesion, because then an empty prediction is
  /// right.
  @Nullable public private(set) var markedDice: Double?
  /// The mean share of an image that the prediction marks.
  public let markedShare: Double
  /// The mean share of an image that the reference covers.
  public let referenceShare: Double
  /// The share of the images with a lesion on which nothing is marked; nil if there are none.
  @Nullable public private(set) var unmarkedShare: Double?

  /// The number of images with a lesion on which nothing is marked.
  var countUnmarked: Int {
    // A damaged file may hold any share.
    Int(exactly: ((unmarkedShare ?? 0) * Double(countWithLesion)).rounded()) ?? countWithLesion
  }

  /// Summarises pairs of masks; nil without any.
  package init?(of counts: [OverlapCounts]) {
    self.init(
      counts.map { counts in
        let (marked, lesion) = (
          counts.truePositives + counts.falsePositives, counts.truePositives + counts.falseNegatives
        )
        let pixels = Double(max(1, marked + counts.falseNegatives + counts.trueNegatives))
        return Image(
          dice: counts.dice, iou: counts.iou, marked: Double(marked) / pixels,
          reference: Double(lesion) / pixels, isMarked: marked > 0, hasLesion: lesion > 0)
      })
  }

  /// Summarises the scores of images; nil without any.
  package init?(of scores: [ImageScores]) {
    self.init(
      scores.map {
        Image(
          dice: $0.dice, iou: $0.iou, marked: $0.predictionShare, reference: $0.referenceShare,
          isMarked: !$0.predictionIsEmpty, hasLesion: !$0.referenceIsEmpty)
      })
  }

  /// The numbers of one image.
  private struct Image {
    let dice, iou, marked, reference: Double
    let isMarked, hasLesion: Bool
  }

  private init?(_ images: [Image]) {
    func mean(_ images: [Image], _ value: (Image) -> Double) -> Double? {
      images.isEmpty ? nil : images.reduce(0) { $0 + value($1) } / Double(images.count)
    }
    guard let dice = mean(images, \.dice), let iou = mean(images, \.iou) else { return nil }
    let withLesion = images.filter(\.hasLesion)
    count = images.count
    countWithLesion = withLesion.count
    self.dice = dice
    self.iou = iou
    diceWithLesion = mean(withLesion, \.dice)
    iouWithLesion = mean(withLesion, \.iou)
    markedDice = withLesion.isEmpty ? nil : mean(images.filter { $0.hasLesion || $0.isMarked }, \.dice)
    markedShare = mean(images, \.marked) ?? 0
    referenceShare = mean(images, \.reference) ?? 0
    unmarkedShare = mean(withLesion) { $0.isMarked ? 0 : 1 }
  }

  private enum CodingKeys: String, CodingKey {
    case dice, iou
    case count = "n"
    case countWithLesion = "n_with_lesion"
    case diceWithLesion = "dice_with_lesion"
    case iouWithLesion = "iou_with_lesion"
    case markedDice = "marked_dice"
    case markedShare = "marked_share"
    case referenceShare = "reference_share"
    case unmarkedShare = "unmarked_share"
  }
}
