extension SurfaceDistances {
  /// The average symmetric surface distance, in pixels or, with a spacing, millimetres.
  ///
  /// It is the mean over the boundary pixels of both masks together, and each pixel counts once. It
  /// equals MONAI's `compute_average_surface_distance(symmetric=True)`. (MedPy's `assd` averages
  /// the two directed means instead.)
  ///
  /// Both masks empty: 0. Exactly one empty: `nil`, because one boundary is missing. See
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

  /// ``averageSurfaceDistance`` in per cent of the image diagonal.
  ///
  /// It is comparable between images of different sizes.
  public var averageSurfaceDistancePercent: Double? { averageSurfaceDistance.map { 100 * $0 / diagonal } }
}
