/// How far the boundaries of a prediction and its reference lie from each other, in pixels between pixel centres.
///
/// From every boundary pixel of the one mask to the nearest boundary pixel of the other, both ways; see
/// ``BinaryMask/boundary``. HD95, average surface distance and surface Dice are all read from these distances.
public struct SurfaceDistances: Equatable, Sendable {
  /// Squared distances from each boundary pixel of the prediction to the reference's boundary.
  ///
  /// Empty when either mask is.
  public let squaredFromPrediction: [Int]

  /// Squared distances from each boundary pixel of the reference to the prediction's boundary.
  ///
  /// Empty when either mask is.
  public let squaredFromReference: [Int]

  /// Whether the prediction has no pixel set.
  public let predictionIsEmpty: Bool

  /// Whether the reference has no pixel set.
  public let referenceIsEmpty: Bool

  /// Measures a pair of masks, in time linear in the pixels of the rectangle around both.
  ///
  /// - Parameters:
  ///   - prediction: What the model drew.
  ///   - reference: What the expert drew.
  /// - Throws: ``MetricError/sizeMismatch(predictionWidth:predictionHeight:referenceWidth:referenceHeight:)``
  ///   when the masks differ in width or height.
  public init(prediction: BinaryMask, reference: BinaryMask) throws {
    try BinaryMask.requireSameSize(prediction: prediction, reference: reference)
    predictionIsEmpty = prediction.isEmpty
    referenceIsEmpty = reference.isEmpty
    guard !predictionIsEmpty, !referenceIsEmpty, let box = BoundingBox(around: prediction, reference) else {
      squaredFromPrediction = []
      squaredFromReference = []
      return
    }
    // Beyond the rectangle both masks are background, as beyond the image: cutting it out changes no boundary.
    let predicted = prediction.cropped(to: box).boundary
    let referenced = reference.cropped(to: box).boundary
    squaredFromPrediction = DistanceTransform.squaredDistances(from: predicted, to: referenced)
    squaredFromReference = DistanceTransform.squaredDistances(from: referenced, to: predicted)
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
