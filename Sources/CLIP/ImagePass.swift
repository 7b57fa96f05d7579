import Torch

/// The forward pass of an image tower, trained (`ImageTower`) or compiled (`CompiledImageTower`).
public protocol ImagePass {
  /// Encodes normalised pixels as far as the first layers (of a ResNet: stages) reach.
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W.
  ///   - depth: how many layers are passed.
  ///   - hidden: layers whose outputs will be wanted, counted from 1.
  /// - Returns: the input of the next layer, and outputs of layers before it.
  /// - Throws: `TorchError` when shapes do not fit.
  func trunk(_ pixels: Tensor, depth: Int, hidden: [Int]) throws -> ImageTrunk

  /// Resumes a pass that was stopped; the two together are the pass through all of the tower.
  ///
  /// - Parameters:
  ///   - trunk: where it was stopped.
  ///   - dense: how the last block is read; nil skips the dense features.
  ///   - hidden: layers whose outputs are wanted, those that the trunk was asked for.
  /// - Returns: image embedding, dense features, layer outputs.
  /// - Throws: `TorchError` when shapes or layers do not fit.
  func callAsFunction(_ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int]) throws -> ImageFeatures
}

extension ImagePass {
  /// Encodes normalised pixels in one pass.
  ///
  /// - Parameters:
  ///   - pixels: B×3×H×W; sides that are no multiple of the patch lose the remainder.
  ///   - dense: how the last block is read; nil skips the dense features.
  ///   - hidden: layers (of a ResNet: stages) whose outputs are wanted, counted from 1.
  /// - Returns: image embedding, dense features, layer outputs.
  /// - Throws: `TorchError` when shapes do not fit.
  public func callAsFunction(
    _ pixels: Tensor, dense: DenseFeatures?, hidden: [Int] = []
  ) throws -> ImageFeatures {
    try self(trunk(pixels, depth: 0, hidden: hidden), dense: dense, hidden: hidden)
  }
}

/// The layers of a tower whose outputs a pass returns, checked against the tower's depth.
struct HiddenLayers {
  /// Layers, counted from 1, in the order that was asked for.
  let wanted: [Int]

  /// Checks layers.
  ///
  /// - Throws: `TorchError.value` when one is not from 1 to `count`.
  init(_ wanted: [Int], of count: Int) throws {
    guard wanted.allSatisfy((1...count).contains) else {
      throw TorchError.value("layers \(wanted) are not all from 1 to \(count)")
    }
    self.wanted = wanted
  }

  /// Layers whose outputs a trunk holds beside the input of the next one.
  func before(_ depth: Int) -> [Int] { Set(wanted.filter { $0 < depth }).sorted() }

  /// The outputs that a trunk holds, by layer.
  ///
  /// - Throws: `TorchError.value` when the trunk was made for other layers or is deeper than the tower.
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
