import Statistics
import Torch

/// The variance between sites of some rows, and the part of it that the choice of patients gives.
struct SiteVariance: Sendable {
  /// The squared distances of the sites' means from the mean over sites, summed.
  let value: Double
  /// The expected `value` of sites that do not differ.
  ///
  /// The variance of a site's mean comes from the means of its patients or sequences, because the
  /// images of one patient are no independent draws.
  let chance: Double
  /// The standard deviation of `value` where sites do not differ, about; too high for few groups.
  let deviation: Double

  /// Whether the sites differ by more than chance: by two standard deviations above it.
  var isReal: Bool { value > chance + 2 * deviation }
  /// The variance without that of chance, at least 0.
  var net: Double { max(0, value - chance) }

  /// Measures rows; nil if fewer than two sites have two groups each.
  ///
  /// Other sites do not count, because one patient does not show how much patients differ.
  ///
  /// - Parameters:
  ///   - points: the rows, float64, n×k.
  ///   - sites: the site of each row.
  ///   - groups: the patient or sequence of each row.
  /// - Throws: `TorchError` if the numbers differ.
  init?(_ points: Tensor, sites: [String], groups: [String]) throws {
    let kept = LinearProbe.divisible(sites, groups: groups)
    let (sites, groups) = (kept.map { sites[$0] }, kept.map { groups[$0] })
    let names = Set(sites).sorted()
    guard names.count > 1 else { return nil }
    let points = try points.indexed(Tensor(kept))
    let codes = try Tensor(sites.map { names.firstIndex(of: $0) ?? 0 })
    let targets = try codes.oneHot(names.count).to(.float64)
    let means = try SiteCases.means(points, targets)
    value = try (means - means.mean([0], keepDimensions: true)).power(2).sum().item()

    // A group at two sites counts at each.
    var places: [[String]: Int] = [:]
    var owners: [String] = []
    let rows = zip(sites, groups).map { site, group in
      if let place = places[[site, group]] { return place }
      places[[site, group]] = owners.count
      owners.append(site)
      return owners.count - 1
    }
    let images = Dictionary(sites.map { ($0, 1.0) }, uniquingKeysWith: +)
    let members = Dictionary(owners.map { ($0, 1.0) }, uniquingKeysWith: +)
    let weights = owners.map { site in
      let count = members[site] ?? 2
      return (count / (count - 1)).squareRoot() / (images[site] ?? 1)
    }
    // The variance of a site's mean is the sum of squares of its rows here: one row a group.
    let within = try SiteCases.within(points, targets)
    let sums = try Tensor.zeros([owners.count, within.size(1)], dtype: .float64).scatteredSum(
      dim: 0, index: Tensor(rows).expandedDimension(1).expanded(to: within.shape), source: within)
    let parts = try sums * Tensor(weights).expandedDimension(1)
    let size = Double(names.count)
    chance = try parts.power(2).sum().item() * (1 - 1 / size)
    let squares = try parts.transposed().matmul(parts).power(2).sum().item()
    deviation = (2 * (size - 1) * squares).squareRoot() / size
  }
}
