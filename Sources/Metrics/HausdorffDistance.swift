extension SurfaceDistances {
  /// The 95th percentile Hausdorff distance, in pixels or, with a spacing, millimetres.
  ///
  /// The larger of the two directed 95th percentiles, each interpolated linearly between ranks as NumPy does;
  /// the same as MONAI's `compute_hausdorff_distance(percentile=95, directed=False)`. (Other tools take one
  /// percentile over both directions pooled, which is smaller or equal.)
  ///
  /// Both masks empty: 0. Exactly one empty: `nil`, for there is no boundary to measure to. See
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

  /// ``hd95`` as a percentage of the image's diagonal, so that images of several sizes compare.
  public var hd95Percent: Double? { hd95.map { 100 * $0 / diagonal } }
}
