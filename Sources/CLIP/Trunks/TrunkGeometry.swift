/// The geometry of an image trunk, by its name in timm.
enum TrunkGeometry: Sendable {
  case efficientNet(EfficientNetGeometry)
  case convNeXt(ConvNeXtGeometry)
  case transformer(TransformerGeometry)

  /// All names.
  static let names = EfficientNetGeometry.names + ConvNeXtGeometry.names + TransformerGeometry.names

  /// Finds the geometry of a name.
  ///
  /// - Parameter name: timm's name, without the tag of its weights; another name gives nil.
  init?(named name: String) {
    if let found = EfficientNetGeometry(named: name) {
      self = .efficientNet(found)
    } else if let found = ConvNeXtGeometry(named: name) {
      self = .convNeXt(found)
    } else if let found = TransformerGeometry(named: name) {
      self = .transformer(found)
    } else {
      return nil
    }
  }

  /// Makes the tower.
  ///
  /// - Throws: `TorchError` if a setting does not fit the trunk.
  func tower(
    _ configuration: CLIPConfiguration.Vision, projectionSize: Int, _ initializer: Initializer
  ) throws -> ImageTower {
    switch self {
    case .efficientNet(let geometry):
      try EfficientNet(configuration, geometry, projectionSize: projectionSize, initializer)
    case .convNeXt(let geometry):
      try ConvNeXt(configuration, geometry, projectionSize: projectionSize, initializer)
    case .transformer(let geometry):
      try TrunkTransformer(configuration, geometry, projectionSize: projectionSize, initializer)
    }
  }

  /// The channels of the features before the projection.
  var width: Int {
    switch self {
    case .efficientNet(let geometry): geometry.headWidth
    case .convNeXt(let geometry): geometry.widths[geometry.widths.count - 1]
    case .transformer(let geometry): geometry.width
    }
  }

  /// The least side of an image in pixels.
  var leastSide: Int {
    switch self {
    case .efficientNet: 1
    case .convNeXt: 32
    case .transformer(let geometry): geometry.patch
    }
  }

  /// The pools of tokens that the trunk can have; empty for convolutions, whose pool is fixed.
  var pools: [TokenPool] {
    if case .transformer = self { TokenPool.allCases } else { [] }
  }

  /// The key of timm's classifier.
  var classifier: String {
    switch self {
    case .efficientNet: "classifier"
    case .convNeXt: "head.fc"
    case .transformer: "head"
    }
  }

  /// The number of weights of a trunk for images of a side, roughly.
  func weightCount(imageSize: Int) -> Double {
    switch self {
    // The largest EfficientNet has 66 million.
    case .efficientNet: 7e7
    case .convNeXt(let geometry): geometry.weightCount
    case .transformer(let geometry): geometry.weightCount(imageSize: imageSize)
    }
  }
}
