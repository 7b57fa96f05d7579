extension SurfaceDistances {
  /// The 95th percentile Hausdorff distance, in pixels or, with a spacing, millimetres.
  ///
  /// It is the larger of the two directed 95th percentiles, each interpolated linearly between
  /// ranks as in NumPy. It equals MONAI's
  /// `compute_hausdorff_distance(percentile=95, directed=False)`. (Other tools take one percentile
  /// over both directions pooled, which is smaller or equal.)
  ///
  /// Both masks empty: 0. Exactly one empty: `nil`, because one boundary is missing. See
  /// ``EmptyMaskPolicy``.
  public var hd95: Double? {
    switch emptyCase {
    case .both: return 0
    case .one: return nil
    case .neither:
      return max(
        Percentile.ofRoots(squaredFromPrediction, percent: 95),
        Percentile.ofRoots(squaredFromReference, percent: 95))
    }
  }

  /// ``hd95`` in per cent of the image diagonal, comparable between images of different sizes.
  public var hd95Percent: Double? { hd95.map { 100 * $0 / diagonal } }
}
