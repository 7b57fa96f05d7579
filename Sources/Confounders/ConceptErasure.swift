import Torch

/// Least-squares concept erasure: the smallest affine change after which no linear map reads a concept.
///
/// LEACE of Belrose, Schneider-Joseph, Ravfogel, Cotterell, Raff and Biderman, LEACE: Perfect linear
/// concept erasure in closed form, NeurIPS 2023, theorem 4.3: r(x) = x − W⁺ P W (x − μ). W is the
/// whitening of the features, and P projects onto the columns of W Σ_xz. Afterwards features and
/// concepts have no covariance, and the mean squared change is the least possible.
public struct ConceptErasure: Sendable {
  /// The mean of the features, d.
  public let mean: Tensor
  /// W⁺ P W, the part of centred features that is taken away, d×d.
  public let projection: Tensor

  /// Makes an erasure from its parts.
  ///
  /// - Parameters:
  ///   - mean: d.
  ///   - projection: d×d.
  public init(mean: Tensor, projection: Tensor) {
    self.mean = mean
    self.projection = projection
  }

  /// Fits an erasure to moments.
  ///
  /// - Parameters:
  ///   - moments: the moments of features and concepts.
  ///   - whitening: the whitening of these features, if already computed.
  ///   - tolerance: directions whose covariance with the concepts is at most this share of the largest
  ///     are kept as they are, because they are noise.
  /// - Throws: `TorchError` if a decomposition fails, as with features that are not finite.
  public init(_ moments: ConceptMoments, whitening: Whitening? = nil, tolerance: Double = 1e-3) throws {
    let whitening = try whitening ?? Whitening(moments)
    let (directions, strengths) = try whitening.matrix.matmul(moments.products / max(1, moments.count))
      .singularVectors()
    let strongest = try strengths.max([0]).item()
    let isUsed = try strengths.greater(than: tolerance * strongest)
    let kept = try directions * isUsed.to(.float64)
    mean = moments.featureMean
    projection = try whitening.inverse.matmul(kept.matmul(kept.transposed()).matmul(whitening.matrix))
  }

  /// Erases the concepts from features.
  ///
  /// - Parameters:
  ///   - features: …×d.
  ///   - strength: the share of the change: 1 for all of it, 0 for none.
  /// - Returns: …×d, of the type of `features`.
  /// - Throws: `TorchError` if the width differs.
  public func callAsFunction(_ features: Tensor, strength: Double = 1) throws -> Tensor {
    let centred = try features - mean.to(features.dtype)
    return try features - centred.matmul(projection.to(features.dtype).transposed()) * strength
  }
}

/// The whitening of features and its inverse; directions in which features never vary are left out.
public struct Whitening: Sendable {
  /// W, the inverse square root of the covariance, d×d.
  public let matrix: Tensor
  /// W⁺, d×d.
  public let inverse: Tensor

  /// Computes the whitening of features from their moments.
  ///
  /// - Parameter moments: the moments.
  /// - Throws: `TorchError` if the decomposition fails, as with features that are not finite.
  public init(_ moments: ConceptMoments) throws {
    let (values, vectors) = try (moments.features / max(1, moments.count)).eigenvectors()
    // The rank is that of torch.linalg.pinv: eigenvalues below it are rounding errors.
    let largest = try values.max([0]).item()
    let least = largest * Double(try values.size(0)) * 2.220446049250313e-16
    let isKept = try values.greater(than: least)
    let scale = try values.clamped(min: least > 0 ? least : 1).squareRoot()
    let none = try scale.zerosLike()
    func rescaled(_ scale: Tensor) throws -> Tensor {
      try (vectors * isKept.choose(scale, else: none)).matmul(vectors.transposed())
    }
    matrix = try rescaled(scale.power(-1))
    inverse = try rescaled(scale)
  }
}

/// The means, covariances and cross-covariances of features and concepts, added up over batches.
public struct ConceptMoments: Sendable {
  /// The number of rows.
  public private(set) var count: Double
  /// The mean of the features, float64, d.
  public private(set) var featureMean: Tensor
  /// The mean of the concepts, float64, k.
  public private(set) var conceptMean: Tensor
  /// The sum of products of centred features, float64, d×d.
  public private(set) var features: Tensor
  /// The sum of products of centred features and concepts, float64, d×k.
  public private(set) var products: Tensor

  /// Makes the moments of no row.
  ///
  /// - Parameters:
  ///   - width: d.
  ///   - concepts: k.
  /// - Throws: `TorchError` if there is no memory.
  public init(width: Int, concepts: Int) throws {
    count = 0
    featureMean = try .zeros([width], dtype: .float64)
    conceptMean = try .zeros([concepts], dtype: .float64)
    features = try .zeros([width, width], dtype: .float64)
    products = try .zeros([width, concepts], dtype: .float64)
  }

  /// Restores moments from their parts.
  ///
  /// - Parameters:
  ///   - count: the number of rows.
  ///   - featureMean: d.
  ///   - conceptMean: k.
  ///   - features: d×d.
  ///   - products: d×k.
  public init(count: Double, featureMean: Tensor, conceptMean: Tensor, features: Tensor, products: Tensor) {
    self.count = count
    self.featureMean = featureMean
    self.conceptMean = conceptMean
    self.features = features
    self.products = products
  }

  /// Returns the moments of some of the concepts alone.
  ///
  /// - Parameter columns: the numbers of the concepts, int64.
  /// - Returns: the moments.
  /// - Throws: `TorchError` if one does not exist.
  package func concepts(_ columns: Tensor) throws -> ConceptMoments {
    ConceptMoments(
      count: count, featureMean: featureMean, conceptMean: try conceptMean.indexed(columns),
      features: features,
      products: try products.indexed(columns, dim: 1))
  }

  /// Lets the rows so far count less, as for features that change while a tower is trained.
  ///
  /// - Parameter share: the factor of their number.
  /// - Throws: `TorchError` with libtorch's message.
  public mutating func forget(keeping share: Double) throws {
    count *= share
    features = try features * share
    products = try products * share
  }

  /// Adds a batch (Chan, Golub and LeVeque, 1979).
  ///
  /// - Parameters:
  ///   - rows: the features, n×d.
  ///   - concepts: n×k.
  /// - Throws: `TorchError` if the shapes do not fit.
  public mutating func add(_ rows: Tensor, _ concepts: Tensor) throws {
    let (x, z) = try (rows.detached().to(.float64), concepts.detached().to(.float64))
    let added = Double(try x.size(0))
    guard added > 0 else { return }
    let total = count + added
    let (xMean, zMean) = try (x.mean([0]), z.mean([0]))
    let (xStep, zStep) = try (xMean - featureMean, zMean - conceptMean)
    let (xRest, zRest) = try (x - xMean, z - zMean)
    let weight = count * added / total
    features =
      try features + xRest.transposed().matmul(xRest)
      + xStep.expandedDimension(1).matmul(xStep.expandedDimension(0)) * weight
    products =
      try products + xRest.transposed().matmul(zRest)
      + xStep.expandedDimension(1).matmul(zStep.expandedDimension(0)) * weight
    featureMean = try featureMean + xStep * (added / total)
    conceptMean = try conceptMean + zStep * (added / total)
    count = total
  }
}
