import Torch

/// The forward pass of an image tower, trained (`ImageTower`) or compiled (`CompiledImageTower`).
public protocol ImagePass {
  /// Encodes normalised pixels with the first layers (of a ResNet: stages).
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W.
  ///   - depth: the number of these layers.
  ///   - hidden: the layers whose outputs are needed, counted from 1.
  /// - Returns: the input of the next layer, and the outputs of layers before it.
  /// - Throws: `TorchError` if the shapes do not fit.
  func trunk(_ pixels: Tensor, depth: Int, hidden: [Int]) throws -> ImageTrunk

  /// Resumes a stopped pass; both parts together are the pass through the whole tower.
  ///
  /// - Parameters:
  ///   - trunk: the stopped pass.
  ///   - dense: the way to read the last block; nil skips the dense features.
  ///   - hidden: the layers whose outputs are returned, the same as for the trunk.
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
  /// - Returns: image embedding, dense features, layer outputs.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func callAsFunction(
    _ pixels: Tensor, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    try self(trunk(pixels, depth: 0, hidden: hidden), dense: dense, hidden: hidden)
  }
}

/// The layers whose outputs a pass returns, checked against the tower's depth.
struct HiddenLayers {
  /// The layers, counted from 1, in the order of the request.
  let wanted: [Int]

  /// Checks the layers.
  ///
  /// - Throws: `TorchError.value` if one is not from 1 to `count`.
  init(_ wanted: [Int], of count: Int) throws {
    guard wanted.allSatisfy((1...count).contains) else {
      throw TorchError.value("layers \(wanted) are not all from 1 to \(count)")
    }
    self.wanted = wanted
  }

  /// Returns the layers whose outputs a trunk holds in addition to the input of the next one.
  func before(_ depth: Int) -> [Int] { Set(wanted.filter { $0 < depth }).sorted() }

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
