import Torch

/// The pass through a pre-norm transformer layer, trained or compiled: B×N×w → B×N×w.
protocol TransformerBlock {
  associatedtype Norm: Layer
  associatedtype Attention: AttentionBlock
  associatedtype Outer: ResidualLayer

  var norm1: Norm { get }
  var attention: Attention { get }
  var norm2: Norm { get }
  /// The feed-forward's second layer.
  var outer: Outer { get }
  /// The feed-forward's first layer and its activation, B×N×w → B×N×inner.
  func inner(_ x: Tensor) throws -> Tensor
}

extension TransformerBlock {
  /// B×N×w → B×N×w; causal attention sees earlier tokens only.
  func callAsFunction(_ x: Tensor, causal: Bool = false) throws -> Tensor {
    let y = try attention(norm1(x), causal: causal, adding: x)
    return try outer.adding(inner(norm2(y)), to: y)
  }
}

/// Multi-head self-attention, trained or compiled, with the ways of reading it that dense features need.
protocol AttentionBlock {
  associatedtype Output: ResidualLayer

  var heads: Int { get }
  var out: Output { get }
  /// Queries, keys and values, B×N×w each.
  func projections(_ x: Tensor) throws -> (queries: Tensor, keys: Tensor, values: Tensor)
  /// The values alone, B×N×w.
  func values(_ x: Tensor) throws -> Tensor
}

extension AttentionBlock {
  /// Attention over normalised tokens x, with the residual added.
  func callAsFunction(_ x: Tensor, causal: Bool, adding residual: Tensor) throws -> Tensor {
    let (q, k, v) = try projections(x)
    let read = try split(q).attention(keys: split(k), values: split(v), causal: causal)
    return try out.adding(flat(read), to: residual)
  }

  /// The value path alone: every position looks only at itself.
  func valuePath(_ x: Tensor) throws -> Tensor { try out(values(x)) }

  /// Self-correlative attention: softmax(q·qᵀ) + softmax(k·kᵀ) over the values.
  func correlative(_ x: Tensor) throws -> Tensor {
    let (q, k, v) = try projections(x)
    let (queries, keys, values) = (try split(q), try split(k), try split(v))
    return try out(
      flat(queries.attention(keys: queries, values: values) + keys.attention(keys: keys, values: values)))
  }

  /// B×N×w → B×H×N×(w/H).
  private func split(_ x: Tensor) throws -> Tensor {
    let sizes = try x.sizes(rank: 3, "attention input")
    return try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
  }

  /// B×H×N×(w/H) → B×N×w.
  private func flat(_ x: Tensor) throws -> Tensor { try x.transposed(1, 2).flattened(from: 2) }
}
