/// The epochs whose weights SWAD averages, found from their validation scores.
///
/// Source: SWAD (Cha et al., NeurIPS 2021), algorithm 1, with the loss 1 − score and one evaluation an
/// epoch. The valley begins with the first epoch whose loss is the least of the `patience` epochs from
/// it on; an epoch without a score, or with the score 0, does not begin it. It ends before `patience` epochs in a row with losses above the tolerance: 1 + `tolerance`
/// times the mean loss of those first epochs. (The paper evaluates more often and waits for twice as
/// many evaluations at the end.)
struct ScoreValley: Codable, Equatable {
  /// The epochs that must pass without improvement.
  static let patience = 3
  /// The allowed rise of the loss, as a fraction.
  static let tolerance = 0.3

  /// The losses of the last epochs, at most `patience`.
  private var losses: [Double] = []
  /// The highest loss inside the valley; nil before it.
  private var limit: Double?
  private(set) var hasEnded = false

  /// The decision about the weights of an epoch.
  enum Step: Equatable {
    /// The valley has not begun; it can begin with one of the last `patience` − 1 epochs or later.
    case before
    /// The epoch is in the valley, with the `patience` − 1 epochs before it if it has just begun.
    case inside
    /// The valley has ended: the last `patience` epochs are not in it.
    case ended
  }

  /// Adds an epoch.
  ///
  /// - Parameter score: its validation score, from 0 to 1; nil if it is undefined.
  /// - Returns: the decision.
  mutating func add(score: Double?) -> Step {
    guard !hasEnded else { return .ended }
    losses = (losses + [1 - (score ?? 0)]).suffix(Self.patience)
    if let limit {
      hasEnded = losses.count == Self.patience && losses.allSatisfy { $0 > limit }
      return hasEnded ? .ended : .inside
    }
    guard losses.count == Self.patience, losses[0] < 1, losses.allSatisfy({ losses[0] <= $0 }) else {
      return .before
    }
    limit = (1 + Self.tolerance) * losses.reduce(0, +) / Double(losses.count)
    return .inside
  }
}
