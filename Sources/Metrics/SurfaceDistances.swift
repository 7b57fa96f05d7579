/// How far the boundaries of a prediction and its reference lie from each other, between pixel centres.
///
/// In millimetres where the spacing of the pixels is known, which may differ across and down; else in pixels.
/// From every boundary pixel of the one mask to the nearest boundary pixel of the other, both ways; see
/// ``BinaryMask/boundary``. HD95, average surface distance and surface Dice are all read from these
/// distances.
public struct SurfaceDistances: Equatable, Sendable {
  /// Squared distances from each boundary pixel of the prediction to the reference's boundary.
  ///
  /// Empty when either mask is.
  public let squaredFromPrediction: [Double]

  /// Squared distances from each boundary pixel of the reference to the prediction's boundary.
  ///
  /// Empty when either mask is.
  public let squaredFromReference: [Double]

  /// Millimetres per pixel; `nil` when distances are in pixels.
  public let spacing: PixelSpacing?

  /// The length of the image's diagonal, in the unit of the distances.
  public let diagonal: Double

  /// Whether the prediction has no pixel set.
  public let predictionIsEmpty: Bool

  /// Whether the reference has no pixel set.
  public let referenceIsEmpty: Bool

  /// Measures a pair of masks, in time linear in the pixels of the rectangle around both.
  ///
  /// - Parameters:
  ///   - prediction: What the model drew.
  ///   - reference: What the expert drew.
  ///   - spacing: Millimetres per pixel; `nil` measures in pixels.
  /// - Throws: ``MetricError/sizeMismatch(predictionWidth:predictionHeight:referenceWidth:referenceHeight:)``
  ///   when the masks differ in width or height.
  public init(prediction: BinaryMask, reference: BinaryMask, spacing: PixelSpacing? = nil) throws {
    try BinaryMask.requireSameSize(prediction: prediction, reference: reference)
    self.spacing = spacing
    diagonal = PixelSpacing.diagonal(width: reference.width, height: reference.height, spacing)
    predictionIsEmpty = prediction.isEmpty
    referenceIsEmpty = reference.isEmpty
    guard !predictionIsEmpty, !referenceIsEmpty, let box = BoundingBox(around: prediction, reference) else {
      squaredFromPrediction = []
      squaredFromReference = []
      return
    }
    // Beyond the rectangle both masks are background, as beyond the image: cutting it out changes no
    // boundary.
    let predicted = prediction.cropped(to: box).boundary
    let referenced = reference.cropped(to: box).boundary
    squaredFromPrediction = DistanceTransform.squaredDistances(
      from: predicted, to: referenced, spacing: spacing)
    squaredFromReference = DistanceTransform.squaredDistances(
      from: referenced, to: predicted, spacing: spacing)
  }

  /// The answer that the empty-mask policy gives before any distance is looked at.
  enum EmptyCase {
    case neither, one, both
  }

  /// Which of the masks are empty.
  var emptyCase: EmptyCase {
    switch (predictionIsEmpty, referenceIsEmpty) {
    case (true, true): return .both
    case (false, false): return .neither
    default: return .one
    }
  }
}
