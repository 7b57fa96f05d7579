/// The scores that every image is given, by the names they carry in JSON and CSV, in the order they are shown.
public enum Metric: String, CaseIterable, Codable, CodingKey, CodingKeyRepresentable, Sendable {
  /// ``OverlapCounts/dice``
  case dice
  /// ``OverlapCounts/iou``
  case iou
  /// ``OverlapCounts/accuracy``
  case accuracy
  /// ``OverlapCounts/precision``
  case precision
  /// ``OverlapCounts/recall``
  case recall
  /// ``OverlapCounts/specificity``
  case specificity
  /// ``SurfaceDistances/hd95``, in pixels
  case hd95
  /// ``SurfaceDistances/averageSurfaceDistance``, in pixels
  case asd
  /// ``SurfaceDistances/normalisedSurfaceDice(tolerance:)``
  case nsd
}
