import Metrics

/// The true mask of an item, as a decision states it.
package enum DecidedTruth: Sendable {
  /// The masks; all of background for a picture without a lesion.
  case masks([ReviewMask])
  /// No mask is known; why, a part of a sentence.
  case unknown(String)

  /// Finds what a decision states.
  ///
  /// - Parameters:
  ///   - decision: the decision, which fits the review.
  ///   - content: the review, whose item is read for the mask of the model.
  /// - Throws: `FileError` that names a file of the review.
  package init(_ decision: Decision, in content: ReviewContent) throws {
    switch decision.verdict {
    case .correct: self = .masks(decision.masks ?? [])
    case .noLesion: self = .masks([])
    case .accept:
      let item = try content.item(decision.item)
      self =
        item.modelHash == decision.modelHash.lowercased()
        ? .masks(item.masks)
        : .unknown("the mask that was accepted is not the one that the review shows now; decide it again")
    case .reject: self = .unknown("rejected, and nobody drew a better mask")
    case .notUsable: self = .unknown("not usable")
    case .undecided: self = .unknown("the decision was withdrawn")
    }
  }

  /// Whether any pixel is lesion; nil where no mask is known.
  ///
  /// - Throws: `RunLengthError` for masks that were not checked.
  var hasLesion: Bool? {
    get throws {
      guard case .masks(let masks) = self else { return nil }
      return try masks.contains { try $0.runs.area > 0 }
    }
  }
}

extension [ReviewMask] {
  /// Computes Dice with other masks of the same picture, of all layers together; two empty masks agree.
  ///
  /// - Throws: `RunLengthError`, or `MetricError` for masks of different sizes.
  func dice(with other: [ReviewMask]) throws -> Double {
    guard let one = try ReviewMask.union(self), let two = try ReviewMask.union(other) else {
      // No mask at all is an empty one.
      let isEmpty = try (self + other).allSatisfy { try $0.runs.area == 0 }
      return isEmpty ? 1 : 0
    }
    return try OverlapCounts(prediction: one, reference: two).dice
  }
}
