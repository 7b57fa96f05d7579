import Torch

/// The forward pass of an image tower, trained (`ImageTower`) or compiled (`CompiledImageTower`).
public protocol ImagePass {
  /// Encodes normalised pixels with the first layers (of a ResNet: stages).
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W.
  ///   - depth: the number of these layers.
  ///   - hidden: the layers whose outputs are needed, counted from 1.
  ///   - reading: the tensors of these layers.
  /// - Returns: the input of the next layer, and the tensors of layers before it.
  /// - Throws: `TorchError` if the shapes do not fit, `CLIPError.noKeys` for keys of convolutions.
  func trunk(_ pixels: Tensor, depth: Int, hidden: [Int], reading: LayerReading) throws -> ImageTrunk

  /// Resumes a stopped pass; both parts together are the pass through the whole tower.
  ///
  /// - Parameters:
  ///   - trunk: the stopped pass.
  ///   - dense: the way to read the last block; nil skips the dense features.
  ///   - hidden: the layers whose tensors are returned, the same as for the trunk; the trunk tells
  ///     their reading.
  /// - Returns: image embedding, dense features, layer outputs.
  /// - Throws: `TorchError` if the shapes or the layers do not fit.
  func callAsFunction(_ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int]) throws -> ImageFeatures
}

extension ImagePass {
  /// Encodes normalised pixels in one pass.
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W. A side that is no multiple of the patch loses the remainder.
  ///   - dense: the way to read the last block; nil skips the dense features.
  ///   - hidden: the layers (of a ResNet: stages) whose outputs are returned, counted from 1.
  ///   - reading: the tensors of these layers.
  /// - Returns: image embedding, dense features, layer outputs.
  /// - Throws: `TorchError` if the shapes do not fit, `CLIPError.noKeys` for keys of convolutions.
  public func callAsFunction(
    _ pixels: Tensor, dense: DenseFeatures?, hidden: [Int] = [], reading: LayerReading = .outputs
  ) throws -> ImageFeatures {
    try self(trunk(pixels, depth: 0, hidden: hidden, reading: reading), dense: dense, hidden: hidden)
  }
}

/// The layers whose outputs a pass returns, checked against the tower's depth.
struct HiddenLayers {
  /// The layers, counted from 1, in the order of the request.
  let wanted: [Int]
  /// The tensors of these layers.
  let reading: LayerReading

  /// Checks the layers.
  ///
  /// - Throws: `TorchError.value` if one is not from 1 to `count`.
  init(_ wanted: [Int], of count: Int, reading: LayerReading = .outputs) throws {
    guard wanted.allSatisfy((1...count).contains) else {
      throw TorchError.value("layers \(wanted) are not all from 1 to \(count)")
    }
    (self.wanted, self.reading) = (wanted, reading)
  }

  /// Returns the layers whose tensors a trunk holds in addition to the input of the next one.
  ///
  /// The output of its last layer is that input; the keys of its last layer are not.
  func before(_ depth: Int) -> [Int] {
    Set(wanted.filter { reading == .keys ? $0 <= depth : $0 < depth }).sorted()
  }

  /// Returns the outputs that a trunk holds, by layer.
  ///
  /// - Throws: `TorchError.value` if the trunk was made for other layers or is deeper than the
  ///   tower.
  func outputs(of trunk: ImageTrunk, towerDepth: Int) throws -> [Int: Tensor] {
    let own = before(trunk.depth)
    guard own.count == trunk.layers.count, trunk.depth <= towerDepth else {
      throw TorchError.value(
        "a pass that was stopped after layer \(trunk.depth) with \(trunk.layers.count) outputs cannot give the "
          + "layers \(wanted)")
    }
    return Dictionary(uniqueKeysWithValues: zip(own, trunk.layers))
  }
}
