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

  /// Attends from the mean, B×1×w, to tokens, B×N×w: B×w.
  func read(_ mean: Tensor, _ tokens: Tensor) throws -> Tensor {
    func split(_ x: Tensor) throws -> Tensor {
      let sizes = x.shape
      return try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
    }
    return try split(query(mean)).attention(keys: split(key(tokens)), values: split(value(tokens)))
      .transposed(1, 2).flattened(from: 1)
  }

  /// The number of channels of the embedding.
  var outputs: Int { out.weight.shape[0] }

  /// Compiles the projections and copies the position embeddings.
  func compiled(for precision: Precision) throws -> CompiledAttentionPool {
    defer { releasePages() }
    let (type, width) = (precision.activationType, key.weight.shape[1])
    return try withoutGradients {
      CompiledAttentionPool(
        positions: try positions.detached().copy(), query: try query.compiled(for: precision),
        keyWeights: try key.weight.copy(as: type).reshaped([heads, -1, width]),
        valueWeights: try value.weight.copy(as: type).reshaped([heads, -1, width]).transposed(1, 2)
          .contiguous(),
        valueBias: try value.bias?.copy(as: type), value: try value.compiled(for: precision),
        out: try out.compiled(for: precision), heads: heads, side: side)
    }
  }
}

/// An attention pool compiled for inference.
///
/// It has a single query. So the products change places: each head's query goes through the weights of
/// the keys, and the weighted sum of the tokens through those of the values, in place of every token.
/// The bias of the keys adds the same to all logits, which softmax ignores.
struct CompiledAttentionPool: AttentionPoolPass, Sendable {
  let positions: Tensor
  let query: CompiledLinear
  /// H×(w/H)×w.
  fileprivate let keyWeights: Tensor
  /// H×w×(w/H).
  fileprivate let valueWeights: Tensor
  fileprivate let valueBias: Tensor?
  let value: CompiledLinear
  let out: CompiledLinear
  let heads: Int
  let side: Int

  /// Attends from the mean, B×1×w, to tokens, B×N×w: B×w.
  func read(_ mean: Tensor, _ tokens: Tensor) throws -> Tensor {
    let shape = tokens.shape
    let (batch, width) = (shape[0], shape[2])
    let scale = 1 / Double(width / heads).squareRoot()
    let asked = try (query(mean) * scale).reshaped([batch, heads, width / heads]).transposed(0, 1)
    let found = try asked.matmul(keyWeights).transposed(0, 1)
    let weights = try found.matmul(tokens.transposed(1, 2)).softmax(dim: -1)
    let mixed = try weights.matmul(tokens).transposed(0, 1).matmul(valueWeights)
    let values = try mixed.transposed(0, 1).reshaped([batch, width])
    return try valueBias.map { try values + $0 } ?? values
  }
}

/// The forward pass of an attention pool, trained or compiled.
protocol AttentionPoolPass {
  associatedtype Projection: Layer

  var positions: Tensor { get }
  var query: Projection { get }
  var value: Projection { get }
  var out: Projection { get }
  var heads: Int { get }
  /// The side of the grid that the position embeddings were trained on.
  var side: Int { get }
  /// Attends from the mean, B×1×w, to tokens, B×N×w: B×w.
  func read(_ mean: Tensor, _ tokens: Tensor) throws -> Tensor
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
    return try out(read(mean, tokens))
  }

  /// Returns the value path at each position, B×h×w×d, without position embeddings.
  ///
  /// This is MaskCLIP (Zhou et al., 2022).
  func dense(_ x: Tensor) throws -> Tensor { try out(value(x.permuted([0, 2, 3, 1]))) }
}
