import Foundation
import Torch

/// The distance of images from groups of known images, in a space of features.
package enum FeatureDistance {
  /// Mahalanobis' distance to the nearest group, with one shrunk covariance within groups.
  ///
  /// Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples", NeurIPS
  /// 2018, with Ledoit and Wolf's shrinkage in place of the plain covariance. The squared distance
  /// is divided by the number of features, so that a typical image of a group has a distance near
  /// 1.
  package struct Mahalanobis: Sendable {
    /// The means of the groups, G×d, float64.
    package let means: Tensor
    /// The whitening of the covariance within groups, d×d, float64.
    package let whitening: Tensor

    /// Makes the value from stored parts.
    package init(means: Tensor, whitening: Tensor) {
      self.means = means
      self.whitening = whitening
    }

    /// Fits means and covariance.
    ///
    /// - Parameter groups: the features of each group, n×d, each at least one row.
    /// - Throws: `TorchError` for groups without rows, different widths, or values that are not
    ///   finite.
    package init(groups: [Tensor]) throws {
      let rows = try groups.map { try $0.to(.float64) }
      let own = try rows.map { try $0.mean([0]) }
      let centred = try zip(rows, own).map { try $0 - $1 }
      means = try Tensor.stacked(own)
      whitening = try ShrunkCovariance(centred: .concatenated(centred, dim: 0)).whitening()
    }

    /// Computes the distances of images.
    ///
    /// - Parameter features: n×d.
    /// - Returns: n, float64.
    /// - Throws: `TorchError` if the shapes do not fit.
    package func callAsFunction(_ features: Tensor) throws -> Tensor {
      let width = Double(try means.size(1))
      // n×G×d
      let offsets = try features.to(.float64).expandedDimension(1) - means.expandedDimension(0)
      return try (offsets.matmul(whitening).power(2).sum([2]) / width).squareRoot().min([1])
    }
  }

  /// The distance to the k-th nearest known image, between features of length 1.
  ///
  /// Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022. Features
  /// are scaled to mean 0 and deviation 1 over the known images first, because pooled features of a
  /// tower share a large mean.
  package struct Neighbours: Sendable {
    /// The known images after scaling, n×d, float64, each of length 1.
    package let known: Tensor
    /// The mean and the deviation of the known features, 2×d, float64.
    package let scale: Tensor
    /// k.
    package let neighbour: Int

    /// Makes the value from stored parts.
    package init(known: Tensor, scale: Tensor, neighbour: Int) {
      self.known = known
      self.scale = scale
      self.neighbour = neighbour
    }

    /// Keeps known images.
    ///
    /// - Parameters:
    ///   - features: n×d, at least one row.
    ///   - neighbour: k; fewer known images than k give their number.
    /// - Throws: `TorchError` for another shape or values that are not finite.
    package init(_ features: Tensor, neighbour: Int) throws {
      let rows = try features.to(.float64)
      guard try rows.size(0) > 0, try rows.isFinite() else {
        throw TorchError.value("nearest neighbours need at least one image with finite features")
      }
      let deviation = try rows.variance([0], correction: 0).squareRoot()
      let usable = try deviation.greater(than: 1e-10).choose(deviation, else: deviation.onesLike())
      scale = try Tensor.stacked([rows.mean([0]), usable])
      known = try Self.scaled(rows, by: scale)
      self.neighbour = min(max(1, neighbour), try rows.size(0))
    }

    /// Computes the distances of images.
    ///
    /// - Parameter features: n×d.
    /// - Returns: n, float64, from 0 to 2.
    /// - Throws: `TorchError` if the shapes do not fit.
    package func callAsFunction(_ features: Tensor) throws -> Tensor {
      let cosines = try Self.scaled(features.to(.float64), by: scale).matmul(known.transposed())
      let kth = try cosines.largest(neighbour, dim: 1).values.selected(dim: 1, index: neighbour - 1)
      // ‖a − b‖² = 2 − 2·cos for length 1.
      return try ((kth * -2) + 2).clamped(min: 0).squareRoot()
    }

    private static func scaled(_ rows: Tensor, by scale: Tensor) throws -> Tensor {
      try ((rows - scale.selected(dim: 0, index: 0)) / scale.selected(dim: 0, index: 1)).normalized()
    }
  }
}
