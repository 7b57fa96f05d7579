extension SurfaceDistances {
  /// The normalised surface Dice, from 0 to 1.
  ///
  /// It is the share of both boundaries that lies within a tolerance of the other. Boundary length
  /// is counted in pixels. A pixel at exactly the tolerance is within it (up to a part in 10⁹, so
  /// that three pixels of 0.1 mm are within 0.3 mm). It equals MONAI's
  /// `compute_surface_dice(use_subvoxels=False)`.
  ///
  /// Both masks empty: 1. Exactly one empty: 0, as in MONAI, because no part of the only boundary
  /// lies near the other. So a missed lesion counts in the mean. See ``EmptyMaskPolicy``.
  ///
  /// - Parameter tolerance: The distance that still counts as correct, 0 or more, in the unit of
  ///   the distances.
  /// - Returns: The share of boundary pixels within the tolerance.
  /// - Throws: ``MetricError/invalidTolerance(_:)`` if the tolerance is negative or not finite.
  public func normalisedSurfaceDice(tolerance: Double) throws -> Double {
    guard tolerance.isFinite, tolerance >= 0 else { throw MetricError.invalidTolerance(tolerance) }
    switch emptyCase {
    case .both: return 1
    case .one: return 0
    case .neither:
      let limit = tolerance * (1 + 1e-9)
      let near = [squaredFromPrediction, squaredFromReference].joined().reduce(0) {
        $0 + ($1.squareRoot() <= limit ? 1 : 0)
      }
      return Double(near) / Double(squaredFromPrediction.count + squaredFromReference.count)
    }
  }
}
