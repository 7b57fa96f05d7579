import Foundation
import Torch

/// Risk against coverage, added up over cases: the error of the cases that are kept, the surest
/// first.
///
/// Coverage k / n keeps the k cases of the lowest uncertainty. The selective risk is the mean risk
/// of those. The area under the curve (AURC) is the mean of the selective risk over k from 1 to n:
/// Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017, and
/// Geifman et al., "Bias-Reduced Uncertainty Estimation", ICLR 2019. Lower is better. The area
/// depends on the error, too, so it compares uncertainties of the same predictions.
///
/// Cases of equal uncertainty share the mean of their risks, so the order of the cases does not
/// matter.
package struct RiskCoverage: Sendable, Equatable {
  /// Cases of equal uncertainty.
  struct Block: Sendable, Equatable {
    /// The number of cases.
    var count = 0.0
    /// The sum of their risks.
    var risk = 0.0
  }

  /// The blocks from the surest to the least sure.
  let blocks: [Block]

  /// Sorts cases by their uncertainty.
  ///
  /// - Parameters:
  ///   - uncertainties: one number for each case, not NaN; lower is surer.
  ///   - risks: the risk of each case, in the same order; 0 for a correct one.
  package init(uncertainties: [Double], risks: [Double]) {
    let cases = zip(uncertainties, risks).sorted { $0.0 < $1.0 }
    var blocks: [Block] = []
    var last: Double?
    for (uncertainty, risk) in cases {
      if last != uncertainty { blocks.append(Block()) }
      last = uncertainty
      blocks[blocks.count - 1].count += 1
      blocks[blocks.count - 1].risk += risk
    }
    self.blocks = blocks
  }

  /// Takes counted cases, from the surest to the least sure.
  init(blocks: [Block]) { self.blocks = blocks.filter { $0.count > 0 } }

  /// The number of cases.
  package var count: Int { Int(blocks.reduce(0) { $0 + $1.count }) }

  /// The mean risk of all cases; nil without a case.
  package var risk: Double? {
    let count = blocks.reduce(0) { $0 + $1.count }
    return count > 0 ? blocks.reduce(0) { $0 + $1.risk } / count : nil
  }

  /// The area under the curve; nil without a case.
  package var area: Double? { Self.area(blocks) }

  /// The lowest possible area with these risks, if each is 0 or 1: the wrong cases come last.
  ///
  /// With other risks it is the area of two kinds of cases with the same mean risk.
  package var leastArea: Double? {
    let count = blocks.reduce(0) { $0 + $1.count }
    let wrong = blocks.reduce(0) { $0 + $1.risk }
    return Self.area([Block(count: count - wrong, risk: 0), Block(count: wrong, risk: wrong)])
  }

  /// The area above the lowest possible one (E-AURC), which compares different predictions.
  package var excessArea: Double? { area.flatMap { area in leastArea.map { max(0, area - $0) } } }

  /// Computes the mean risk of the surest cases.
  ///
  /// - Parameter coverage: the share of the cases that are kept, above 0 to 1.
  /// - Returns: the risk; nil without a case.
  package func selectiveRisk(coverage: Double) -> Double? {
    let total = blocks.reduce(0) { $0 + $1.count }
    let wanted = min(total, max(1, (coverage * total).rounded()))
    var (count, risk) = (0.0, 0.0)
    for block in blocks where count < wanted {
      let taken = min(block.count, wanted - count)
      count += taken
      risk += block.risk * taken / block.count
    }
    return count > 0 ? risk / count : nil
  }

  private static func area(_ blocks: [Block]) -> Double? {
    var (count, risk, sum) = (0.0, 0.0, 0.0)
    for block in blocks where block.count > 0 {
      // Σ over i of (R + i·m) / (n + i) with the mean m of the block.
      let mean = block.risk / block.count
      sum += mean * block.count + (risk - count * mean) * harmonic(from: count, to: count + block.count)
      count += block.count
      risk += block.risk
    }
    return count > 0 ? sum / count : nil
  }

  /// Returns 1 / (low + 1) + … + 1 / high.
  private static func harmonic(from low: Double, to high: Double) -> Double {
    guard high - low > 256 else {
      return stride(from: high, to: low, by: -1).reduce(0) { $0 + 1 / $1 }
    }
    // The small terms one by one, so that the expansion is exact for the rest.
    let start = max(low, 64)
    let first = stride(from: start, to: low, by: -1).reduce(0) { $0 + 1 / $1 }
    func rest(_ n: Double) -> Double { 1 / (2 * n) - 1 / (12 * n * n) + 1 / (120 * n * n * n * n) }
    return first + log(high / start) + rest(high) - rest(start)
  }
}

