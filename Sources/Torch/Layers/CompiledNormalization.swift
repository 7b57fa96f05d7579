/// A layer normalisation with its own, constant weights.
public struct CompiledLayerNorm: Layer, Sendable {
  private let weight: Tensor
  private let bias: Tensor
  private let epsilon: Double

  /// Copies a layer's weights.
  fileprivate init(_ layer: LayerNorm) throws {
    (weight, bias) = (try layer.weight.detached().copy(), try layer.bias.detached().copy())
    epsilon = layer.epsilon
  }

  /// Maps …×width to …×width.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x.layerNorm([weight.count], weight: weight, bias: bias, epsilon: epsilon)
  }
}

/// A group normalisation with its own, constant weights.
public struct CompiledGroupNorm: Layer, Sendable {
  private let weight: Tensor
  private let bias: Tensor
  private let groups: Int
  private let epsilon: Double

  /// Copies a layer's weights.
  fileprivate init(_ layer: GroupNorm) throws {
    (weight, bias) = (try layer.weight.detached().copy(), try layer.bias.detached().copy())
    (groups, epsilon) = (layer.groups, layer.epsilon)
  }

  /// Maps B×C×… to B×C×….
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    try x.groupNorm(groups, weight: weight, bias: bias, epsilon: epsilon)
  }
}

extension LayerNorm {
  /// Compiles the layer: copies its weights, for inputs of any type.
  ///
  /// - Throws: `TorchError` if memory is short.
  public func compiled() throws -> CompiledLayerNorm { try CompiledLayerNorm(self) }
}

extension GroupNorm {
  /// Compiles the layer: copies its weights, for inputs of any type.
  ///
  /// - Throws: `TorchError` if memory is short.
  public func compiled() throws -> CompiledGroupNorm { try CompiledGroupNorm(self) }
}
