import Torch

/// SigLIP's attention pool: a learned query reads all tokens, then a feed-forward with a shortcut.
///
/// Applied as a layer, it maps every token alone, …×w → …×w: attention to one token is its value
/// path. `pooled` maps all tokens to one vector, B×N×w → B×w.
final class ProbePool: Module, ProbePoolPass {
  @Parameter private var probe: Tensor
  @Parameter private var joinedWeight: Tensor
  @Parameter private var joinedBias: Tensor
  @Child var out: Linear
  @Child var norm: LayerNorm
  @Child private var widen: Linear
  @Child var narrow: Linear
  let heads: Int
  private let activation: String

  init(
    width: Int, innerWidth: Int, heads: Int, activation: String, epsilon: Double, _ initializer: Initializer
  ) throws {
    let deviation = 1 / Double(width).squareRoot()
    (self.heads, self.activation) = (heads, activation)
    _probe = Parameter("probe", try initializer.normal([1, 1, width], deviation: deviation))
    _joinedWeight = Parameter(
      "attention.in_proj_weight", try initializer.normal([3 * width, width], deviation: deviation))
    _joinedBias = Parameter("attention.in_proj_bias", try .zeros([3 * width]))
    _out = Child("attention.out_proj", try initializer.linear(width, width, deviation: deviation))
    _norm = Child("layernorm", try LayerNorm(width, epsilon: epsilon))
    _widen = Child("mlp.fc1", try initializer.linear(width, innerWidth, deviation: deviation))
    _narrow = Child(
      "mlp.fc2",
      try initializer.linear(innerWidth, width, deviation: 1 / Double(innerWidth).squareRoot()))
  }

  /// The query of the pool, 1×1×w.
  var query: Tensor {
    get throws { try part(0)(probe) }
  }

  func keys(_ x: Tensor) throws -> Tensor { try part(1)(x) }

  func values(_ x: Tensor) throws -> Tensor { try part(2)(x) }

  /// Returns the product of queries (0), keys (1) or values (2).
  private func part(_ index: Int) throws -> (Tensor) throws -> Tensor {
    let (weight, bias) = (
      try joinedWeight.chunks(3, dim: 0)[index], try joinedBias.chunks(3, dim: 0)[index]
    )
    return { try $0.linear(weight, bias: bias) }
  }

  func inner(_ x: Tensor) throws -> Tensor { try widen(x).activated(by: activation) }

  /// Compiles the products; the query is computed once.
  func compiled(for precision: Precision) throws -> CompiledProbePool {
    defer { releasePages() }
    return try withoutGradients {
      let (weights, biases) = (try joinedWeight.chunks(3, dim: 0), try joinedBias.chunks(3, dim: 0))
      func product(_ index: Int) throws -> CompiledLinear {
        try CompiledLinear(
          weights[index].contiguous(), bias: biases[index].contiguous(), precision: precision)
      }
      let forward = try CompiledLinear.forward(widen, narrow, activation: activation, for: precision)
      return CompiledProbePool(
        heads: heads, query: try query.detached().copy(), key: try product(1), value: try product(2),
        out: try out.compiled(for: precision), norm: try norm.compiled(), widen: forward.inner,
        narrow: forward.outer)
    }
  }
}

/// SigLIP's attention pool compiled for inference.
struct CompiledProbePool: ProbePoolPass, Sendable {
  let heads: Int
  let query: Tensor
  fileprivate let key: CompiledLinear
  fileprivate let value: CompiledLinear
  let out: CompiledLinear
  let norm: CompiledLayerNorm
  fileprivate let widen: CompiledLinear
  let narrow: CompiledLinear

  func keys(_ x: Tensor) throws -> Tensor { try key(x) }
  func values(_ x: Tensor) throws -> Tensor { try value(x) }
  func inner(_ x: Tensor) throws -> Tensor { try widen(x) }
}

/// The forward pass of SigLIP's attention pool, trained or compiled.
protocol ProbePoolPass: Layer {
  associatedtype Output: ResidualLayer
  associatedtype Norm: Layer

  var heads: Int { get }
  /// The query of the pool, 1×1×w.
  var query: Tensor { get throws }
  var out: Output { get }
  var norm: Norm { get }
  /// The feed-forward's second layer.
  var narrow: Output { get }
  /// Computes the keys of the tokens.
  func keys(_ x: Tensor) throws -> Tensor
  /// Computes the values of the tokens.
  func values(_ x: Tensor) throws -> Tensor
  /// Applies the feed-forward's first layer and its activation.
  func inner(_ x: Tensor) throws -> Tensor
}

extension ProbePoolPass {
  /// Maps every token alone, …×w → …×w: its value path and the feed-forward.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try ended(out(values(x))) }

  /// Maps all normalised tokens to one vector, B×N×w → B×w.
  func pooled(_ x: Tensor) throws -> Tensor {
    let batch = try x.sizes(rank: 3, "the attention pool's input")[0]
    let question = try query.to(x.dtype).expanded(to: [batch, -1, -1]).contiguous()
    let read = try split(question).attention(keys: split(keys(x)), values: split(values(x)))
    return try ended(out(read.transposed(1, 2).flattened(from: 2))).squeezed(1)
  }

  private func ended(_ x: Tensor) throws -> Tensor { try narrow.adding(inner(norm(x)), to: x) }

  private func split(_ x: Tensor) throws -> Tensor {
    let sizes = x.shape
    return try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
  }
}

extension Tensor {
  /// Applies an activation by its name in Hugging Face's files.
  func activated(by name: String) throws -> Tensor {
    switch name {
    case "quick_gelu": try quickGelu()
    case CLIPConfiguration.tanhGelu: try tanhGelu()
    default: try gelu()
    }
  }
}

extension CompiledLinear.Activation {
  /// The activation of a product whose weights hold the factor of quick GELU.
  init(named name: String) {
    switch name {
    // x · sigmoid(a·x) is silu(a·x) / a; the next layer divides.
    case "quick_gelu": self = .silu
    case CLIPConfiguration.tanhGelu: self = .tanhGelu
    default: self = .gelu
    }
  }
}
