import Torch

/// The forward pass of a segmentation head, trained or compiled.
protocol HeadPass {
  associatedtype Norm: Layer
  associatedtype Projection: Layer
  associatedtype Block: Layer
  associatedtype Convolution: Layer

  var gridNorm: Norm { get }
  var gridProjection: Projection { get }
  var towerNorms: [Norm] { get }
  var towerProjections: [Projection] { get }
  var encoders: [Block] { get }
  var decoders: [Block] { get }
  var reducers: [Convolution] { get }
  var classifier: Convolution { get }
  /// The level at which the grid enters.
  var gridLevel: Int { get }
  /// The level at which each tower layer enters; empty if all are added to the grid.
  var skipLevels: [Int] { get }
}

extension HeadPass {
  /// Decodes a batch.
  ///
  /// - Parameters:
  ///   - image: B×3×S×S.
  ///   - grid: B×h×w×d.
  ///   - tower: the outputs of the chosen layers, each B×h×w×c.
  ///   - change: applied to the output of each level of the image branch; level 0 is the finest.
  /// - Returns: the logits, B×K×S×S, the features of the level at which the grid joins the image,
  ///   B×c×h×w, and the input of the last convolution, B×c×h×w.
  /// - Throws: `TorchError` if the shapes do not fit.
  func decoded(
    image: Tensor, grid: Tensor, tower: [Tensor],
    change: (_ features: Tensor, _ level: Int) throws -> Tensor
  ) throws -> (logits: Tensor, features: Tensor, last: Tensor) {
    var features = try gridProjection(gridNorm(grid)).permuted([0, 3, 1, 2])
    for (index, layer) in tower.enumerated() where index < towerNorms.count {
      let projected = try towerProjections[index](towerNorms[index](layer)).permuted([0, 3, 1, 2])
      features = try features + fit(projected, features.shape, antialias: true)
    }

    // Convolutions on a CPU are fastest with channels last, and the layout carries through the
    // branch.
    let pixels = try image.channelsLast()
    var skips: [Tensor] = []
    for (level, encoder) in encoders.enumerated() {
      skips.append(try change(encoder(skips.last ?? pixels), level))
    }
    let layers = try zip(skipLevels, tower).map { ($0, try $1.permuted([0, 3, 1, 2])) }
    var (joined, deeper): (Tensor, Tensor?) = (features, nil)
    for index in decoders.indices.reversed() {
      let own = (index < skips.count ? [skips[index]] : []) + layers.filter { $0.0 == index }.map(\.1)
      let size =
        own.first?.shape ?? (index == gridLevel ? features.shape : doubled(deeper?.shape ?? features.shape))
      var parts: [Tensor] = []
      if let deeper { parts.append(try fit(reducers[index](deeper), size)) }
      parts += try own.map { try fit($0, size) }
      if index == gridLevel { parts.append(try fit(features, size)) }
      let output = try decoders[index](parts.count == 1 ? parts[0] : .concatenated(parts, dim: 1))
      if index == gridLevel { joined = output }
      deeper = output
    }
    let last = deeper ?? features
    return (try fit(classifier(last), image.shape), joined, last)
  }

  private func doubled(_ shape: [Int]) -> [Int] { shape.prefix(2) + shape.suffix(2).map { 2 * $0 } }

  private func fit(_ x: Tensor, _ shape: [Int], antialias: Bool = false) throws -> Tensor {
    let own = x.shape
    guard own[2] != shape[2] || own[3] != shape[3] else { return x }
    // libtorch antialiases only in float32.
    return try (antialias ? x.to(.float32) : x)
      .resized(height: shape[2], width: shape[3], antialias: antialias).to(x.dtype)
  }
}

/// A segmentation head compiled for inference on the CPU, immutable and shared by threads.
package struct CompiledHead: HeadPass, Sendable {
  let gridNorm: CompiledLayerNorm
  let gridProjection: CompiledLinear
  let towerNorms: [CompiledLayerNorm]
  let towerProjections: [CompiledLinear]
  let encoders: [CompiledConvolutionBlock]
  let decoders: [CompiledConvolutionBlock]
  let reducers: [CompiledConvolution]
  let classifier: CompiledConvolution
  let gridLevel: Int
  let skipLevels: [Int]
}
