import Confounders
import Foundation
import Storage
import Torch

/// The way to compute the sum over confounders.
public enum Adjustment: String, NamedChoice, Sendable {
  /// One pass; a softmax over the dictionary weighs z by its relevance to F (the paper's).
  case attention
  /// One pass; log P(z) is added to the logits, as a backdoor adjustment requires (ours).
  case prior
  /// One pass for every z, averaged with P(z): the reference, at M times the cost (ours).
  case exact
}

/// The causal intervention network A(F, Z): cross-attention from features to confounders.
///
/// Method, section 3.
public final class CausalIntervention: Module {
  @Child private var input: Linear?
  @Child private var layers: [CrossAttentionLayer]
  @Child private var output: Linear?
  @Parameter private var evidenceScale: Tensor?
  /// The learned factor of the evidence in the attention; nil without evidence.
  var evidence: Tensor? { evidenceScale }

  /// Makes a network.
  ///
  /// - Parameters:
  ///   - width: d of the features and the dictionary.
  ///   - innerWidth: the width inside the layers. If it is not `width`, the network has projections
  ///     in and out.
  ///   - depth: the number of layers; 3 in the paper.
  ///   - heads: the number of attention heads; must divide the inner width.
  ///   - outputScale: the factor of the output projections' initial weights.
  ///   - evidence: the initial factor of the cosines of image and confounder; 0 omits them.
  ///   - generator: the random number generator of the initial weights.
  /// - Throws: `MethodError.option` if there is no layer or the heads do not divide the width.
  public init(
    width: Int, innerWidth: Int? = nil, depth: Int, heads: Int, outputScale: Double,
    evidence: Double = 0, generator: Generator
  ) throws {
    let inner = innerWidth ?? width
    guard depth >= 1 else {
      throw MethodError.option(name: "intervention.depth", value: "\(depth)", wanted: "at least 1")
    }
    guard heads >= 1, inner % heads == 0 else {
      throw MethodError.option(
        name: "intervention.heads", value: "\(heads)",
        wanted: "a divisor of the intervention's width \(inner)")
    }
    _input = Child("input", inner == width ? nil : try Linear(width, inner, generator: generator))
    _layers = Child(
      "layers",
      try (0..<depth).map { _ in
        try CrossAttentionLayer(
          width: inner, dictionaryWidth: width, heads: heads, outputScale: outputScale, generator: generator)
      })
    _output = Child("output", inner == width ? nil : try Linear(inner, width, generator: generator))
    _evidenceScale = Parameter(
      "evidence_scale", evidence > 0 ? try .full([1], evidence) : nil)
    super.init()
    if let output {
      output.weight = try output.weight * outputScale
      if let bias = output.bias { output.bias = try bias.zerosLike() }
    }
  }

  /// Maps F to F_ca and the weight of each confounder.
  ///
  /// - Parameters:
  ///   - features: F, B×N×d.
  ///   - entries: z and P(z).
  ///   - adjustment: the way to compute the sum over confounders. No weight depends on it.
  ///   - image: the image-level embedding, B×d. With it, the cosines cos(image, z) are evidence for
  ///     z in the attention of every layer (ours). Nil for the paper's attention.
  /// - Returns: F_ca, B×N×d, and the weights.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func callAsFunction(
    _ features: Tensor, _ entries: ConfounderEntries, adjustment: Adjustment, image: Tensor? = nil
  ) throws -> Intervened {
    let embeddings = entries.embeddings
    guard adjustment == .exact else {
      var bias = adjustment == .prior ? try entries.prior.log() : nil
      if let image, let evidenceScale {
        let cosines = try image.normalized().matmul(embeddings.normalized().transposed())
        let evidence = try (cosines.to(.float32) * evidenceScale).reshaped([-1, 1, 1, embeddings.size(0)])
        bias = try bias.map { try evidence + $0 } ?? evidence
      }
      return try pass(features, embeddings, bias: bias)
    }
    let weights = try entries.prior.doubles()
    let terms = try weights.indices.map { index in
      let single = try embeddings.narrowed(dim: 0, start: index, length: 1)
      return try pass(features, single, bias: nil).features * weights[index]
    }
    // P(z) weights the pass of each z, the same at every position.
    let sizes = try features.sizes(rank: 3, "the features")
    return Intervened(
      features: try terms.dropFirst().reduce(terms[0]) { try $0 + $1 },
      attention: try entries.prior.expanded(to: [sizes[0], sizes[1], -1]))
  }

  private func pass(_ features: Tensor, _ dictionary: Tensor, bias: Tensor?) throws -> Intervened {
    var x = try input?(features) ?? features
    var maps: [Tensor] = []
    for layer in layers {
      let (next, weights) = try layer(x, dictionary, bias: bias)
      maps.append(weights)
      x = next
    }
    let attention = try maps.count == 1 ? maps[0] : Tensor.stacked(maps).mean([0])
    return Intervened(features: try output.map { try features + $0(x) } ?? x, attention: attention)
  }
}

