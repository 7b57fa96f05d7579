import Statistics
import Torch

/// The directions in which sites differ and that no entry of a dictionary measures.
///
/// The features of the images are scaled by their deviation within sites. A linear regression on the
/// measures of all entries takes away what these explain, also between sites. The rest is whitened by
/// the shrunk covariance within sites, and the means of the sites are decomposed into orthogonal
/// directions: a linear discriminant analysis of what is left (Fisher, Annals of Eugenics 7, 1936; Rao,
/// Journal of the Royal Statistical Society B 10, 1948). All parts are ours beside that.
///
/// Scores and the explained share are cross-validated. Regression, whitening and direction of an image
/// come from other patients. Three parts come from all images: the deviations within sites, the
/// principal components and the contrast between sites, which is S numbers a direction.
package struct UncoveredDirections: Sendable {
  /// One direction.
  package struct Direction: Sendable {
    /// The share of the variance between sites that the entries leave.
    package let share: Double
    /// The score of each image, in deviations within sites; 0 is the middle of the sites.
    package let scores: [Double]
    /// The score of each image before the part of the entries is taken away, in any unit.
    package let wholeScores: [Double]
    /// The mean score by site.
    package let means: [String: Double]
    /// The AUC of each site against the others, by site; none for a site of one patient or sequence.
    ///
    /// A site on the low side has the AUC of the negative score. A direction that is chance has 0.5.
    package let areas: [String: Double]
  }

  /// The directions, the one with most variance between sites first.
  package let directions: [Direction]
  /// The share of the variance between sites that the entries explain; nil if the sites do not differ
  /// by more than chance, or fewer than two have two patients each.
  ///
  /// Slopes come from other patients than the images that they explain, and the variance that the
  /// choice of patients gives is taken away. So entries of noise have a share near 0.
  package let covered: Double?
  /// The shrinkage of the covariance within sites.
  package let shrinkage: Double

  /// The maximum number of principal components of the features, which bounds the work.
  package static let mostComponents = 512

  /// Finds directions.
  ///
  /// - Parameters:
  ///   - features: what may differ between sites, n×p.
  ///   - measures: the measure of each entry, n×M.
  ///   - sites: the site of each image.
  ///   - groups: the patient or sequence of each image.
  ///   - count: the number of directions; S sites have at most S − 1.
  ///   - folds: the number of parts of the cross-validation.
  /// - Throws: `SuggestionError` if the images cannot be divided or are all alike, `TorchError` if the
  ///   shapes do not match or a value is not finite.
  package init(
    _ features: Tensor, measures: Tensor, sites: [String], groups: [String], count: Int = 3, folds: Int = 5
  ) throws {
    let names = Set(sites).sorted()
    let (size, width) = (try features.sizes(rank: 2, "features")[0], try measures.size(-1))
    guard size == sites.count, size == groups.count, width > 0,
      try measures.sizes(rank: 2, "measures")[0] == size, try features.isFinite(), try measures.isFinite()
    else {
      throw TorchError.value("\(size) images need finite features and measures, and as many sites and groups")
    }
    guard names.count > 1 else { throw SuggestionError.tooFewSites(names) }
    guard Set(groups).count > 1 else { throw SuggestionError.oneGroup(groups.first ?? "") }
    let codes = sites.map { names.firstIndex(of: $0) ?? 0 }
    let targets = try Tensor(codes).oneHot(names.count).to(.float64)
    let cases = SiteCases(
      points: try Self.components(features.to(.float64), targets), measures: try measures.to(.float64),
      targets: targets)
    let all = try SiteShifts(cases)
    shrinkage = all.shrinkage
    let parts = LinearProbe.parts(groups, strata: sites, count: folds)
    let (vectors, strengths) = try all.rest.singularVectors()
    let squares = try strengths.power(2).doubles()
    let (whole, left) = (try all.whole.power(2).sum().item(), squares.reduce(0, +))
    let number = squares.prefix(min(count, names.count - 1)).count { $0 > 1e-9 * whole }
    let contrasts = try Self.oriented(vectors.narrowed(dim: 1, start: 0, length: max(1, number)))
    let outside = try Self.outside(cases, contrasts, parts)
    let between = try SiteVariance(outside.whole, sites: sites, groups: groups)
    let open = try SiteVariance(outside.rest, sites: sites, groups: groups)
    if let between, let open, between.isReal {
      covered = max(0, 1 - open.net / between.net)
    } else {
      covered = nil
    }
    guard number > 0 else {
      directions = []
      return
    }
    let signs = try contrasts.transposed().contiguous().doubles()
    let divisible = Set(LinearProbe.divisible(sites, groups: groups).map { sites[$0] })
    let blocks = parts.map(String.init)
    let (rest, plain) = try (Self.columns(outside.scores), Self.columns(outside.wholeScores))
    directions = (0..<number).map { index in
      let (scores, means) = Self.scaled(rest[index], codes, names.count)
      var areas: [String: Double] = [:]
      for (code, name) in names.enumerated() where divisible.contains(name) {
        let sign = signs[index * names.count + code] < 0 ? -1.0 : 1
        areas[name] = LinearProbe.area(scores.map { sign * $0 }, codes.map { $0 == code }, within: blocks)
      }
      return Direction(
        share: squares[index] / max(left, .leastNormalMagnitude), scores: scores,
        wholeScores: plain[index], means: Dictionary(uniqueKeysWithValues: zip(names, means)),
        areas: areas)
    }
  }

  /// Computes the correlation of scores with each column over images, n×P → P; 0 for a constant column.
  ///
  /// - Parameters:
  ///   - scores: one score an image.
  ///   - columns: n×P.
  ///   - sites: the site of each image, to take the means of sites away from both; nil to keep them.
  /// - Returns: P correlations.
  /// - Throws: `TorchError` if the numbers differ.
  package static func correlations(
    _ scores: [Double], _ columns: Tensor, within sites: [String]? = nil
  ) throws -> [Double] {
    let names = Set(sites ?? []).sorted()
    let codes = sites.map { $0.map { names.firstIndex(of: $0) ?? 0 } } ?? scores.map { _ in 0 }
    let targets = try Tensor(codes).oneHot(max(1, names.count)).to(.float64)
    let x = try SiteCases.within(Tensor(scores).expandedDimension(1), targets)
    let y = try SiteCases.within(columns.to(.float64), targets)
    let sizes = try x.power(2).sum() * y.power(2).sum([0])
    return try (x.transposed().matmul(y).squeezed(0) / sizes.squareRoot().clamped(min: 1e-12)).doubles()
  }

  /// Computes the leading principal components of features that are scaled by their deviation within
  /// sites, n×k.
  private static func components(_ features: Tensor, _ targets: Tensor) throws -> Tensor {
    let spread = try SiteCases.within(features, targets)
      .variance([0], correction: 0, keepDimensions: true).squareRoot()
    let scale = try spread.greater(than: 1e-6).choose(spread, else: spread.onesLike())
    let x = try (features - features.mean([0], keepDimensions: true)) / scale
    // The smaller of the two matrices of products has the same components.
    let isWide = try x.size(0) < x.size(1)
    let (values, vectors) = try (isWide ? x.matmul(x.transposed()) : x.transposed().matmul(x)).eigenvectors()
    let found = try values.doubles()
    let kept = min(mostComponents, found.count { $0 > 1e-9 * (found.last ?? 0) && $0 > 1e-9 })
    guard kept > 0 else { throw SuggestionError.alike }
    let leading = try vectors.narrowed(dim: 1, start: found.count - kept, length: kept)
    guard isWide else { return try x.matmul(leading) }
    return try leading * values.narrowed(dim: 0, start: found.count - kept, length: kept).squareRoot()
  }

  /// Returns contrasts S×K with signs by which the site that stands out most is on the high side.
  private static func oriented(_ contrasts: Tensor) throws -> Tensor {
    let top = try contrasts.magnitude().argmax(dim: 0).expandedDimension(0)
    let sign = try contrasts.gathered(dim: 0, index: top)
    return try sign.less(than: 0).choose(-contrasts, else: contrasts)
  }

  /// The images by the fit that did not see their part.
  private struct Outside {
    /// The whitened rest that the entries leave, n×k.
    let rest: Tensor
    /// The whitened features, n×k.
    let whole: Tensor
    /// The scores of the rest along the directions, n×K.
    let scores: Tensor
    /// The scores of the features along the directions, n×K.
    let wholeScores: Tensor
  }

  /// Whitens and scores each image by the fit of the other parts.
  private static func outside(
    _ cases: SiteCases, _ contrasts: Tensor, _ parts: [Int]
  ) throws -> Outside {
    var (order, found): ([Int], [Outside]) = ([], [])
    for part in Set(parts).sorted() {
      let rows = parts.indices.filter { parts[$0] == part }
      let fit = try SiteShifts(cases.rows(parts.indices.filter { parts[$0] != part }))
      let directions = try fit.directions(contrasts)
      let (rest, whole) = try fit.whitened(cases.rows(rows))
      order += rows
      found.append(
        Outside(
          rest: rest, whole: whole, scores: try rest.matmul(directions),
          wholeScores: try whole.matmul(directions)))
    }
    let places = try Tensor(order.indices.sorted { order[$0] < order[$1] })
    func joined(_ tensors: [Tensor]) throws -> Tensor {
      try Tensor.concatenated(tensors, dim: 0).indexed(places)
    }
    return Outside(
      rest: try joined(found.map(\.rest)), whole: try joined(found.map(\.whole)),
      scores: try joined(found.map(\.scores)), wholeScores: try joined(found.map(\.wholeScores)))
  }

  /// Returns the scores along each direction, K of n.
  private static func columns(_ scores: Tensor) throws -> [[Double]] {
    let (rows, values) = (try scores.size(0), try scores.transposed().contiguous().doubles())
    return stride(from: 0, to: values.count, by: max(1, rows)).map { Array(values[$0..<$0 + rows]) }
  }

  /// Scales scores to a deviation of 1 within sites and a middle of 0; returns also the mean of each site.
  private static func scaled(
    _ scores: [Double], _ codes: [Int], _ sites: Int
  ) -> (scores: [Double], means: [Double]) {
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
    let means = (0..<sites).map { code in
      mean(codes.indices.filter { codes[$0] == code }.map { scores[$0] })
    }
    let rests = codes.indices.map { scores[$0] - means[codes[$0]] }
    let spread = mean(rests.map { $0 * $0 }).squareRoot()
    let (scale, middle) = (spread > 1e-12 ? spread : 1, mean(means))
    return (scores.map { ($0 - middle) / scale }, means.map { ($0 - middle) / scale })
  }
}
