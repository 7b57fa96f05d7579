/// A function of one tensor: a layer of a module, or the same layer compiled for inference.
///
/// A forward pass over `Layer`s serves both the trained module and the compiled one.
public protocol Layer {
  /// Applies the layer; the conforming type documents the shapes.
  ///
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  func callAsFunction(_ x: Tensor) throws -> Tensor
}

/// A layer that can add another tensor to its output.
public protocol ResidualLayer: Layer {
  /// Returns the output for x plus another tensor of the output's shape.
  ///
  /// - Parameters:
  ///   - x: the input.
  ///   - residual: the tensor to add, of the output's shape.
  /// - Returns: the sum.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor
}
