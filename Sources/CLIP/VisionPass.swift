import Torch

/// The first part of a vision transformer, trained or compiled: pixels to tokens, and layers.
protocol VisionFront {
  associatedtype Patches: Layer
  associatedtype Norm: Layer
  associatedtype Block: TransformerBlock

  var configuration: CLIPConfiguration.Vision { get }
  var classEmbedding: Tensor { get }
  var patchEmbedding: Patches { get }
  var positions: Tensor { get }
  var preNorm: Norm { get }
  /// The layers; of a partly compiled tower, the first ones.
  var layers: [Block] { get }
  /// The number of layers of the whole tower.
  var towerDepth: Int { get }
  /// The type of tokens; nil for the type of the pixels.
  var tokenType: DType? { get }
}

extension VisionFront {
  /// Runs a pass that stops before a layer.
  ///
  /// Position embeddings are interpolated if the grid is not the trained one.
  func stopped(_ pixels: Tensor, before depth: Int, hidden: [Int]) throws -> ImageTrunk {
    let wanted = try HiddenLayers(hidden, of: towerDepth).before(depth)
    let patches = try patchEmbedding(pixels.to(tokenType ?? pixels.dtype))
    let sizes = try patches.sizes(rank: 4, "the patches")
    let (batch, height, width) = (sizes[0], sizes[2], sizes[3])
    let tokens = try patches.flattened(from: 2).transposed(1, 2)
    let head = try classEmbedding.to(tokens.dtype).expanded(to: [batch, 1, -1])
    let places = try interpolated(
      positions, side: configuration.imageSize / configuration.patchSize, height: height, width: width)
    var x = try preNorm(.concatenated([head, tokens], dim: 1) + places.to(tokens.dtype))
    var outputs: [Tensor] = []
    for (index, layer) in layers.prefix(depth).enumerated() {
      x = try layer(x)
      if wanted.contains(index + 1) { outputs.append(try grid(x, height, width)) }
    }
    return ImageTrunk(depth: depth, input: x, layers: outputs, grid: [height, width])
  }

  /// Removes the class token and restores the grid: B×(1+h·w)×c → B×h×w×c.
  fileprivate func grid(_ tokens: Tensor, _ height: Int, _ width: Int) throws -> Tensor {
    let sizes = tokens.shape
    return try tokens.narrowed(dim: 1, start: 1, length: height * width)
      .reshaped([sizes[0], height, width, sizes[2]])
  }
}

/// A whole vision transformer, trained or compiled.
protocol VisionPass {
  associatedtype Front: VisionFront
  associatedtype Norm: Layer
  associatedtype Projection: Layer

  var front: Front { get }
  var postNorm: Norm { get }
  var projection: Projection { get }
}

extension VisionPass {
  /// Runs the rest of a stopped pass; the outputs are float32 if tokens have their own type.
  func resumed(_ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int]) throws -> ImageFeatures {
    let layers = front.layers
    var outputs = try HiddenLayers(hidden, of: layers.count).outputs(of: trunk, towerDepth: layers.count)
    let (height, width) = (trunk.grid[0], trunk.grid[1])
    var x = trunk.input
    var before = x
    if hidden.contains(trunk.depth) { outputs[trunk.depth] = try front.grid(x, height, width) }
    for (index, layer) in layers.enumerated().dropFirst(trunk.depth) {
      before = x
      x = try layer(x)
      if hidden.contains(index + 1) { outputs[index + 1] = try front.grid(x, height, width) }
    }
    let image = try projection(postNorm(x.selected(dim: 1, index: 0)))
    var features = image
    if let dense, let last = layers.last {
      // The last block is read from its input, so a trunk has to end before it.
      guard trunk.depth < layers.count else {
        throw TorchError.value(
          "dense features need the last layer's input, but the pass was stopped after it")
      }
      let read = try dense.read(last, before: before, after: x)
      features = try front.grid(projection(postNorm(read)), height, width)
    }
    let found = ImageFeatures(image: image, dense: features, layers: hidden.compactMap { outputs[$0] })
    return front.tokenType == nil ? found : try found.map { try $0.to(.float32) }
  }
}

/// The first part of a vision transformer, compiled for inference.
struct CompiledVisionFront: VisionFront, TrunkPass, Sendable {
  let configuration: CLIPConfiguration.Vision
  let classEmbedding: Tensor
  let patchEmbedding: CompiledPatchEmbedding
  let positions: Tensor
  let preNorm: CompiledLayerNorm
  let layers: [CompiledTransformerLayer]
  let towerDepth: Int
  let tokenType: DType?

  func trunk(_ pixels: Tensor, depth: Int, hidden: [Int]) throws -> ImageTrunk {
    try stopped(pixels, before: depth, hidden: hidden)
  }
}

/// A whole vision transformer, compiled for inference.
struct CompiledVisionTransformer: VisionPass, ImagePass, Sendable {
  let front: CompiledVisionFront
  let postNorm: CompiledLayerNorm
  let projection: CompiledLinear

  func trunk(_ pixels: Tensor, depth: Int, hidden: [Int]) throws -> ImageTrunk {
    try front.trunk(pixels, depth: depth, hidden: hidden)
  }

  func callAsFunction(_ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int]) throws -> ImageFeatures {
    try resumed(trunk, dense: dense, hidden: hidden)
  }
}
