/// The 2×2 table of the pixels of a prediction and its reference, for the overlap metrics.
public struct OverlapCounts: Codable, Equatable, Sendable {
  /// The number of pixels in both masks.
  public let truePositives: Int

  /// The number of pixels in the prediction only.
  public let falsePositives: Int

  /// The number of pixels in the reference only.
  public let falseNegatives: Int

  /// The number of pixels in neither mask.
  public let trueNegatives: Int

  /// Counts a pair of masks in one pass.
  ///
  /// - Parameters:
  ///   - prediction: The predicted mask.
  ///   - reference: The reference mask of the expert.
  /// - Throws: ``MetricError`` (`sizeMismatch`) if the masks differ in width or height.
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

  /// Makes the table from its four numbers.
  package init(truePositives: Int, falsePositives: Int, falseNegatives: Int, trueNegatives: Int) {
    self.truePositives = truePositives
    self.falsePositives = falsePositives
    self.falseNegatives = falseNegatives
    self.trueNegatives = trueNegatives
  }

  /// Whether the prediction is empty.
  public var predictionIsEmpty: Bool { truePositives + falsePositives == 0 }

  /// Whether the reference is empty.
  public var referenceIsEmpty: Bool { truePositives + falseNegatives == 0 }

  /// Whether both masks are empty.
  var bothEmpty: Bool { truePositives + falsePositives + falseNegatives == 0 }
}
