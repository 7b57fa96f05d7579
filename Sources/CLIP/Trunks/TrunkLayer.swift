import Torch

/// One pre-norm layer of a transformer of timm, with layer scale on request: B×N×w → B×N×w.
final class TrunkLayer: Module, TransformerBlock {
  @Child var norm1: LayerNorm
  @Child var attention: TrunkAttention
  @Child var norm2: LayerNorm
  @Child private var gate: Linear?
  @Child private var widen: Linear
  @Child var outer: ScaledLinear

  init(_ geometry: TransformerGeometry, _ initializer: Initializer) throws {
    let (width, inner) = (geometry.width, geometry.innerWidth)
    let scale = geometry.scalesLayers ? (geometry.isEva ? "gamma_2" : "ls2.gamma") : nil
    _norm1 = Child("norm1", try LayerNorm(width, epsilon: geometry.epsilon))
    _attention = Child("", try TrunkAttention(geometry, initializer))
    _norm2 = Child("norm2", try LayerNorm(width, epsilon: geometry.epsilon))
    _gate = Child(
      "mlp.fc1_g", geometry.isGated ? try initializer.linear(width, inner, deviation: 0.02) : nil)
    _widen = Child(
      geometry.isGated ? "mlp.fc1_x" : "mlp.fc1", try initializer.linear(width, inner, deviation: 0.02))
    _outer = Child("", try ScaledLinear(key: "mlp.fc2", scale: scale, inner, width, initializer))
  }

  /// Applies the feed-forward's first layer and its activation or gate.
  func inner(_ x: Tensor) throws -> Tensor {
    guard let gate else { return try widen(x).gelu() }
    return try gate(x).silu() * widen(x)
  }

  /// Compiles the layer; `readsValues` gives the value path its own product.
  func compiled(for precision: Precision, readsValues: Bool) throws -> CompiledTrunkLayer {
    defer { releasePages() }
    return CompiledTrunkLayer(
      norm1: try norm1.compiled(),
      attention: try attention.compiled(for: precision, readsValues: readsValues),
      norm2: try norm2.compiled(), gate: try gate?.compiled(for: precision, activation: .silu),
      widen: try widen.compiled(for: precision, activation: gate == nil ? .gelu : .none),
      outer: try outer.compiled(for: precision))
  }
}

/// A layer of a transformer of timm, compiled for inference.
struct CompiledTrunkLayer: TransformerBlock, Sendable {
  let norm1: CompiledLayerNorm
  let attention: CompiledSelfAttention
  let norm2: CompiledLayerNorm
  fileprivate let gate: CompiledLinear?
  fileprivate let widen: CompiledLinear
  let outer: CompiledLinear

  func inner(_ x: Tensor) throws -> Tensor { try gate.map { try $0(x) * widen(x) } ?? widen(x) }
}

/// A linear layer whose outputs are scaled by a factor for each channel, if it has them.
///
/// This is layer scale (Touvron et al., ICCV 2021).
final class ScaledLinear: Module, ResidualLayer {
  @Child private var linear: Linear
  @Parameter private var factors: Tensor?

  init(key: String, scale: String?, _ inputs: Int, _ outputs: Int, _ initializer: Initializer) throws {
    _linear = Child(key, try initializer.linear(inputs, outputs, deviation: 0.02))
    _factors = Parameter(scale ?? "", try scale.map { _ in try .full([outputs], 1e-5) })
  }

  /// Maps …×inputs to …×outputs.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let y = try linear(x)
    return try factors.map { try y * $0 } ?? y
  }

  func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor { try residual + self(x) }

  /// Compiles the layer; the factors go into its weights.
  func compiled(for precision: Precision) throws -> CompiledLinear {
    guard let factors else { return try linear.compiled(for: precision) }
    return try withoutGradients {
      try CompiledLinear(
        linear.weight * factors.expandedDimension(1), bias: linear.bias.map { try $0 * factors },
        precision: precision)
    }
  }
}

/// Self-attention of a transformer of timm: one product computes queries, keys and values.
final class TrunkAttention: Module, AttentionBlock {
  @Child private var joined: Linear
  @Parameter private var queryBias: Tensor?
  @Parameter private var valueBias: Tensor?
  @Child var out: ScaledLinear
  let heads: Int

  init(_ geometry: TransformerGeometry, _ initializer: Initializer) throws {
    let width = geometry.width
    heads = geometry.heads
    let isApart = geometry.attentionBias == .withoutKeys
    _joined = Child(
      "attn.qkv",
      try initializer.linear(width, 3 * width, bias: geometry.attentionBias == .joined, deviation: 0.02))
    _queryBias = Parameter("attn.q_bias", isApart ? try .zeros([width]) : nil)
    _valueBias = Parameter("attn.v_bias", isApart ? try .zeros([width]) : nil)
    let scale = geometry.scalesLayers ? (geometry.isEva ? "gamma_1" : "ls1.gamma") : nil
    _out = Child("", try ScaledLinear(key: "attn.proj", scale: scale, width, width, initializer))
  }

  /// The bias of the joined product; keys have none if the others have their own.
  private var bias: Tensor? {
    get throws {
      guard let queryBias, let valueBias else { return joined.bias }
      return try .concatenated([queryBias, queryBias.zerosLike(), valueBias], dim: 0)
    }
  }

  func projections(_ x: Tensor) throws -> (queries: Tensor, keys: Tensor, values: Tensor) {
    let parts = try x.linear(joined.weight, bias: bias).chunks(3, dim: -1)
    return (parts[0], parts[1], parts[2])
  }

  func values(_ x: Tensor) throws -> Tensor {
    try x.linear(joined.weight.chunks(3, dim: 0)[2], bias: bias?.chunks(3, dim: 0)[2])
  }

  /// Compiles the layer; `readsValues` gives the value path its own product.
  func compiled(for precision: Precision, readsValues: Bool) throws -> CompiledSelfAttention {
    let value =
      readsValues
      ? try CompiledLinear(
        joined.weight.chunks(3, dim: 0)[2], bias: bias?.chunks(3, dim: 0)[2], precision: precision) : nil
    return CompiledSelfAttention(
      heads: heads, out: try out.compiled(for: precision),
      joined: try CompiledLinear(joined.weight, bias: bias, precision: precision), value: value)
  }
}
