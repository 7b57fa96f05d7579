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
    _outer = Child(
      "",
      try ScaledLinear(
        key: "mlp.fc2", scale: scale, norm: geometry.normalizesInside ? ("mlp.norm", geometry.epsilon) : nil,
        inner, width, initializer))
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
  let attention: CompiledTrunkAttention
  let norm2: CompiledLayerNorm
  fileprivate let gate: CompiledLinear?
  fileprivate let widen: CompiledLinear
  let outer: CompiledScaledLinear

  func inner(_ x: Tensor) throws -> Tensor { try gate.map { try $0(x) * widen(x) } ?? widen(x) }
}

/// A linear layer whose outputs are scaled by a factor for each channel, if it has them.
///
/// This is layer scale (Touvron et al., ICCV 2021). The inputs may be normalised, as in EVA-02.
final class ScaledLinear: Module, ResidualLayer {
  @Child private var norm: LayerNorm?
  @Child private var linear: Linear
  @Parameter private var factors: Tensor?

  init(
    key: String, scale: String?, norm: (key: String, epsilon: Double)? = nil, _ inputs: Int, _ outputs: Int,
    _ initializer: Initializer
  ) throws {
    _norm = Child(norm?.key ?? "", try norm.map { try LayerNorm(inputs, epsilon: $0.epsilon) })
    _linear = Child(key, try initializer.linear(inputs, outputs, deviation: 0.02))
    _factors = Parameter(scale ?? "", try scale.map { _ in try .full([outputs], 1e-5) })
  }

  /// Maps …×inputs to …×outputs.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let y = try linear(norm?(x) ?? x)
    return try factors.map { try y * $0 } ?? y
  }

  func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor { try residual + self(x) }

  /// Compiles the layer; the factors go into its weights.
  func compiled(for precision: Precision) throws -> CompiledScaledLinear {
    let norm = try norm?.compiled()
    guard let factors else {
      return CompiledScaledLinear(norm: norm, linear: try linear.compiled(for: precision))
    }
    return try withoutGradients {
      CompiledScaledLinear(
        norm: norm,
        linear: try CompiledLinear(
          linear.weight * factors.expandedDimension(1), bias: linear.bias.map { try $0 * factors },
          precision: precision))
    }
  }
}

/// A linear layer with factors and a normalisation, compiled for inference.
struct CompiledScaledLinear: ResidualLayer, Sendable {
  fileprivate let norm: CompiledLayerNorm?
  fileprivate let linear: CompiledLinear

  /// Maps …×inputs to …×outputs.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try linear(norm?(x) ?? x) }

  func adding(_ x: Tensor, to residual: Tensor) throws -> Tensor {
    try linear.adding(norm?(x) ?? x, to: residual)
  }
}
