import Torch

/// Pixels to patch tokens: B×3×H×W → B×w×⌊H/p⌋×⌊W/p⌋.
///
/// Without `stemChannels` this is CLIP's one convolution of a whole patch. With them a chain of 3×3 convolutions with
/// stride 2 stands before it, each normalised over its own image and passed through GELU, and the last convolution
/// takes what is left of the patch: 1×1 for a patch of 8 and three of them (Xiao et al., "Early convolutions help
/// transformers see better", 2021). It is for towers that are trained on few images.
final class PatchEmbedding: Module {
  @Child private var stem: [StemLayer]
  @Child private var projection: Conv2d
  private let patchSize: Int

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
        try StemLayer($0, $1, epsilon: configuration.epsilon, initializer)
      })
    _projection = Child(
      channels.count == 1 ? "patch_embedding" : "stem.projection",
      try initializer.convolution(
        channels[channels.count - 1], configuration.hiddenSize, kernel: rest, stride: rest))
    super.init()
  }

  func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    guard !stem.isEmpty else { return try projection(pixels) }
    let sizes = try pixels.sizes(rank: 4, "the pixels")
    // Padded convolutions would make a patch of the remainder, which a convolution of whole patches leaves out.
    var x = try (2...3).reduce(pixels) {
      try $0.narrowed(dim: $1, start: 0, length: sizes[$1] / patchSize * patchSize)
    }.channelsLast()
    for layer in stem { x = try layer(x) }
    return try projection(x)
  }
}

/// A 3×3 convolution with stride 2, group normalisation with one group, GELU: B×in×h×w → B×out×h/2×w/2.
private final class StemLayer: Module {
  @Child private var convolution: Conv2d
  @Child private var norm: GroupNorm

  init(_ inputs: Int, _ outputs: Int, epsilon: Double, _ initializer: Initializer) throws {
    _convolution = Child(
      "convolution", try initializer.convolution(inputs, outputs, kernel: 3, stride: 2, padding: 1))
    _norm = Child("norm", try GroupNorm(groups: 1, channels: outputs, epsilon: epsilon))
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor { try norm(convolution(x)).gelu() }
}
