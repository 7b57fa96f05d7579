import Torch

/// One pre-norm transformer layer of either tower: B×N×w → B×N×w.
final class TransformerLayer: Module {
  @Child var norm1: LayerNorm
  @Child var attention: SelfAttention
  @Child var norm2: LayerNorm
  @Child private var inner: Linear
  @Child private var outer: Linear
  private let isQuick: Bool

  init(
    width: Int, innerWidth: Int, heads: Int, layers: Int, activation: String, epsilon: Double,
    generator: Generator
  ) throws {
    _norm1 = Child("layer_norm1", try LayerNorm(width, epsilon: epsilon))
    _attention = Child("self_attn", try SelfAttention(width: width, heads: heads, layers: layers, generator))
    _norm2 = Child("layer_norm2", try LayerNorm(width, epsilon: epsilon))
    _inner = Child("mlp.fc1", try Linear(width, innerWidth, generator: generator))
    _outer = Child("mlp.fc2", try Linear(innerWidth, width, generator: generator))
    isQuick = activation == "quick_gelu"
    super.init()
    let residual = Double(width).squareRoot() * Double(2 * layers).squareRoot()
    try inner.initialize(deviation: 1 / Double(2 * width).squareRoot(), generator)
    try outer.initialize(deviation: 1 / residual, generator)
  }

  func callAsFunction(_ x: Tensor, causal: Bool = false) throws -> Tensor {
    let y = try x + attention(norm1(x), causal: causal)
    return try y + feedForward(norm2(y))
  }

  func feedForward(_ x: Tensor) throws -> Tensor {
    let hidden = try inner(x)
    return try outer(isQuick ? hidden.quickGelu() : hidden.gelu())
  }
}

/// Multi-head self-attention, with the ways of reading it that dense features need.
final class SelfAttention: Module {
  @Child private var query: Linear
  @Child private var key: Linear
  @Child private var value: Linear
  @Child private var out: Linear
  private let heads: Int

  init(width: Int, heads: Int, layers: Int, _ generator: Generator) throws {
    self.heads = heads
    func projection() throws -> Linear { try Linear(width, width, generator: generator) }
    _query = Child("q_proj", try projection())
    _key = Child("k_proj", try projection())
    _value = Child("v_proj", try projection())
    _out = Child("out_proj", try projection())
    super.init()
    let deviation = 1 / Double(width).squareRoot()
    for layer in [query, key, value] { try layer.initialize(deviation: deviation, generator) }
    try out.initialize(deviation: deviation / Double(2 * layers).squareRoot(), generator)
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

extension Linear {
  /// Draws the weights from a normal distribution, as CLIP does, and clears the bias.
  func initialize(deviation: Double, _ generator: Generator) throws {
    weight = try .randomNormal(weight.shape, generator: generator) * deviation
    if let bias { self.bias = try bias.zerosLike() }
  }
}
