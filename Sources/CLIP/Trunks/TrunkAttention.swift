import Torch

/// Self-attention of a transformer of timm.
///
/// One product computes queries, keys and values, or each has its own (`AttentionBias.apart`).
final class TrunkAttention: Module, AttentionBlock {
  @Child private var joined: Linear?
  @Parameter private var queryBias: Tensor?
  @Parameter private var valueBias: Tensor?
  @Child private var query: Linear?
  @Child private var key: Linear?
  @Child private var value: Linear?
  @Child var out: ScaledLinear
  let heads: Int

  init(_ geometry: TransformerGeometry, _ initializer: Initializer) throws {
    let width = geometry.width
    heads = geometry.heads
    let kind = geometry.attentionBias
    func product(_ factor: Int = 1, bias: Bool, if isThere: Bool) throws -> Linear? {
      isThere ? try initializer.linear(width, factor * width, bias: bias, deviation: 0.02) : nil
    }
    let isApart = kind == .apart
    _joined = Child("attn.qkv", try product(3, bias: kind == .joined, if: !isApart))
    _queryBias = Parameter("attn.q_bias", kind == .withoutKeys ? try .zeros([width]) : nil)
    _valueBias = Parameter("attn.v_bias", kind == .withoutKeys ? try .zeros([width]) : nil)
    _query = Child("attn.q_proj", try product(bias: true, if: isApart))
    _key = Child("attn.k_proj", try product(bias: false, if: isApart))
    _value = Child("attn.v_proj", try product(bias: true, if: isApart))
    let scale = geometry.scalesLayers ? (geometry.isEva ? "gamma_1" : "ls1.gamma") : nil
    _out = Child(
      "",
      try ScaledLinear(
        key: "attn.proj", scale: scale,
        norm: geometry.normalizesInside ? ("attn.norm", geometry.epsilon) : nil,
        width, width, initializer))
  }

  /// The weights of queries, keys and values, 3w×w.
  private var weight: Tensor {
    get throws {
      if let joined { return joined.weight }
      return try .concatenated([query, key, value].compactMap { $0?.weight }, dim: 0)
    }
  }

  /// The bias of the joined product; keys have none if the others have their own.
  private var bias: Tensor? {
    get throws {
      guard let first = queryBias ?? query?.bias, let last = valueBias ?? value?.bias else {
        return joined?.bias
      }
      return try .concatenated([first, first.zerosLike(), last], dim: 0)
    }
  }

  func projections(_ x: Tensor) throws -> (queries: Tensor, keys: Tensor, values: Tensor) {
    if let query, let key, let value { return (try query(x), try key(x), try value(x)) }
    let parts = try x.linear(weight, bias: bias).chunks(3, dim: -1)
    return (parts[0], parts[1], parts[2])
  }

  func values(_ x: Tensor) throws -> Tensor {
    if let value { return try value(x) }
    return try x.linear(weight.chunks(3, dim: 0)[2], bias: bias?.chunks(3, dim: 0)[2])
  }

  /// Compiles the layer; `readsValues` gives the value path its own product.
  func compiled(for precision: Precision, readsValues: Bool) throws -> CompiledTrunkAttention {
    try withoutGradients {
      let (weight, bias) = (try weight, try bias)
      let value =
        readsValues
        ? try CompiledLinear(
          weight.chunks(3, dim: 0)[2], bias: bias?.chunks(3, dim: 0)[2], precision: precision) : nil
      return CompiledTrunkAttention(
        heads: heads, out: try out.compiled(for: precision),
        joined: try CompiledLinear(weight, bias: bias, precision: precision), value: value)
    }
  }
}

/// Self-attention of a transformer of timm compiled for inference, with one product.
struct CompiledTrunkAttention: AttentionBlock, Sendable {
  let heads: Int
  let out: CompiledScaledLinear
  fileprivate let joined: CompiledLinear
  /// The projection to values alone, for a layer whose value path is read.
  fileprivate let value: CompiledLinear?

  func projections(_ x: Tensor) throws -> (queries: Tensor, keys: Tensor, values: Tensor) {
    let parts = try joined(x).chunks(3, dim: -1)
    return (parts[0], parts[1], parts[2])
  }

  func values(_ x: Tensor) throws -> Tensor { try value?(x) ?? projections(x).values }
}