/// The features after the intervention.
public struct Intervened: Sendable {
  /// F_ca, B×N×d.
  public let features: Tensor
  /// The weight of each confounder at each position: B×N×M, sums to 1 over M.
  ///
  /// It is the mean over heads and layers.
  ///
  /// With the `exact` adjustment it is P(z).
  public let attention: Tensor
}

/// One layer of the network: cross-attention and a feed-forward layer of ratio 1.
///
/// Each has normalisation and residual.
final class CrossAttentionLayer: Module {
  @Child private var norm: LayerNorm
  @Child private var dictionaryNorm: LayerNorm
  @Child private var query: Linear
  @Child private var key: Linear
  @Child private var value: Linear
  @Child private var out: Linear
  @Child private var feedForwardNorm: LayerNorm
  @Child private var feedForwardIn: Linear
  @Child private var feedForwardOut: Linear
  private let heads: Int

  init(width: Int, dictionaryWidth: Int, heads: Int, outputScale: Double, generator: Generator) throws {
    self.heads = heads
    _norm = Child("norm", try LayerNorm(width))
    _dictionaryNorm = Child("dictionary_norm", try LayerNorm(dictionaryWidth))
    _query = Child("q_proj", try Linear(width, width, generator: generator))
    _key = Child("k_proj", try Linear(dictionaryWidth, width, generator: generator))
    _value = Child("v_proj", try Linear(dictionaryWidth, width, generator: generator))
    _out = Child("out_proj", try Linear(width, width, generator: generator))
    _feedForwardNorm = Child("mlp_norm", try LayerNorm(width))
    _feedForwardIn = Child("mlp.fc1", try Linear(width, width, generator: generator))
    _feedForwardOut = Child("mlp.fc2", try Linear(width, width, generator: generator))
    super.init()
    // The initial weights are small, so that the first steps change the features little.
    for layer in [out, feedForwardOut] {
      layer.weight = try layer.weight * outputScale
      if let bias = layer.bias { layer.bias = try bias.zerosLike() }
    }
  }

  /// Maps x to the layer's output, B×N×w, and the attention weights, B×N×M, mean over heads.
  ///
  /// x is B×N×w, the dictionary M×d, and the bias is broadcast to B×H×N×M.
  func callAsFunction(_ x: Tensor, _ dictionary: Tensor, bias: Tensor?) throws -> (Tensor, Tensor) {
    let (queries, keys, values) = try projections(x, dictionary)
    let scale = 1 / Double(try queries.size(-1)).squareRoot()
    var logits = try queries.matmul(keys.transposed()) * scale
    if let bias { logits = try logits + bias }
    // Over about twelve entries the plain product is as fast as a fused kernel, and it gives the
    // weights.
    let weights = try logits.softmax(dim: -1)
    let y = try x + out(weights.matmul(values).transposed(1, 2).flattened(from: 2))
    return (try y + feedForwardOut(feedForwardIn(feedForwardNorm(y)).gelu()), try weights.mean([1]))
  }

  private func projections(_ x: Tensor, _ dictionary: Tensor) throws -> (Tensor, Tensor, Tensor) {
    let normed = try dictionaryNorm(dictionary).expandedDimension(0)
    return (try split(query(norm(x))), try split(key(normed)), try split(value(normed)))
  }

  /// Maps B×N×w to B×H×N×(w/H).
  private func split(_ x: Tensor) throws -> Tensor {
    let sizes = try x.sizes(rank: 3, "attention input")
    return try x.reshaped([sizes[0], sizes[1], heads, sizes[2] / heads]).transposed(1, 2)
  }
}
