/// The scores of every image, by their names in JSON and CSV, in the order of display.
public enum Metric: String, CaseIterable, Codable, CodingKey, CodingKeyRepresentable, Sendable {
  /// ``OverlapCounts/dice``.
  case dice
  /// ``OverlapCounts/iou``.
  case iou
  /// ``OverlapCounts/accuracy``.
  case accuracy
  /// ``OverlapCounts/precision``.
  case precision
  /// ``OverlapCounts/recall``.
  case recall
  /// ``OverlapCounts/specificity``.
  case specificity
  /// ``BoundaryIoU``, at 2 % of the image diagonal.
  case boundaryIoU = "boundary_iou"
  /// ``SurfaceDistances/hd95``, in pixels or millimetres.
  case hd95
  /// ``SurfaceDistances/hd95Percent``, in per cent of the image diagonal.
  case hd95Percent = "hd95_percent"
  /// ``SurfaceDistances/averageSurfaceDistance``, in pixels or millimetres.
  case asd
  /// ``SurfaceDistances/averageSurfaceDistancePercent``, in per cent of the image diagonal.
  case asdPercent = "asd_percent"
  /// ``SurfaceDistances/normalisedSurfaceDice(tolerance:)``.
  case nsd

  /// The name for people.
  public var title: String {
    switch self {
    case .dice: "Dice"
    case .iou: "IoU"
    case .accuracy, .precision, .recall, .specificity: rawValue
    case .boundaryIoU: "boundary IoU"
    case .hd95: "HD95"
    case .hd95Percent: "HD95, % of the diagonal"
    case .asd: "average surface distance"
    case .asdPercent: "average surface distance, % of the diagonal"
    case .nsd: "surface Dice"
    }
  }
}
