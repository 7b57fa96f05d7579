import Torch

/// One pre-norm transformer layer of either tower: B×N×w → B×N×w.
final class TransformerLayer: Module {
  @Child var norm1: LayerNorm
  @Child var attention: SelfAttention
  @Child private var norm2: LayerNorm
  @Child private var inner: Linear
  @Child private var outer: Linear
  private let isQuick: Bool

  init(
    width: Int, innerWidth: Int, heads: Int, layers: Int, activation: String, epsilon: Double,
    _ initializer: Initializer
  ) throws {
    let residual = Double(width).squareRoot() * Double(2 * layers).squareRoot()
    _norm1 = Child("layer_norm1", try LayerNorm(width, epsilon: epsilon))
    _attention = Child(
      "self_attn", try SelfAttention(width: width, heads: heads, outDeviation: 1 / residual, initializer))
    _norm2 = Child("layer_norm2", try LayerNorm(width, epsilon: epsilon))
    _inner = Child(
      "mlp.fc1",
      try initializer.linear(width, innerWidth, deviation: 1 / Double(2 * width).squareRoot()))
    _outer = Child("mlp.fc2", try initializer.linear(innerWidth, width, deviation: 1 / residual))
    isQuick = activation == "quick_gelu"
    super.init()
  }

  func callAsFunction(_ x: Tensor, causal: Bool = false) throws -> Tensor {
    let y = try x + attention(norm1(x), causal: causal)
    let hidden = try inner(norm2(y))
    return try y + outer(isQuick ? hidden.quickGelu() : hidden.gelu())
  }
}

/// Multi-head self-attention, with the ways of reading it that dense features need.
final class SelfAttention: Module {
  @Child private var query: Linear
  @Child private var key: Linear
  @Child private var value: Linear
  @Child private var out: Linear
  private let heads: Int

  init(width: Int, heads: Int, outDeviation: Double, _ initializer: Initializer) throws {
    let deviation = 1 / Double(width).squareRoot()
    self.heads = heads
    _query = Child("q_proj", try initializer.linear(width, width, deviation: deviation))
    _key = Child("k_proj", try initializer.linear(width, width, deviation: deviation))
    _value = Child("v_proj", try initializer.linear(width, width, deviation: deviation))
    _out = Child("out_proj", try initializer.linear(width, width, deviation: outDeviation))
  }

  func callAsFunction(_ x: Tensor, causal: Bool) throws -> Tensor {
    try merge(split(query(x)).attention(keys: split(key(x)), values: split(value(x)), causal: causal))
  }

  /// The value path alone: every position looks only at itself.
  func valuePath(_ x: Tensor) throws -> Tensor { try out(value(x)) }

  /// Self-correlative attention: softmax(q·qᵀ) + softmax(k·kᵀ) over the values.
  func correlative(_ x: Tensor) throws -> Tensor {
    let (q, k, v) = (try split(query(x)), try split(key(x)), try split(value(x)))
    return try merge(q.attention(keys: q, values: v) + k.attention(keys: k, values: v))
  }

  private func split(_ x: Tensor) throws -> Tensor {
    let sizes = try x.sizes(rank: 3, "attention input")
    return try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
  }

  private func merge(_ x: Tensor) throws -> Tensor { try out(x.transposed(1, 2).flattened(from: 2)) }
}