/// Cases counted by uncertainty, for more cases than memory holds, such as pixels.
///
/// An uncertainty from 0 to 1 belongs to one of 1024 bins of its fourth root. So small
/// uncertainties, which most pixels have, are told apart. Cases of a bin count as equal.
package struct RiskCounts: Codable, Sendable, Equatable {
  /// The number of bins.
  package static let bins = 1024

  /// The number of cases of each bin.
  package private(set) var counts: [Double]
  /// The sum of the risks of each bin.
  package private(set) var risks: [Double]

  /// Starts without cases.
  package init() {
    counts = [Double](repeating: 0, count: Self.bins)
    risks = counts
  }

  /// Takes counted cases.
  ///
  /// - Parameters:
  ///   - counts: the cases of each bin.
  ///   - risks: the sums of their risks.
  /// - Throws: `MetricError.mixedBins` for another number of bins.
  package init(counts: [Double], risks: [Double]) throws {
    for list in [counts, risks] where list.count != Self.bins {
      throw MetricError.mixedBins(list.count, Self.bins)
    }
    self.counts = counts
    self.risks = risks
  }

  /// Counts the pixels of a mask.
  ///
  /// - Parameters:
  ///   - uncertainty: from 0 to 1, any shape.
  ///   - wrong: whether the mask is wrong there, bool of the same shape.
  /// - Throws: `TorchError` if the shapes differ.
  package init(uncertainty: Tensor, wrong: Tensor) throws {
    guard uncertainty.shape == wrong.shape else {
      throw TorchError.value("uncertainty of \(uncertainty.shape) and errors of \(wrong.shape) differ")
    }
    let roots = try uncertainty.to(.float64).clamped(min: 0, max: 1).power(0.25) * Double(Self.bins)
    let places = try roots.floor().clamped(max: Double(Self.bins - 1)).to(.int64).reshaped([-1])
    func sums(_ values: Tensor) throws -> [Double] {
      try Tensor.zeros([Self.bins], dtype: .float64).scatteredSum(dim: 0, index: places, source: values)
        .doubles()
    }
    counts = try sums(.ones(places.shape, dtype: .float64))
    risks = try sums(wrong.to(.float64).reshaped([-1]))
  }

  /// Returns the bin of an uncertainty from 0 to 1.
  package static func bin(of uncertainty: Double) -> Int {
    let root = min(1, max(0, uncertainty)).squareRoot().squareRoot()
    return min(bins - 1, Int(root * Double(bins)))
  }

  /// Adds cases of one uncertainty.
  package mutating func add(_ uncertainty: Double, count: Double, risk: Double) {
    let bin = Self.bin(of: uncertainty)
    counts[bin] += count
    risks[bin] += risk
  }

  /// Adds the cases of others.
  package mutating func merge(_ other: RiskCounts) {
    for bin in counts.indices {
      counts[bin] += other.counts[bin]
      risks[bin] += other.risks[bin]
    }
  }

  /// Risk against coverage of the cases so far.
  package var curve: RiskCoverage {
    RiskCoverage(blocks: zip(counts, risks).map { RiskCoverage.Block(count: $0, risk: $1) })
  }
}
