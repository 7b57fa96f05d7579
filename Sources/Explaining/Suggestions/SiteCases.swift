import Statistics
import Torch

/// Images of several sites as rows: features, measures of a dictionary, and the site of each.
struct SiteCases: Sendable {
  /// The features, float64, n×k.
  let points: Tensor
  /// The measures of the entries, float64, n×M.
  let measures: Tensor
  /// 1 in the column of the site of each row, float64, n×S.
  let targets: Tensor

  /// Returns some of the rows.
  func rows(_ rows: [Int]) throws -> SiteCases {
    let index = try Tensor(rows)
    return SiteCases(
      points: try points.indexed(index), measures: try measures.indexed(index),
      targets: try targets.indexed(index))
  }

  /// Computes the mean of each site, S×k; 0 for a site without rows.
  static func means(_ points: Tensor, _ targets: Tensor) throws -> Tensor {
    try targets.transposed().matmul(points) / targets.sum([0]).clamped(min: 1).expandedDimension(1)
  }

  /// Computes the rows minus the mean of their site, n×k.
  static func within(_ points: Tensor, _ targets: Tensor) throws -> Tensor {
    try points - targets.matmul(means(points, targets))
  }
}

/// The shifts between the sites of some cases, with and without the part that the entries explain.
struct SiteShifts: Sendable {
  /// W, the inverse square root of the shrunk covariance within sites, k×k.
  let whitening: Tensor
  /// The shrinkage of this covariance.
  let shrinkage: Double
  /// The whitened mean of each site minus the mean over sites, S×k; 0 for a site without cases.
  let whole: Tensor
  /// The same of the rest that the entries leave.
  ///
  /// The entries explain the images of the fit better than others, so this rest is too small.
  let rest: Tensor

  private let centre: Tensor
  private let measureCentre: Tensor
  private let measureScale: Tensor
  /// The least-squares slopes of the features by the scaled measures, M×k.
  private let slopes: Tensor

  /// The ridge of the regression, beside measures of variance 1: entries measure nearly the same.
  private static let ridge = 1e-3

  /// Fits regression, whitening and shifts.
  init(_ cases: SiteCases) throws {
    let count = Double(max(1, try cases.points.size(0)))
    centre = try cases.points.mean([0], keepDimensions: true)
    measureCentre = try cases.measures.mean([0], keepDimensions: true)
    let spread = try cases.measures.variance([0], correction: 0, keepDimensions: true).squareRoot()
    measureScale = try spread.greater(than: 1e-10).choose(spread, else: spread.onesLike())
    let measures = try (cases.measures - measureCentre) / measureScale
    let (values, vectors) = try (measures.transposed().matmul(measures) / count).eigenvectors()
    let inverse = try (vectors / (values.clamped(min: 0) + Self.ridge)).matmul(vectors.transposed())
    let points = try cases.points - centre
    slopes = try inverse.matmul(measures.transposed().matmul(points) / count)
    let rest = try points - measures.matmul(slopes)

    let targets = cases.targets
    let covariance = try ShrunkCovariance(centred: SiteCases.within(points, targets))
    let whitening = try covariance.whitening()
    (self.whitening, shrinkage) = (whitening, covariance.shrinkage)
    let isPresent = try targets.sum([0]).greater(than: 0).to(.float64).expandedDimension(1)
    let sites = max(1, try isPresent.sum().item())
    func shifts(_ points: Tensor) throws -> Tensor {
      let means = try SiteCases.means(points, targets).matmul(whitening)
      return try (means - means.sum([0], keepDimensions: true) / sites) * isPresent
    }
    (whole, self.rest) = (try shifts(points), try shifts(rest))
  }

  /// Computes the directions of contrasts between sites among whitened cases: unit vectors.
  ///
  /// - Parameter contrasts: S×K.
  /// - Returns: k×K.
  /// - Throws: `TorchError` if the number of sites differs.
  func directions(_ contrasts: Tensor) throws -> Tensor {
    try rest.transposed().matmul(contrasts).normalized(dim: 0)
  }

  /// Computes the whitened cases, n×k each: the rest that the entries leave, and the whole features.
  func whitened(_ cases: SiteCases) throws -> (rest: Tensor, whole: Tensor) {
    let points = try cases.points - centre
    let explained = try ((cases.measures - measureCentre) / measureScale).matmul(slopes)
    return (try (points - explained).matmul(whitening), try points.matmul(whitening))
  }
}
