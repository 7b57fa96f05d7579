import Torch

/// A pass through an image tower that was stopped before one of its layers; `ImageTower` takes it up again.
public struct ImageTrunk: Sendable {
  /// Layers (of a ResNet: stages) that were passed; 0 when only what stands before the first was.
  public let depth: Int
  /// What the next layer takes: B×(1+h·w)×c of a transformer, B×c×h×w of a ResNet.
  public let input: Tensor
  /// Outputs, B×h×w×c, of those layers before the last that was passed which were asked for, in the order of the layers.
  ///
  /// That of the last one is `input`.
  public let layers: [Tensor]
  /// Height and width of the grid of positions.
  public let grid: [Int]

  init(depth: Int, input: Tensor, layers: [Tensor], grid: [Int]) {
    self.depth = depth
    self.input = input
    self.layers = layers
    self.grid = grid
  }

  /// All tensors: the input of the next layer, layer outputs.
  public var tensors: [Tensor] { [input] + layers }

  /// The same with every tensor changed, but not the grid of positions.
  public func map(_ change: (Tensor) throws -> Tensor) rethrows -> ImageTrunk {
    ImageTrunk(depth: depth, input: try change(input), layers: try layers.map(change), grid: grid)
  }
}
