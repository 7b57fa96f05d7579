import Torch

/// An attention pool whose query is the mean over all positions: B×w×h×w → B×d.
final class AttentionPool: Module, AttentionPoolPass {
  @Parameter var positions: Tensor
  @Child var query: Linear
  @Child var key: Linear
  @Child var value: Linear
  @Child var out: Linear
  let heads: Int
  let side: Int

  init(side: Int, width: Int, heads: Int, outputs: Int, _ initializer: Initializer) throws {
    let deviation = 1 / Double(width).squareRoot()
    self.heads = heads
    self.side = side
    _positions = Parameter(
      "positional_embedding", try initializer.normal([side * side + 1, width], deviation: deviation))
    _query = Child("q_proj", try initializer.linear(width, width, deviation: deviation))
    _key = Child("k_proj", try initializer.linear(width, width, deviation: deviation))
    _value = Child("v_proj", try initializer.linear(width, width, deviation: deviation))
    _out = Child("c_proj", try initializer.linear(width, outputs, deviation: deviation))
  }

  /// The number of channels of the embedding.
  var outputs: Int { out.weight.shape[0] }

  /// Compiles the projections and copies the position embeddings.
  func compiled(for precision: Precision) throws -> CompiledAttentionPool {
    defer { releasePages() }
    return CompiledAttentionPool(
      positions: try positions.detached().copy(), query: try query.compiled(for: precision),
      key: try key.compiled(for: precision), value: try value.compiled(for: precision),
      out: try out.compiled(for: precision), heads: heads, side: side)
  }
}

/// An attention pool compiled for inference.
struct CompiledAttentionPool: AttentionPoolPass, Sendable {
  let positions: Tensor
  let query: CompiledLinear
  let key: CompiledLinear
  let value: CompiledLinear
  let out: CompiledLinear
  let heads: Int
  let side: Int
}

/// The forward pass of an attention pool, trained or compiled.
protocol AttentionPoolPass {
  associatedtype Projection: Layer

  var positions: Tensor { get }
  var query: Projection { get }
  var key: Projection { get }
  var value: Projection { get }
  var out: Projection { get }
  var heads: Int { get }
  /// The side of the grid that the position embeddings were trained on.
  var side: Int { get }
}

extension AttentionPoolPass {
  /// Maps B×w×h×w to B×d.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let sizes = try x.sizes(rank: 4, "the attention pool's input")
    let cells = try x.flattened(from: 2).transposed(1, 2)
    let tokens =
      try .concatenated([cells.mean([1], keepDimensions: true), cells], dim: 1)
      + interpolated(positions, side: side, height: sizes[2], width: sizes[3]).to(cells.dtype)
    let mean = try tokens.narrowed(dim: 1, start: 0, length: 1)
    let read = try split(query(mean)).attention(keys: split(key(tokens)), values: split(value(tokens)))
    return try out(read.transposed(1, 2).flattened(from: 2)).squeezed(1)
  }

  /// Returns the value path at each position, B×h×w×d, without position embeddings.
  ///
  /// This is MaskCLIP (Zhou et al., 2022).
  func dense(_ x: Tensor) throws -> Tensor { try out(value(x.permuted([0, 2, 3, 1]))) }

  private func split(_ x: Tensor) throws -> Tensor {
    let sizes = x.shape
    return try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
  }
}
