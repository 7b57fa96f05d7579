import Statistics
import Storage
import Torch

extension StudyResults {
  /// The share of the cost of confounding that a method wins back, in Dice over the sites.
  ///
  /// The cost is the lead of an oracle, which is trained on the same scenes without the link between
  /// lesion and confounder, over its reference, which is trained with the link. The share is the
  /// method's lead over the reference, divided by the cost. It may lie below 0 or above 1. A method
  /// may also gain by robustness, so a share of 1 does not prove that it is deconfounded.
  package struct Recovery: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// The arm that is trained with the link.
    package let reference: String
    /// The same arm without the link.
    package let oracle: String
    /// The oracle's Dice minus the reference's, with its interval for these trained models.
    package let cost: Interval
    /// The share; nil if there is no cost.
    ///
    /// It has no interval if that of the cost is missing or holds zero: a quotient of two numbers says
    /// nothing where the divisor may be zero.
    @Nullable package private(set) var share: Interval?
    /// The share for each seed alone, in the order of the seeds; nil where a seed has no cost.
    package let bySeed: [Double?]

    enum CodingKeys: String, CodingKey {
      case method, reference, oracle, cost, share
      case bySeed = "by_seed"
    }
  }

  /// The recovered shares, one row per method and oracle; nil if no oracle was trained.
  package var recoveryTable: TextTable? {
    guard let recovered, !recovered.isEmpty else { return nil }
    let rows = recovered.map { row in
      [
        row.method, "\(row.oracle) − \(row.reference)", row.cost.signedText, row.share?.text ?? "–",
        zip(seeds, row.bySeed).map { seed, share in
          "\(seed): " + (share.map { NumberText.text($0, decimals: 2) } ?? "–")
        }.joined(separator: ", "),
      ]
    }
    return (["method", "cost of confounding", "Dice", "share recovered", "by seed"], rows)
  }
}

extension StudyScores {
  /// Computes the shares of the cost of confounding that methods win back.
  ///
  /// - Parameter table: the study, whose oracles are arms with the names of controls.
  /// - Returns: the rows, by oracle; empty without an oracle and its reference.
  /// - Throws: `TorchError` if the shapes do not fit.
  func recovered(_ table: StudyTable) throws -> [StudyResults.Recovery] {
    let (means, resampled) = try overall(.dice)
    let columns = try means.indices.map { try resampled.narrowed(dim: 1, start: $0, length: 1) }
    let bySeed = rows.filter { $0.site == nil }.map { $0[.dice]?.bySeed ?? [] }
    let shortage = table.shortage(table.sites.map(\.groups))
    let places = Dictionary(
      table.methods.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    return try Control.allCases.flatMap { control -> [StudyResults.Recovery] in
      guard let name = control.confounded, let oracle = places[control.rawValue], let reference = places[name]
      else { return [] }
      let cost = means[oracle] - means[reference]
      let costs = try columns[oracle] - columns[reference]
      guard let interval = try Bootstrap.intervals(of: costs, around: [cost], shortages: [shortage])[0] else {
        return []
      }
      let doubt =
        interval.reason
        ?? (interval.excludesZero ? nil : "the interval of the cost of confounding holds zero")
      return try table.methods.indices.compactMap { method in
        guard method != reference, Control(rawValue: table.methods[method])?.confounded == nil else {
          return nil
        }
        let share =
          cost > 0
          ? try Bootstrap.intervals(
            of: (columns[method] - columns[reference]) / costs,
            around: [(means[method] - means[reference]) / cost], shortages: [doubt])[0] : nil
        return StudyResults.Recovery(
          method: table.methods[method], reference: name, oracle: control.rawValue, cost: interval,
          share: share,
          bySeed: table.seeds.indices.map { seed in
            guard let own = bySeed[method][seed], let base = bySeed[reference][seed],
              let best = bySeed[oracle][seed], best > base
            else { return nil }
            return (own - base) / (best - base)
          })
      }
    }
  }
}
