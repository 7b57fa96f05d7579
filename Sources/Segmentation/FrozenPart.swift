import CLIP
import Torch

/// The layers of an image tower that are not trained, for encoding alone.
///
/// Compiled layers are immutable. A plain module serves on other devices than the CPU; nobody may change the
/// weights of its frozen layers, and threads only read them.
package struct FrozenPart: @unchecked Sendable {
  private enum Layers {
    case tower(any ImagePass)
    case firstLayers(any ImagePass, depth: Int)
    case compiledTrunk(CompiledImageTrunk)
  }

  private let layers: Layers

  /// A tower that is frozen whole.
  init(tower: any ImagePass) { layers = .tower(tower) }

  /// The first layers of a tower.
  init(tower: any ImagePass, depth: Int) { layers = .firstLayers(tower, depth: depth) }

  /// The first layers of a tower, compiled.
  init(trunk: CompiledImageTrunk) { layers = .compiledTrunk(trunk) }

  /// Encodes normalised pixels, B×3×S×S, as far as the tower is frozen.
  ///
  /// - Parameters:
  ///   - pixels: normalised by CLIP's mean and deviation.
  ///   - dense: the name of the dense extractor.
  ///   - layers: layers (of a ResNet: stages) whose outputs are wanted, counted from 1.
  /// - Returns: the input of the layers that are trained; all outputs of a tower that is frozen whole.
  /// - Throws: `CLIPError.unknownExtractor`, or `TorchError` when shapes do not fit.
  package func callAsFunction(_ pixels: Tensor, dense: String, layers: [Int]) throws -> FrozenFeatures {
    switch self.layers {
    case .tower(let tower): .encoded(try tower.encode(pixels, dense: dense, layers: layers))
    case .firstLayers(let tower, let depth): .trunk(try tower.trunk(pixels, depth: depth, hidden: layers))
    case .compiledTrunk(let trunk): .trunk(try trunk(pixels, hidden: layers))
    }
  }
}
