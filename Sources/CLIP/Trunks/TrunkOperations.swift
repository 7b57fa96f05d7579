extension CLIPConfiguration.Vision {
  /// Counts the arithmetic operations of the convolutions and products of a convolutional trunk.
  ///
  /// A multiplication with its addition counts as two.
  ///
  /// - Parameter projectionSize: the width d of the joint space.
  /// - Returns: the operations for one image of the tower's own size; nil for another tower.
  package func trunkOperations(projectionSize: Int) -> Double? {
    let found: Double? =
      switch trunk.flatMap(TrunkGeometry.init) {
      case .efficientNet(let geometry): geometry.operations(imageSize: imageSize)
      case .convNeXt(let geometry): geometry.operations(imageSize: imageSize)
      case .transformer, nil: nil
      }
    let width = trunk.flatMap(TrunkGeometry.init)?.width ?? 0
    return found.map { $0 + 2 * Double(width * projectionSize) }
  }
}

extension EfficientNetGeometry {
  /// Counts the operations before the projection.
  fileprivate func operations(imageSize: Int) -> Double {
    var side = (imageSize + 1) / 2
    var inputs = stemWidth
    var total = product(27, stemWidth, side)
    for stage in stages {
      for block in 0..<stage.blocks {
        let inner = inputs * stage.expansion
        if stage.expansion > 1 { total += product(inputs, inner, side) }
        if block == 0 { side = (side + stage.stride - 1) / stage.stride }
        total += product(stage.kernel * stage.kernel, inner, side) + product(inner, stage.width, side)
        if excites { total += product(2 * inner, max(1, inputs / 4), 1) }
        inputs = stage.width
      }
    }
    return total + product(inputs, headWidth, side)
  }
}

extension ConvNeXtGeometry {
  /// Counts the operations before the projection.
  fileprivate func operations(imageSize: Int) -> Double {
    var side = imageSize / 4
    var total = product(3 * 16, widths[0], side)
    for (index, width) in widths.enumerated() {
      if index > 0 {
        side /= 2
        total += product(4 * widths[index - 1], width, side)
      }
      total += Double(blocks[index]) * (product(49, width, side) + product(8 * width, width, side))
    }
    return total
  }
}

/// The operations of a product of `inputs` numbers for each of `outputs` channels at side² positions.
private func product(_ inputs: Int, _ outputs: Int, _ side: Int) -> Double {
  2 * Double(inputs * outputs) * Double(side * side)
}
