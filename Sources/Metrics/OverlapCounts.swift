/// How the pixels of a prediction agree with those of its reference: the 2×2 table behind the overlap metrics.
public struct OverlapCounts: Equatable, Sendable {
  /// Pixels set in both masks.
  public let truePositives: Int

  /// Pixels set in the prediction only.
  public let falsePositives: Int

  /// Pixels set in the reference only.
  public let falseNegatives: Int

  /// Pixels set in neither mask.
  public let trueNegatives: Int

  /// Counts a pair of masks in one pass.
  ///
  /// - Parameters:
  ///   - prediction: What the model drew.
  ///   - reference: What the expert drew.
  /// - Throws: ``MetricError/sizeMismatch(predictionWidth:predictionHeight:referenceWidth:referenceHeight:)``
  ///   when the masks differ in width or height.
  public init(prediction: BinaryMask, reference: BinaryMask) throws {
    try BinaryMask.requireSameSize(prediction: prediction, reference: reference)
    var both = 0
    var predicted = 0
    var referenced = 0
    prediction.pixels.withUnsafeBufferPointer { p in
      reference.pixels.withUnsafeBufferPointer { r in
        for index in p.indices {
          both += Int(p[index] & r[index])
          predicted += Int(p[index])
          referenced += Int(r[index])
        }
      }
    }
    truePositives = both
    falsePositives = predicted - both
    falseNegatives = referenced - both
    trueNegatives = prediction.pixels.count - predicted - referenced + both
  }

  /// Whether the prediction has no pixel set.
  public var predictionIsEmpty: Bool { truePositives + falsePositives == 0 }

  /// Whether the reference has no pixel set.
  public var referenceIsEmpty: Bool { truePositives + falseNegatives == 0 }

  /// Whether neither mask has a pixel set.
  var bothEmpty: Bool { truePositives + falsePositives + falseNegatives == 0 }
}
