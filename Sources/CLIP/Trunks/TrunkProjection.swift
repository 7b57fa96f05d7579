import Torch

/// The map from a trunk's features to the joint space, as OpenCLIP builds it beside a trunk of timm.
final class TrunkProjection: Module, Layer {
  @Child private var first: Linear?
  @Child private var last: Linear?
  /// The channels of the output.
  let outputs: Int

  /// The kinds, by OpenCLIP's names of `timm_proj`.
  enum Kind: String, CaseIterable {
    /// One product.
    case linear
    /// Two products with GELU between them.
    case mlp
    /// The trunk's own classifier.
    case classifier
    /// No map: the features are those of the trunk.
    case none
  }

  /// Makes the map that a configuration names.
  ///
  /// - Parameters:
  ///   - configuration: the kind, and whether the last product has a bias.
  ///   - inputs: the channels of the trunk's features.
  ///   - outputs: the width d of the joint space.
  ///   - classifier: the key of the trunk's classifier.
  ///   - initializer: the source of the initial weights.
  /// - Throws: `TorchError.value` for an unknown kind, or for none between different widths.
  init(
    _ configuration: CLIPConfiguration.Vision, _ inputs: Int, _ outputs: Int, classifier: String,
    _ initializer: Initializer
  ) throws {
    let name = configuration.trunkProjection ?? Kind.linear.rawValue
    guard let kind = Kind(rawValue: name), kind != .none || inputs == outputs else {
      throw TorchError.value("trunk_proj \"\(name)\" does not map \(inputs) channels to \(outputs)")
    }
    self.outputs = outputs
    let hasBias = configuration.trunkProjectionHasBias ?? false
    func layer(_ inputs: Int, _ outputs: Int, bias: Bool) throws -> Linear {
      try initializer.linear(
        inputs, outputs, bias: bias, deviation: 1 / Double(inputs).squareRoot())
    }
    _first = Child(
      "visual.head.mlp.fc1", kind == .mlp ? try layer(inputs, 2 * outputs, bias: true) : nil)
    switch kind {
    case .linear: _last = Child("visual.head.proj", try layer(inputs, outputs, bias: hasBias))
    case .mlp: _last = Child("visual.head.mlp.fc2", try layer(2 * outputs, outputs, bias: hasBias))
    case .classifier:
      _last = Child("visual.trunk.\(classifier)", try layer(inputs, outputs, bias: true))
    case .none: _last = Child("visual.head", nil)
    }
  }

  /// Maps …×inputs to …×d.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let inner = try first?(x).gelu() ?? x
    return try last?(inner) ?? inner
  }

  /// Compiles the products.
  func compiled(for precision: Precision) throws -> CompiledTrunkProjection {
    CompiledTrunkProjection(
      first: try first?.compiled(for: precision, activation: .gelu),
      last: try last?.compiled(for: precision))
  }
}

/// The map from a trunk's features to the joint space, compiled for inference.
struct CompiledTrunkProjection: Layer, Sendable {
  fileprivate let first: CompiledLinear?
  fileprivate let last: CompiledLinear?

  /// Maps …×inputs to …×d.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let inner = try first?(x) ?? x
    return try last?(inner) ?? inner
  }
}
