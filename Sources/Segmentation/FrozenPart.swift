import CLIP
import Torch

/// The frozen layers of an image tower, for encoding only.
///
/// Compiled layers are immutable. On devices other than the CPU it is a plain module.
///
/// It is `@unchecked Sendable` because a `Module` is a class with parameters that training may
/// write. The optimiser has none of the frozen layers, so threads only read their weights.
package struct FrozenPart: @unchecked Sendable {
  private enum Layers {
    case tower(any ImagePass)
    case firstLayers(any ImagePass, depth: Int)
    case compiledTrunk(CompiledImageTrunk)
  }

  private let layers: Layers

  /// Uses a fully frozen tower.
  package init(tower: any ImagePass) { layers = .tower(tower) }

  /// Uses the first layers of a tower.
  init(tower: any ImagePass, depth: Int) { layers = .firstLayers(tower, depth: depth) }

  /// Uses the first layers of a tower, compiled.
  init(trunk: CompiledImageTrunk) { layers = .compiledTrunk(trunk) }

  /// Encodes normalised pixels, B×3×S×S, with the frozen layers.
  ///
  /// - Parameters:
  ///   - pixels: the pixels, normalised by CLIP's mean and deviation.
  ///   - dense: a name of CLIP's `FeatureReading`.
  ///   - layers: the layers (of a ResNet: stages) whose outputs are returned, counted from 1.
  /// - Returns: the input of the trained layers; all outputs of a fully frozen tower.
  /// - Throws: `CLIPError.unknownReading`, or `TorchError` if the shapes do not fit.
  package func callAsFunction(_ pixels: Tensor, dense: String, layers: [Int]) throws -> FrozenFeatures {
    switch self.layers {
    case .tower(let tower): .encoded(try tower.encode(pixels, dense: dense, layers: layers))
    case .firstLayers(let tower, let depth):
      .trunk(
        try tower.trunk(
          pixels, depth: depth, hidden: layers, reading: FeatureReading(named: dense).layers))
    case .compiledTrunk(let trunk):
      .trunk(try trunk(pixels, hidden: layers, reading: FeatureReading(named: dense).layers))
    }
  }
}
