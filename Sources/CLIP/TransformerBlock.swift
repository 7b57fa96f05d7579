import Torch

/// The forward pass of a pre-norm transformer layer, trained or compiled: B×N×w → B×N×w.
protocol TransformerBlock {
  associatedtype Norm: Layer
  associatedtype Attention: AttentionBlock
  associatedtype Outer: ResidualLayer

  var norm1: Norm { get }
  var attention: Attention { get }
  var norm2: Norm { get }
  /// The feed-forward's second layer.
  var outer: Outer { get }
  /// Applies the feed-forward's first layer and its activation, B×N×w → B×N×inner.
  func inner(_ x: Tensor) throws -> Tensor
}

extension TransformerBlock {
  /// Maps B×N×w to B×N×w; causal attention sees only earlier tokens.
  func callAsFunction(_ x: Tensor, causal: Bool = false, rotation: Rotation? = nil) throws -> Tensor {
    try pass(x, causal: causal, rotation: rotation, keepsKeys: false).output
  }

  /// Maps B×N×w to B×N×w and returns the keys, B×N×w before any rotation, if they are kept.
  func pass(
    _ x: Tensor, causal: Bool = false, rotation: Rotation?, keepsKeys: Bool
  ) throws -> (output: Tensor, keys: Tensor?) {
    let (y, keys) = try attention.pass(
      norm1(x), causal: causal, rotation: rotation, adding: x, keepsKeys: keepsKeys)
    return (try outer.adding(inner(norm2(y)), to: y), keys)
  }
}

/// Multi-head self-attention, trained or compiled, with the readings for dense features.
protocol AttentionBlock {
  associatedtype Output: ResidualLayer

  var heads: Int { get }
  var out: Output { get }
  /// Computes queries, keys and values, B×N×w each.
  func projections(_ x: Tensor) throws -> (queries: Tensor, keys: Tensor, values: Tensor)
  /// Computes the values alone, B×N×w.
  func values(_ x: Tensor) throws -> Tensor
}

extension AttentionBlock {
  /// Computes attention over normalised tokens x and adds the residual.
  ///
  /// - Parameters:
  ///   - x: B×N×w, normalised.
  ///   - causal: whether a token sees only earlier ones.
  ///   - rotation: the rotary positions of queries and keys, if the tower has them.
  ///   - residual: B×N×w.
  ///   - keepsKeys: whether the keys are returned.
  /// - Returns: the sum, and the keys before the rotation.
  /// - Throws: `TorchError` if the shapes do not fit.
  func pass(
    _ x: Tensor, causal: Bool, rotation: Rotation?, adding residual: Tensor, keepsKeys: Bool
  ) throws -> (output: Tensor, keys: Tensor?) {
    let (q, k, v) = try projections(x)
    let (queries, keys) = (try turned(q, rotation), try turned(k, rotation))
    let read = try queries.attention(keys: keys, values: split(v), causal: causal)
    return (try out.adding(flat(read), to: residual), keepsKeys ? k : nil)
  }

  /// Computes the value path alone: every position attends only to itself.
  func valuePath(_ x: Tensor) throws -> Tensor { try out(values(x)) }

  /// Computes self-correlative attention: softmax(q·qᵀ) + softmax(k·kᵀ) over the values.
  func correlative(_ x: Tensor, rotation: Rotation? = nil) throws -> Tensor {
    let (q, k, v) = try projections(x)
    let (queries, keys, values) = (try turned(q, rotation), try turned(k, rotation), try split(v))
    return try out(
      flat(queries.attention(keys: queries, values: values) + keys.attention(keys: keys, values: values)))
  }

  /// Splits into heads and applies the rotary positions, if any.
  private func turned(_ x: Tensor, _ rotation: Rotation?) throws -> Tensor {
    try rotation?(split(x)) ?? split(x)
  }

  /// Maps B×N×w to B×H×N×(w/H).
  private func split(_ x: Tensor) throws -> Tensor {
    let sizes = try x.sizes(rank: 3, "attention input")
    return try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
  }

  /// Maps B×H×N×(w/H) to B×N×w.
  private func flat(_ x: Tensor) throws -> Tensor { try x.transposed(1, 2).flattened(from: 2) }
}
