/// An error of a head's settings.
public enum HeadError: Error, Equatable, CustomStringConvertible {
  /// The stride of the first level is neither 1 nor 2.
  case detailStride(Int)
  /// The settings name a layer, counted from 1, that the image tower with `count` layers lacks.
  case towerLayer(Int, count: Int)
  /// The decoder has fewer levels than the image branch.
  case decoderLevels(Int, least: Int)
  /// Tower layers enter by level, but the head has no levels.
  case noLevels

  /// One line that names the setting, its value and the valid values.
  public var description: String {
    switch self {
    case .detailStride(let stride): "model.head.detailStride is \(stride); it must be 1 or 2"
    case .towerLayer(let layer, let count):
      "model.head.towerLayers names layer \(layer); the image tower has layers 1 to \(count)"
    case .decoderLevels(let found, let least):
      "model.head.decoderWidths has \(found) levels; it must have the \(least) of model.head.detailWidths or more"
    case .noLevels:
      "model.head.skips is levels, but there are none; state model.head.decoderWidths or model.head.detailWidths"
    }
  }
}
