import Torch

/// A pass through an image tower, stopped before one of its layers; `ImageTower` resumes it.
public struct ImageTrunk: Sendable {
  /// The number of finished layers (of a ResNet: stages); 0 if only the part before the first ran.
  public let depth: Int
  /// The input of the next layer: B×(1+h·w)×c of a transformer, B×c×h×w of a ResNet.
  public let input: Tensor
  /// The outputs, B×h×w×c, of the requested layers before the last finished one, in layer order.
  ///
  /// The output of the last finished layer is `input`.
  public let layers: [Tensor]
  /// The tensors that `layers` holds; keys are held for the last finished layer, too.
  public let reading: LayerReading
  /// The height and width of the grid of positions.
  public let grid: [Int]

  init(depth: Int, input: Tensor, layers: [Tensor], reading: LayerReading = .outputs, grid: [Int]) {
    self.reading = reading
    self.depth = depth
    self.input = input
    self.layers = layers
    self.grid = grid
  }

  /// All tensors: the input of the next layer, layer outputs.
  public var tensors: [Tensor] { [input] + layers }

  /// Returns the same pass with another input of the next layer, of the same shape.
  package func replacingInput(_ input: Tensor) -> ImageTrunk {
    ImageTrunk(depth: depth, input: input, layers: layers, reading: reading, grid: grid)
  }

  /// Applies a function to every tensor; the grid of positions does not change.
  ///
  /// - Parameter change: the function.
  /// - Returns: the changed trunk.
  public func map(_ change: (Tensor) throws -> Tensor) rethrows -> ImageTrunk {
    ImageTrunk(
      depth: depth, input: try change(input), layers: try layers.map(change), reading: reading, grid: grid)
  }
}
