import Statistics
import Storage

/// The agreement of reviewers who decided the same items.
package struct ReviewAgreement: Encodable, Equatable, Sendable {
  /// Two reviewers.
  package struct Pair: Encodable, Equatable, Sendable {
    /// Their names.
    package let reviewers: [String]
    /// The items for which both state the true mask.
    package let items: Int
    /// The patients, sequences or single images of these items.
    package let groups: Int
    /// The items with a lesion by both, by the first alone, by the second alone, and by neither.
    package let presence: Presence
    /// Cohen's kappa for the presence of a lesion; nil where it is undefined.
    @Nullable package var kappa: Interval?
    /// The mean Dice of their masks, over the items where at least one sees a lesion; nil without one.
    @Nullable package var dice: Interval?
    /// The items that exactly one of them calls not usable.
    package let usable: Int

    enum CodingKeys: String, CodingKey {
      case reviewers, items, groups, presence, kappa, dice
      case usable = "usable_to_one"
    }
  }

  /// The answers of two reviewers about the presence of a lesion.
  package struct Presence: Encodable, Equatable, Sendable {
    package var both = 0
    package var first = 0
    package var second = 0
    package var neither = 0
  }

  /// The number of decisions by reviewer.
  package let decisions: [String: Int]
  /// Each two reviewers with an item in common.
  package let pairs: [Pair]

  /// Compares all reviewers of a review.
  ///
  /// - Parameters:
  ///   - content: the review.
  ///   - found: its decisions.
  ///   - seed: of the intervals.
  /// - Throws: `FileError` that names a file of the review, or `TorchError`.
  package init(_ content: ReviewContent, _ found: [DecisionFiles.Found], seed: UInt64 = 0) throws {
    let decided = found.map(\.decision).filter { $0.verdict != .undecided }
    decisions = Dictionary(decided.map { ($0.reviewer, 1) }, uniquingKeysWith: +)
    let byReviewer = Dictionary(grouping: decided, by: \.reviewer).mapValues { own in
      Dictionary(own.map { ($0.item, $0) }) { first, _ in first }
    }
    let names = decisions.keys.sorted()
    var pairs: [Pair] = []
    for (place, first) in names.enumerated() {
      for second in names.dropFirst(place + 1) {
        guard let one = byReviewer[first], let other = byReviewer[second] else { continue }
        let common = content.rows.compactMap { row in
          one[row.id].flatMap { a in other[row.id].map { (row: row, first: a, second: $0) } }
        }
        if !common.isEmpty { pairs.append(try Self.pair([first, second], common, content, seed)) }
      }
    }
    self.pairs = pairs
  }

  private static func pair(
    _ names: [String], _ common: [(row: ReviewQueue.Row, first: Decision, second: Decision)],
    _ content: ReviewContent, _ seed: UInt64
  ) throws -> Pair {
    var (presence, usable) = (Presence(), 0)
    var answers: [String: [(first: Bool, second: Bool)]] = [:]
    var scores: [String: [Double]] = [:]
    for (row, first, second) in common {
      if (first.verdict == .notUsable) != (second.verdict == .notUsable) { usable += 1 }
      guard case .masks(let one) = try DecidedTruth(first, in: content),
        case .masks(let two) = try DecidedTruth(second, in: content)
      else { continue }
      let answer = (
        first: try one.contains { try $0.runs.area > 0 }, second: try two.contains { try $0.runs.area > 0 }
      )
      switch answer {
      case (true, true): presence.both += 1
      case (true, false): presence.first += 1
      case (false, true): presence.second += 1
      case (false, false): presence.neither += 1
      }
      let group = row.patient
      answers[group, default: []].append(answer)
      if answer.first || answer.second { scores[group, default: []].append(try one.dice(with: two)) }
    }
    let order = answers.keys.sorted()
    return Pair(
      reviewers: names, items: answers.values.reduce(0) { $0 + $1.count }, groups: answers.count,
      presence: presence, kappa: try CohensKappa.interval(order.compactMap { answers[$0] }, seed: seed),
      dice: try Bootstrap.mean(ofStrata: [order.compactMap { scores[$0] }], seed: seed), usable: usable)
  }
}

extension ReviewQueue.Row {
  /// The patient, sequence or video; the item itself where none is known.
  var patient: String { group.map { "group \($0)" } ?? video.map { "video \($0)" } ?? "item \(id)" }
}
