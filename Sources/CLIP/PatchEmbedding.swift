import Torch

/// The patch embedding: pixels to patch tokens, B×3×H×W → B×w×⌊H/p⌋×⌊W/p⌋.
///
/// Without `stemChannels` this is CLIP's one convolution of a whole patch. `stemChannels` adds a
/// chain of 3×3 convolutions with stride 2 before it. Each output is normalised over its own image
/// and passes GELU. The last convolution covers the rest of the patch: 1×1 for a patch of 8 and
/// three stem convolutions (Xiao et al., "Early convolutions help transformers see better", 2021).
/// The stem is for towers that are trained on few images.
final class PatchEmbedding: Module, PatchPass {
  @Child var stem: [PatchStemLayer]
  @Child var projection: Conv2d
  let patchSize: Int

  init(_ configuration: CLIPConfiguration.Vision, _ initializer: Initializer) throws {
    patchSize = configuration.patchSize
    let channels = [3] + (configuration.stemChannels ?? [])
    let rest = patchSize >> (channels.count - 1)
    guard rest << (channels.count - 1) == patchSize else {
      throw TorchError.value(
        "a stem of \(channels.count - 1) convolutions does not fit patches of \(patchSize)")
    }
    _stem = Child(
      "stem",
      try zip(channels, channels.dropFirst()).map {
        try PatchStemLayer($0, $1, epsilon: configuration.epsilon, initializer)
      })
    _projection = Child(
      channels.count == 1 ? "patch_embedding" : "stem.projection",
      try initializer.convolution(
        channels[channels.count - 1], configuration.hiddenSize, kernel: rest, stride: rest))
    super.init()
  }

  /// Compiles the convolutions and copies the normalisations.
  func compiled(for precision: Precision) throws -> CompiledPatchEmbedding {
    defer { releasePages() }
    return CompiledPatchEmbedding(
      stem: try stem.map { try $0.compiled(for: precision) },
      projection: try projection.compiled(for: precision), patchSize: patchSize)
  }
}

/// A patch embedding compiled for inference.
struct CompiledPatchEmbedding: PatchPass, Sendable {
  let stem: [CompiledPatchStemLayer]
  let projection: CompiledConvolution
  let patchSize: Int
}

/// The forward pass from pixels to patch tokens, trained or compiled.
protocol PatchPass: Layer {
  associatedtype Stem: Layer
  associatedtype Projection: Layer

  var stem: [Stem] { get }
  var projection: Projection { get }
  var patchSize: Int { get }
}

extension PatchPass {
  /// Maps B×3×H×W to B×w×⌊H/p⌋×⌊W/p⌋.
  func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    guard !stem.isEmpty else { return try projection(pixels) }
    let sizes = try pixels.sizes(rank: 4, "the pixels")
    // Padded convolutions would make a patch of the remainder. A convolution of whole patches
    // ignores it.
    var x = try (2...3).reduce(pixels) {
      try $0.narrowed(dim: $1, start: 0, length: sizes[$1] / patchSize * patchSize)
    }.channelsLast()
    for layer in stem { x = try layer(x) }
    return try projection(x)
  }
}

/// A 3×3 convolution with stride 2, one-group normalisation and GELU: B×in×h×w → B×out×h/2×w/2.
final class PatchStemLayer: Module, PatchStemPass {
  @Child var convolution: Conv2d
  @Child var norm: GroupNorm

  init(_ inputs: Int, _ outputs: Int, epsilon: Double, _ initializer: Initializer) throws {
    _convolution = Child(
      "convolution", try initializer.convolution(inputs, outputs, kernel: 3, stride: 2, padding: 1))
    _norm = Child("norm", try GroupNorm(groups: 1, channels: outputs, epsilon: epsilon))
  }

  func compiled(for precision: Precision) throws -> CompiledPatchStemLayer {
    CompiledPatchStemLayer(
      convolution: try convolution.compiled(for: precision), norm: try norm.compiled())
  }
}

/// A layer of the stem compiled for inference.
struct CompiledPatchStemLayer: PatchStemPass, Sendable {
  let convolution: CompiledConvolution
  let norm: CompiledGroupNorm
}

/// The forward pass of a stem layer, trained or compiled.
protocol PatchStemPass: Layer {
  associatedtype Convolution: Layer
  associatedtype Norm: Layer

  var convolution: Convolution { get }
  var norm: Norm { get }
}

extension PatchStemPass {
  /// Maps B×in×h×w to B×out×h/2×w/2.
  func callAsFunction(_ x: Tensor) throws -> Tensor { try norm(convolution(x)).gelu() }
}
