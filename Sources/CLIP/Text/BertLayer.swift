import Torch

/// One post-norm transformer layer of BERT: B×N×w → B×N×w.
final class BertLayer: Module {
  @Child private var query: Linear
  @Child private var key: Linear
  @Child private var value: Linear
  @Child private var out: Linear
  @Child private var norm1: LayerNorm
  @Child private var innerLayer: Linear
  @Child private var outer: Linear
  @Child private var norm2: LayerNorm
  private let heads: Int

  /// The deviation of initial weights.
  static let deviation = 0.02

  init(_ configuration: CLIPConfiguration.Text, _ initializer: Initializer) throws {
    let (width, wide) = (configuration.hiddenSize, configuration.intermediateSize)
    heads = configuration.heads
    func linear(_ inputs: Int, _ outputs: Int) throws -> Linear {
      try initializer.linear(inputs, outputs, deviation: Self.deviation)
    }
    _query = Child("attention.self.query", try linear(width, width))
    _key = Child("attention.self.key", try linear(width, width))
    _value = Child("attention.self.value", try linear(width, width))
    _out = Child("attention.output.dense", try linear(width, width))
    _norm1 = Child("attention.output.LayerNorm", try LayerNorm(width, epsilon: configuration.epsilon))
    _innerLayer = Child("intermediate.dense", try linear(width, wide))
    _outer = Child("output.dense", try linear(wide, width))
    _norm2 = Child("output.LayerNorm", try LayerNorm(width, epsilon: configuration.epsilon))
  }

  /// Maps B×N×w to B×N×w.
  ///
  /// - Parameters:
  ///   - x: B×N×w.
  ///   - mask: added to the logits of the attention, B×1×1×N.
  /// - Returns: B×N×w.
  /// - Throws: `TorchError` if the shapes do not fit.
  func callAsFunction(_ x: Tensor, mask: Tensor) throws -> Tensor {
    let (queries, keys, values) = (try split(query(x)), try split(key(x)), try split(value(x)))
    let read = try queries.attention(keys: keys, values: values, mask: mask.to(queries.dtype))
    let y = try norm1(out(read.transposed(1, 2).flattened(from: 2)) + x)
    return try norm2(outer(innerLayer(y).gelu()) + y)
  }

  /// Maps B×N×w to B×H×N×(w/H).
  private func split(_ x: Tensor) throws -> Tensor {
    let sizes = x.shape
    return try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
  }
}
