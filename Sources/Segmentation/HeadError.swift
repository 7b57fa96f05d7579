/// An error of a head's settings.
public enum HeadError: Error, Equatable, CustomStringConvertible {
  /// The stride of the first level is neither 1 nor 2.
  case detailStride(Int)
  /// The settings name a layer, counted from 1, that the image tower with `count` layers lacks.
  case towerLayer(Int, count: Int)

  /// One line that names the setting, its value and the valid values.
  public var description: String {
    switch self {
    case .detailStride(let stride): "model.head.detailStride is \(stride); it must be 1 or 2"
    case .towerLayer(let layer, let count):
      "model.head.towerLayers names layer \(layer); the image tower has layers 1 to \(count)"
    }
  }
}
