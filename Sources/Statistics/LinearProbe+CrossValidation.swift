import Foundation
import Metrics
import Torch

extension LinearProbe {
  /// The scores of a probe for labels that exclude each other.
  public struct Choice: Sendable {
    /// The score over all classes.
    public let score: ProbeScore
    /// The AUC of each class against all others, by name.
    public let areas: [String: Double]
    /// The fits, one per part.
    let fits: [Fit]
  }

  /// Scores the prediction of classes, such as sites, by cross-validation.
  ///
  /// - Parameters:
  ///   - points: the features, n×d.
  ///   - labels: the class of each case.
  ///   - groups: the patient or sequence of each case; no group is on both sides of a split.
  ///   - similar: the result for the same cases with similar features; it speeds up the search.
  /// - Returns: nil if fewer than two classes have at least two groups. Cases of the other classes
  ///   do not count.
  /// - Throws: `TorchError` if the numbers of points, labels and groups differ.
  public func choice(
    _ points: Tensor, labels: [String], groups: [String], from similar: Choice? = nil
  ) throws -> Choice? {
    try requireCount(points, labels.count, groups.count)
    guard let (kept, names, codes, parts) = division(labels, groups: groups) else { return nil }
    let (logits, fits) = try outside(
      points.indexed(Tensor(kept)), targets: Tensor(codes).oneHot(names.count), .oneOf, parts, similar?.fits)
    let predicted = logits.map { row in row.indices.max { row[$0] < row[$1] } ?? 0 }
    var areas: [String: Double] = [:]
    for (code, name) in names.enumerated() {
      // log p − log(1 − p) keeps the order even if p rounds to 1.
      let odds = logits.map { row in
        row[code] - Self.logSum(row.indices.filter { $0 != code }.map { row[$0] })
      }
      areas[name] = Self.area(odds, codes.map { $0 == code }, within: parts.map(String.init))
    }
    let score = Self.score(
      codes, predicted, classes: names.count, areas: Array(areas.values),
      converged: fits.allSatisfy(\.converged))
    return Choice(score: score, areas: areas, fits: fits)
  }

  /// Divides cases into parts for cross-validation by class.
  ///
  /// - Parameters:
  ///   - labels: the class of each case.
  ///   - groups: the patient or sequence of each case; no group is in two parts.
  /// - Returns: the cases of classes with at least two groups, the names of these classes, and the
  ///   class and the part of each such case; nil if fewer than two classes have two groups.
  func division(
    _ labels: [String], groups: [String]
  ) -> (kept: [Int], names: [String], codes: [Int], parts: [Int])? {
    let kept = Self.divisible(labels, groups: groups)
    let (labels, groups) = (kept.map { labels[$0] }, kept.map { groups[$0] })
    let names = Set(labels).sorted()
    guard names.count > 1 else { return nil }
    let codes = labels.map { names.firstIndex(of: $0) ?? 0 }
    return (kept, names, codes, Self.parts(groups, strata: labels, count: folds))
  }

  /// Scores the prediction of yes-or-no labels, such as confounders, by cross-validation.
  ///
  /// - Parameters:
  ///   - points: the features, n×d.
  ///   - columns: K labels of n cases each.
  ///   - groups: the patient or sequence of each case; no group is on both sides of a split.
  ///   - strata: for example the site of each case. The AUC compares only cases of one stratum.
  ///     Where a label is more frequent in one stratum, a probe could recognise the stratum instead
  ///     of the label.
  ///   - least: the minimum number of cases with the label, and of cases without it.
  /// - Returns: K scores, nil if there are too few cases.
  /// - Throws: `TorchError` if the numbers of cases differ.
  public func presence(
    _ points: Tensor, columns: [[Bool]], groups: [String], strata: [String], least: Int = 10
  ) throws -> [ProbeScore?] {
    try requireCount(points, groups.count, strata.count)
    for column in columns { try requireCount(points, column.count, groups.count) }
    let usable = columns.indices.filter { index in
      let present = columns[index].count { $0 }
      return min(present, columns[index].count - present) >= least
    }
    var scores = [ProbeScore?](repeating: nil, count: columns.count)
    guard !usable.isEmpty, Set(groups).count > 1 else { return scores }
    let targets = try Tensor(
      usable.flatMap { columns[$0].map { $0 ? 1.0 : 0 } }, shape: [usable.count, groups.count])
    let parts = Self.parts(groups, strata: strata, count: folds)
    let (logits, fits) = try outside(points, targets: targets.transposed().contiguous(), .each, parts)
    let within = zip(parts, strata).map { "\($0) \($1)" }
    for (place, index) in usable.enumerated() {
      let (values, column) = (logits.map { $0[place] }, columns[index])
      let area = Self.area(values, column, within: within)
      scores[index] = Self.score(
        column.map { $0 ? 1 : 0 }, values.map { $0 > 0 ? 1 : 0 }, classes: 2,
        areas: area.map { [$0] } ?? [], present: column.count { $0 },
        converged: fits.allSatisfy(\.converged))
    }
    return scores
  }

