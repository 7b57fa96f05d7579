import Torch

/// The agreement of two raters about yes and no, beyond what chance gives (Cohen, 1960).
public enum CohensKappa {
  /// Computes kappa: (o − c) / (1 − c).
  ///
  /// o is the share of cases on which both agree. c is the share that would agree if both said yes as often
  /// as they do, but independently of the case.
  ///
  /// - Parameters:
  ///   - both: cases with yes from both.
  ///   - first: cases with yes from the first rater alone.
  ///   - second: cases with yes from the second rater alone.
  ///   - neither: cases with no from both.
  /// - Returns: 1 for full agreement, 0 for that of chance; nil without a case, or if both always give the
  ///   same one answer, where chance alone agrees fully.
  public static func value(both: Double, first: Double, second: Double, neither: Double) -> Double? {
    let count = both + first + second + neither
    guard count > 0 else { return nil }
    let (one, other) = ((both + first) / count, (both + second) / count)
    let chance = one * other + (1 - one) * (1 - other)
    guard chance < 1 else { return nil }
    return ((both + neither) / count - chance) / (1 - chance)
  }

  /// Computes kappa and its percentile interval by resampling groups.
  ///
  /// - Parameters:
  ///   - groups: the cases of each group, such as a patient: the answers of both raters.
  ///   - resamples: the number of resamples.
  ///   - seed: the same seed gives the same interval.
  /// - Returns: nil where kappa is undefined. With fewer than `IndependentUnits.least` groups it has no
  ///   interval.
  /// - Throws: `TorchError` if the generator fails.
  public static func interval(
    _ groups: [[(first: Bool, second: Bool)]], resamples: Int = 2000, seed: UInt64 = 0
  ) throws -> Interval? {
    let groups = groups.filter { !$0.isEmpty }
    let counts = groups.map { cases -> [Double] in
      var table = [0.0, 0, 0, 0]
      for answer in cases { table[answer.first ? (answer.second ? 0 : 1) : (answer.second ? 2 : 3)] += 1 }
      return table
    }
    func kappa(_ table: [Double]) -> Double? {
      value(both: table[0], first: table[1], second: table[2], neither: table[3])
    }
    let whole = (0..<4).map { column in counts.reduce(0) { $0 + $1[column] } }
    guard let found = kappa(whole) else { return nil }
    let draws = try GroupResampling(
      groups: groups.count, resamples: resamples, generator: Generator(seed: seed, for: "kappa"))
    let tables = try draws.counts.matmul(Tensor(counts.flatMap { $0 }, shape: [groups.count, 4])).doubles()
    let values = (0..<resamples).map { kappa(Array(tables[4 * $0..<4 * $0 + 4])) ?? .nan }
    return try Bootstrap.intervals(
      of: Tensor(values, shape: [resamples, 1]), around: [found],
      shortages: [IndependentUnits.shortage(groups.count)])[0]
  }
}
