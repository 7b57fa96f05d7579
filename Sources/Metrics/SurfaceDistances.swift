/// The distances between the boundaries of a prediction and its reference, between pixel centres.
///
/// They are in millimetres if the spacing of the pixels is known, which may differ in the two
/// directions; otherwise in pixels. They go from every boundary pixel of each mask to the nearest
/// boundary pixel of the other; see ``BinaryMask/boundary``. HD95, average surface distance and
/// surface Dice all use these distances.
public struct SurfaceDistances: Equatable, Sendable {
  /// Squared distances from each boundary pixel of the prediction to the boundary of the reference.
  ///
  /// They are empty if either mask is empty.
  public let squaredFromPrediction: [Double]

  /// Squared distances from each boundary pixel of the reference to the boundary of the prediction.
  ///
  /// They are empty if either mask is empty.
  public let squaredFromReference: [Double]

  /// Millimetres per pixel; `nil` if distances are in pixels.
  public let spacing: PixelSpacing?

  /// The length of the image diagonal, in the unit of the distances.
  public let diagonal: Double

  /// Whether the prediction is empty.
  public let predictionIsEmpty: Bool

  /// Whether the reference is empty.
  public let referenceIsEmpty: Bool

  /// Measures a pair of masks, in time linear in the pixels of the rectangle around both.
  ///
  /// - Parameters:
  ///   - prediction: The predicted mask.
  ///   - reference: The reference mask of the expert.
  ///   - spacing: Millimetres per pixel; `nil` measures in pixels.
  /// - Throws: ``MetricError`` (`sizeMismatch`) if the masks differ in width or height.
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
    // Beyond the rectangle both masks are background, as they are beyond the image. So the crop
    // changes no boundary.
    let predicted = prediction.cropped(to: box).boundary
    let referenced = reference.cropped(to: box).boundary
    squaredFromPrediction = DistanceTransform.squaredDistances(
      from: predicted, to: referenced, spacing: spacing)
    squaredFromReference = DistanceTransform.squaredDistances(
      from: referenced, to: predicted, spacing: spacing)
  }

  /// The case of the rule for empty masks, decided before any distance is computed.
  enum EmptyCase {
    case neither, one, both
  }

  /// The case of this pair of masks.
  var emptyCase: EmptyCase {
    switch (predictionIsEmpty, referenceIsEmpty) {
    case (true, true): return .both
    case (false, false): return .neither
    default: return .one
    }
  }
}
