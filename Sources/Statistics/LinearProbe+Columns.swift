import Torch

extension LinearProbe {
  /// Scores how well each feature alone tells each class from all others, by cross-validation.
  ///
  /// A probe of one feature and two labels is the feature itself or its negative. The sign is that of
  /// the shift of the class in the other parts, so a feature without a relation gets about 0.5. The
  /// parts are those of `choice`, and the AUC compares only cases of one part.
  ///
  /// - Parameters:
  ///   - points: the features, n×M.
  ///   - labels: the class of each case.
  ///   - groups: the patient or sequence of each case; no group is on both sides of a split.
  /// - Returns: the M AUCs of each class, by its name; nil if fewer than two classes have at least two
  ///   groups. Cases of the other classes do not count.
  /// - Throws: `TorchError` if the numbers of points, labels and groups differ, or a feature is not
  ///   finite.
  package func columns(
    _ points: Tensor, labels: [String], groups: [String]
  ) throws -> [String: [Double]]? {
    let sizes = try points.sizes(rank: 2, "the features of a probe")
    guard sizes[0] == labels.count, sizes[0] == groups.count, try points.isFinite() else {
      throw TorchError.value(
        "a probe of \(sizes[0]) cases needs finite features, and as many labels and groups")
    }
    guard let (kept, names, codes, parts) = division(labels, groups: groups) else { return nil }
    let points = try points.to(.float64).indexed(Tensor(kept))
    let (values, width) = (try points.doubles(), sizes[1])
    let targets = try Tensor(codes).oneHot(names.count).to(.float64)
    // For each part: the sign of the shift of each class in each feature, K×M.
    let signs = try Set(parts).reduce(into: [Int: [Double]]()) { found, part in
      let inside = try Tensor(parts.indices.filter { parts[$0] != part })
      found[part] = try Self.shifts(points.indexed(inside), targets.indexed(inside)).doubles()
    }
    let blocks = parts.map(String.init)
    return Dictionary(
      uniqueKeysWithValues: names.enumerated().map { code, name in
        let positive = codes.map { $0 == code }
        let areas = (0..<width).map { column in
          let scores = parts.indices.map { row -> Double in
            let shift = signs[parts[row]]?[code * width + column] ?? 0
            return shift == 0 ? 0 : values[row * width + column] * (shift > 0 ? 1 : -1)
          }
          return Self.area(scores, positive, within: blocks) ?? 0.5
        }
        return (name, areas)
      })
  }

  /// Computes the mean of each class minus the mean of the others, K×M; 0 for a class without cases.
  private static func shifts(_ points: Tensor, _ targets: Tensor) throws -> Tensor {
    let (ours, count) = (try targets.sum([0]).expandedDimension(1), Double(try points.size(0)))
    let others = try count - ours
    let sums = try targets.transposed().matmul(points)
    let rest = try points.sum([0], keepDimensions: true) - sums
    let isKnown = try ours.greater(than: 0).and(others.greater(than: 0))
    let shift = try sums / ours.clamped(min: 1) - rest / others.clamped(min: 1)
    return try isKnown.choose(shift, else: shift.zerosLike())
  }
}
