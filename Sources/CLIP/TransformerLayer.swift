import Torch

/// One pre-norm transformer layer of either tower: B×N×w → B×N×w.
final class TransformerLayer: Module {
  @Child var norm1: LayerNorm
  @Child var attention: SelfAttention
  @Child private var norm2: LayerNorm
  @Child private var inner: Linear
  @Child private var outer: Linear
  private let isQuick: Bool
  private var prepared: (inner: PackedLinear, outer: PackedLinear)?

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
    let y = try attention(norm1(x), causal: causal, adding: x)
    if let prepared, !isTraining { return try prepared.outer.adding(prepared.inner(norm2(y)), to: y) }
    let hidden = try inner(norm2(y))
    return try y + outer(isQuick ? hidden.quickGelu() : hidden.gelu())
  }

  override func prepare(for precision: Precision, keepingWeights: Bool) throws {
    try attention.prepare(for: precision, keepingWeights: keepingWeights)
    // x · sigmoid(a·x) is silu(a·x) / a, and both factors go into weights: one pass in place of three.
    let factor = isQuick ? 1.702 : 1
    prepared = (
      try PackedLinear(
        inner.weight * factor, bias: inner.bias.map { try $0 * factor }, precision: precision,
        activation: isQuick ? .silu : .gelu),
      try PackedLinear(outer.weight / factor, bias: outer.bias, precision: precision)
    )
    if !keepingWeights { for layer in [inner, outer] { try layer.giveUpWeights() } }
  }
}

/// Multi-head self-attention, with the ways of reading it that dense features need.
final class SelfAttention: Module {
  @Child private var query: Linear
  @Child private var key: Linear
  @Child private var value: Linear
  @Child private var out: Linear
  private let heads: Int
  /// Whether the value path will be read, and is worth a product of its own.
  var readsValues = false
  /// Queries, keys and values in one product, and the values alone for the value path.
  private var joined: (all: PackedLinear, values: PackedLinear?)?

  init(width: Int, heads: Int, outDeviation: Double, _ initializer: Initializer) throws {
    let deviation = 1 / Double(width).squareRoot()
    self.heads = heads
    _query = Child("q_proj", try initializer.linear(width, width, deviation: deviation))
    _key = Child("k_proj", try initializer.linear(width, width, deviation: deviation))
    _value = Child("v_proj", try initializer.linear(width, width, deviation: deviation))
    _out = Child("out_proj", try initializer.linear(width, width, deviation: outDeviation))
  }

  /// What attention makes of normalised tokens x, with the tokens themselves added.
  func callAsFunction(_ x: Tensor, causal: Bool, adding residual: Tensor) throws -> Tensor {
    let (q, k, v) = try projections(x)
    let read = try split(q).attention(keys: split(k), values: split(v), causal: causal)
    return try out.adding(flat(read), to: residual)
  }

  override func prepare(for precision: Precision, keepingWeights: Bool) throws {
    try out.prepare(for: precision, keepingWeights: keepingWeights)
    let parts = [query, key, value]
    let bias = try Tensor.concatenated(parts.compactMap(\.bias), dim: 0)
    joined = (
      try PackedLinear(
        .concatenated(parts.map(\.weight), dim: 0), bias: bias, precision: precision),
      readsValues ? try PackedLinear(value.weight, bias: value.bias, precision: precision) : nil
    )
    if !keepingWeights { for layer in parts { try layer.giveUpWeights() } }
  }

  /// Queries, keys and values, B×N×w each.
  private func projections(_ x: Tensor) throws -> (Tensor, Tensor, Tensor) {
    guard let joined, !isTraining else { return (try query(x), try key(x), try value(x)) }
    let parts = try joined.all(x).chunks(3, dim: -1)
    return (parts[0], parts[1], parts[2])
  }

  /// The value path alone: every position looks only at itself.
  func valuePath(_ x: Tensor) throws -> Tensor {
    guard let joined, !isTraining else { return try out(value(x)) }
    return try out(joined.values?(x) ?? projections(x).2)
  }

  /// Self-correlative attention: softmax(q·qᵀ) + softmax(k·kᵀ) over the values.
  func correlative(_ x: Tensor) throws -> Tensor {
    let (q, k, v) = try projections(x)
    let (queries, keys, values) = (try split(q), try split(k), try split(v))
    return try out(
      flat(queries.attention(keys: queries, values: values) + keys.attention(keys: keys, values: values)))
  }

  private func split(_ x: Tensor) throws -> Tensor {
    let sizes = try x.sizes(rank: 3, "attention input")
    return try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
  }

  /// B×H×N×(w/H) → B×N×w.
  private func flat(_ x: Tensor) throws -> Tensor { try x.transposed(1, 2).flattened(from: 2) }
}