  private func requireCount(_ points: Tensor, _ counts: Int...) throws {
    let count = try points.sizes(rank: 2, "the features of a probe")[0]
    guard counts.allSatisfy({ $0 == count }) else {
      throw TorchError.value("a probe of \(count) cases needs as many labels and groups, not \(counts)")
    }
  }

  /// Returns the logits of each case by the fit that did not see its part, and the fits.
  private func outside(
    _ points: Tensor, targets: Tensor, _ link: Link, _ parts: [Int], _ similar: [Fit]? = nil
  ) throws -> (logits: [[Double]], fits: [Fit]) {
    var logits = [[Double]](repeating: [], count: parts.count)
    let fits = try Set(parts).sorted().enumerated().map { place, part in
      let inside = try Tensor(parts.indices.filter { parts[$0] != part })
      let outside = parts.indices.filter { parts[$0] == part }
      let fit = try fit(
        points.indexed(inside), targets: targets.indexed(inside), link: link, from: similar?[place])
      let found = try fit.logits(points.indexed(Tensor(outside)))
      let (values, width) = (try found.doubles(), try found.size(1))
      for (row, index) in outside.enumerated() {
        logits[index] = Array(values[row * width..<(row + 1) * width])
      }
      return fit
    }
    return (logits, fits)
  }

  /// Returns the cases of classes that have at least two groups.
  ///
  /// With one group, the class is missing either in the fit or in the test.
  package static func divisible(_ labels: [String], groups: [String]) -> [Int] {
    var found: [String: Set<String>] = [:]
    for (label, group) in zip(labels, groups) { found[label, default: []].insert(group) }
    return labels.indices.filter { (found[labels[$0]]?.count ?? 0) > 1 }
  }

  /// Returns the part of each case.
  ///
  /// Groups stay whole. Each stratum is spread over the parts as evenly as its groups allow.
  package static func parts(_ groups: [String], strata: [String], count: Int) -> [Int] {
    var members: [String: [Int]] = [:]
    for index in groups.indices { members[groups[index], default: []].append(index) }
    // Large groups come first; small groups then even out the sizes.
    let order = members.keys.sorted {
      (-(members[$0]?.count ?? 0), $0) < (-(members[$1]?.count ?? 0), $1)
    }
    let number = max(2, min(count, order.count))
    var totals = [Int](repeating: 0, count: number)
    var byStratum: [String: [Int]] = [:]
    var parts = [Int](repeating: 0, count: groups.count)
    for group in order {
      guard let cases = members[group], let first = cases.first else { continue }
      let taken = byStratum[strata[first]] ?? totals.map { _ in 0 }
      let part = totals.indices.min { (taken[$0], totals[$0], $0) < (taken[$1], totals[$1], $1) } ?? 0
      for index in cases {
        parts[index] = part
        totals[part] += 1
        byStratum[strata[index], default: totals.map { _ in 0 }][part] += 1
      }
    }
    return parts
  }

  /// Computes the AUC over pairs of cases that share a block; nil if no block has both kinds.
  package static func area(
    _ scores: [Double], _ positive: [Bool], within blocks: [String]
  ) -> Double? {
    var (sum, pairs) = (0.0, 0.0)
    for block in Dictionary(grouping: scores.indices, by: { blocks[$0] }).sorted(by: { $0.key < $1.key }) {
      let truth = block.value.map { positive[$0] }
      guard let area = AreaUnderCurve.of(block.value.map { scores[$0] }, positive: truth) else { continue }
      let positives = truth.count { $0 }
      let weight = Double(positives * (truth.count - positives))
      (sum, pairs) = (sum + area * weight, pairs + weight)
    }
    return pairs > 0 ? sum / pairs : nil
  }

  private static func score(
    _ truth: [Int], _ predicted: [Int], classes: Int, areas: [Double], present: Int? = nil, converged: Bool
  ) -> ProbeScore {
    let shares = (0..<classes).map { code -> (hits: Int, count: Int) in
      let own = truth.indices.filter { truth[$0] == code }
      return (own.count { predicted[$0] == code }, own.count)
    }
    let count = Double(truth.count)
    return ProbeScore(
      count: truth.count, present: present, classes: classes,
      accuracy: Double(shares.reduce(0) { $0 + $1.hits }) / count,
      balancedAccuracy: shares.reduce(0) { $0 + Double($1.hits) / Double($1.count) } / Double(classes),
      area: areas.isEmpty ? nil : areas.sorted().reduce(0, +) / Double(areas.count),
      chance: Double(shares.map(\.count).max() ?? 0) / count, converged: converged)
  }

  private static func logSum(_ values: [Double]) -> Double {
    let largest = values.max() ?? 0
    return largest + log(values.reduce(0) { $0 + exp($1 - largest) })
  }
}
