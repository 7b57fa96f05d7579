import Torch

/// One pre-norm transformer layer of either tower: B×N×w → B×N×w.
final class TransformerLayer: Module, TransformerBlock {
  @Child var norm1: LayerNorm
  @Child var attention: SelfAttention
  @Child var norm2: LayerNorm
  @Child private var innerLayer: Linear
  @Child var outer: Linear
  private let activation: String

  init(
    width: Int, innerWidth: Int, heads: Int, layers: Int, activation: String, epsilon: Double,
    _ initializer: Initializer
  ) throws {
    let residual = Double(width).squareRoot() * Double(2 * layers).squareRoot()
    _norm1 = Child("layer_norm1", try LayerNorm(width, epsilon: epsilon))
    _attention = Child(
      "self_attn", try SelfAttention(width: width, heads: heads, outDeviation: 1 / residual, initializer))
    _norm2 = Child("layer_norm2", try LayerNorm(width, epsilon: epsilon))
    _innerLayer = Child(
      "mlp.fc1",
      try initializer.linear(width, innerWidth, deviation: 1 / Double(2 * width).squareRoot()))
    _outer = Child("mlp.fc2", try initializer.linear(innerWidth, width, deviation: 1 / residual))
    self.activation = activation
    super.init()
  }

  /// Applies the feed-forward's first layer and its activation.
  func inner(_ x: Tensor) throws -> Tensor {
    try innerLayer(x).activated(by: activation)
  }

  /// Compiles the layer; `readsValues` gives the value path its own product.
  func compiled(for precision: Precision, readsValues: Bool) throws -> CompiledTransformerLayer {
    defer { releasePages() }
    return try withoutGradients {
      let forward = try CompiledLinear.forward(innerLayer, outer, activation: activation, for: precision)
      return CompiledTransformerLayer(
        norm1: try norm1.compiled(),
        attention: try attention.compiled(for: precision, readsValues: readsValues),
        norm2: try norm2.compiled(), innerLayer: forward.inner, outer: forward.outer)
    }
  }
}

extension CompiledLinear {
  /// Compiles both layers of a feed-forward, with the activation between them.
  static func forward(
    _ inner: Linear, _ outer: Linear, activation: String, for precision: Precision
  ) throws -> (inner: CompiledLinear, outer: CompiledLinear) {
    // x · sigmoid(a·x) is silu(a·x) / a. Both factors go into weights: one pass instead of three.
    let factor = activation == "quick_gelu" ? 1.702 : 1
    return (
      try CompiledLinear(
        inner.weight * factor, bias: inner.bias.map { try $0 * factor }, precision: precision,
        activation: Activation(named: activation)),
      try CompiledLinear(outer.weight / factor, bias: outer.bias, precision: precision)
    )
  }
}

/// A transformer layer compiled for inference.
struct CompiledTransformerLayer: TransformerBlock, Sendable {
  let norm1: CompiledLayerNorm
  let attention: CompiledSelfAttention
  let norm2: CompiledLayerNorm
  fileprivate let innerLayer: CompiledLinear
  let outer: CompiledLinear

  func inner(_ x: Tensor) throws -> Tensor { try innerLayer(x) }
}

/// Multi-head self-attention of a transformer layer.
final class SelfAttention: Module, AttentionBlock {
  @Child private var query: Linear
  @Child private var key: Linear
  @Child private var value: Linear
  @Child var out: Linear
  let heads: Int

  init(width: Int, heads: Int, outDeviation: Double, _ initializer: Initializer) throws {
    let deviation = 1 / Double(width).squareRoot()
    self.heads = heads
    _query = Child("q_proj", try initializer.linear(width, width, deviation: deviation))
    _key = Child("k_proj", try initializer.linear(width, width, deviation: deviation))
    _value = Child("v_proj", try initializer.linear(width, width, deviation: deviation))
    _out = Child("out_proj", try initializer.linear(width, width, deviation: outDeviation))
  }

  func projections(_ x: Tensor) throws -> (queries: Tensor, keys: Tensor, values: Tensor) {
    (try query(x), try key(x), try value(x))
  }

  func values(_ x: Tensor) throws -> Tensor { try value(x) }

  /// Compiles the layer; `readsValues` gives the value path its own product.
  func compiled(for precision: Precision, readsValues: Bool) throws -> CompiledSelfAttention {
    let parts = [query, key, value]
    let bias = try Tensor.concatenated(parts.compactMap(\.bias), dim: 0)
    return CompiledSelfAttention(
      heads: heads, out: try out.compiled(for: precision),
      joined: try CompiledLinear(
        .concatenated(parts.map(\.weight), dim: 0), bias: bias, precision: precision),
      value: readsValues ? try value.compiled(for: precision) : nil)
  }
}

/// Self-attention compiled for inference: one product computes queries, keys and values.
struct CompiledSelfAttention: AttentionBlock, Sendable {
  let heads: Int
  let out: CompiledLinear
  let joined: CompiledLinear
  /// The projection to values alone, for a layer whose value path is read.
  let value: CompiledLinear?

  func projections(_ x: Tensor) throws -> (queries: Tensor, keys: Tensor, values: Tensor) {
    let parts = try joined(x).chunks(3, dim: -1)
    return (parts[0], parts[1], parts[2])
  }

  func values(_ x: Tensor) throws -> Tensor { try value?(x) ?? projections(x).values }
}
