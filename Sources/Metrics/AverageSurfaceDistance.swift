extension SurfaceDistances {
  /// The average symmetric surface distance, in pixels or, with a spacing, millimetres.
  ///
  /// The mean over the boundary pixels of both masks together, each pixel counted once; the same as MONAI's
  /// `compute_average_surface_distance(symmetric=True)`. (MedPy's `assd` averages the two directed means
  /// instead.)
  ///
  /// Both masks empty: 0. Exactly one empty: `nil`, for there is no boundary to measure to. See
  /// ``EmptyMaskPolicy``.
  public var averageSurfaceDistance: Double? {
    switch emptyCase {
    case .both: return 0
    case .one: return nil
    case .neither:
      let sum = [squaredFromPrediction, squaredFromReference].joined().reduce(0.0) {
        $0 + $1.squareRoot()
      }
      return sum / Double(squaredFromPrediction.count + squaredFromReference.count)
    }
  }

  /// ``averageSurfaceDistance`` as a percentage of the image's diagonal, so that images of several sizes
  /// compare.
  public var averageSurfaceDistancePercent: Double? { averageSurfaceDistance.map { 100 * $0 / diagonal } }
}
