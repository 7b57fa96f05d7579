import Foundation
import Storage

/// A decision of a reviewer about an item: `decisions/REVIEWER/ID.json`.
package struct Decision: Codable, Equatable, Sendable {
  /// What a reviewer says of an item.
  package enum Verdict: String, Codable, Sendable {
    /// The mask of the model is right.
    case accept
    /// The reviewer drew the mask.
    case correct
    /// The picture shows no lesion.
    case noLesion = "no-lesion"
    /// The mask is wrong, and nobody drew a better one.
    case reject
    /// The picture is not fit to learn from.
    case notUsable = "not-usable"
    /// The reviewer withdrew the decision.
    case undecided
  }

  /// The most characters of a comment.
  static let mostComment = 4000

  package var format: Int
  /// The ID of the review.
  package var review: String
  /// The ID of the item.
  package var item: String
  package var reviewer: String
  /// When it was made, in UTC.
  package var time: String
  package var verdict: Verdict
  @Nullable package var lesionClass: String?
  package var comment: String
  /// The corrected masks.
  @Nullable package var masks: [ReviewMask]?
  /// The hash of the model's masks when it was decided.
  package var modelHash: String
  /// How long the item was in view.
  package var seconds: Double
  package var revision: Int?

  enum CodingKeys: String, CodingKey {
    case format, review, item, reviewer, time, verdict, comment, masks, seconds, revision
    case lesionClass = "class"
    case modelHash = "model_hash"
  }

  /// The time; nil for a text that is none.
  package var date: Date? {
    (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(time))
      ?? (try? Date.ISO8601FormatStyle().parse(time))
  }

  /// Finds what is wrong with a decision.
  ///
  /// - Parameter content: the review.
  /// - Returns: one sentence; nil if it fits the review.
  package func fault(in content: ReviewContent) -> String? {
    guard format == ReviewDocument.currentFormat else {
      return "the decision has format \(format), and this version reads \(ReviewDocument.currentFormat)"
    }
    guard review == content.document.id else {
      return "the decision is of another review; open the page of this one"
    }
    guard let row = content.row(item) else { return "the review has no item \(NativePath.shown(item))" }
    guard ReviewerName.isValid(reviewer) else { return ReviewerName.rule }
    guard date != nil, time.utf8.count <= 40 else { return "the time of the decision is none" }
    guard comment.count <= Self.mostComment else {
      return "the comment has more than \(Self.mostComment) characters; shorten it"
    }
    guard seconds.isFinite, seconds >= 0 else { return "the seconds of the decision are no time" }
    guard modelHash.utf8.count == 64, modelHash.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit })
    else { return "the model_hash of the decision is no SHA-256" }
    if let lesionClass, !content.document.classes.contains(lesionClass) {
      return "the class \(NativePath.shown(lesionClass)) is none of the review"
    }
    return maskFault(row, layers: content.document.layers)
  }

  private func maskFault(_ row: ReviewQueue.Row, layers: [String]) -> String? {
    guard let masks else { return verdict == .correct ? "a correction needs its masks" : nil }
    guard verdict == .correct else { return "only a correction has masks" }
    guard Set(masks.map(\.layer)).count == masks.count, masks.allSatisfy({ layers.contains($0.layer) }) else {
      return "each mask needs another layer of the review"
    }
    for mask in masks {
      guard mask.size == [row.height, row.width] else {
        return "a mask is not of the picture's size, \(row.width)×\(row.height)"
      }
      do { _ = try mask.runs } catch { return "a mask cannot be read: \(error)" }
    }
    return nil
  }
}
