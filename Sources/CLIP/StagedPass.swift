import Torch

/// The first part of a convolutional tower, trained or compiled: a stem and stages.
protocol StagedFront: StoppingFront {
  associatedtype Block: Layer

  /// The stages; of a partly compiled tower, the first ones.
  var stages: [[Block]] { get }
  /// The number of stages of the whole tower.
  var towerDepth: Int { get }
  /// The type of activations; nil for the type of the pixels.
  var activationType: DType? { get }

  /// Applies the stem: B×3×H×W → B×c×h×w.
  func started(_ pixels: Tensor) throws -> Tensor
}

extension StagedFront {
  /// Runs a pass that stops before a stage.
  func stopped(
    _ pixels: Tensor, before depth: Int, hidden: [Int], reading: LayerReading
  ) throws -> ImageTrunk {
    guard reading == .outputs else { throw CLIPError.noKeys }
    let wanted = try HiddenLayers(hidden, of: towerDepth).before(depth)
    // Convolutions on a CPU are fastest with channels last, where a position's channels are adjacent,
    // as normalisations need them.
    var x = try started(pixels.to(activationType ?? pixels.dtype).channelsLast())
    var outputs: [Tensor] = []
    for (index, stage) in stages.prefix(depth).enumerated() {
      x = try stage.reduce(x) { try $1($0) }
      if wanted.contains(index + 1) { outputs.append(try x.permuted([0, 2, 3, 1])) }
    }
    return ImageTrunk(depth: depth, input: x, layers: outputs, grid: Array(x.shape.suffix(2)))
  }
}

/// The first part of a ConvNeXt or EfficientNet, trained or compiled: a stem of one layer and stages.
protocol StemFront: StagedFront {
  associatedtype Stem: Layer

  var stem: Stem { get }
}

extension StemFront {
  func started(_ pixels: Tensor) throws -> Tensor { try stem(pixels) }
}

/// A whole convolutional tower, trained or compiled.
protocol StagedPass: ResumingPass where Front: StagedFront {
  /// Reads the output of the last stage, B×c×h×w.
  ///
  /// - Parameters:
  ///   - x: the output of the last stage.
  ///   - isDense: whether the dense features are needed.
  /// - Returns: the image embedding, B×d, and the dense features, B×h×w×d; the embedding if they are
  ///   not needed.
  /// - Throws: `TorchError` if the shapes do not fit.
  func ended(_ x: Tensor, isDense: Bool) throws -> (image: Tensor, dense: Tensor)
}

extension StagedPass {
  /// Runs the rest of a stopped pass; the outputs are float32 if activations have their own type.
  func resumed(_ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int]) throws -> ImageFeatures {
    let stages = front.stages
    var outputs = try HiddenLayers(hidden, of: stages.count, reading: trunk.reading)
      .outputs(of: trunk, towerDepth: stages.count)
    // A cache stores values in the order of their indices, channels first.
    var x = try trunk.input.channelsLast()
    if hidden.contains(trunk.depth) { outputs[trunk.depth] = try x.permuted([0, 2, 3, 1]) }
    for (index, stage) in stages.enumerated().dropFirst(trunk.depth) {
      x = try stage.reduce(x) { try $1($0) }
      if hidden.contains(index + 1) { outputs[index + 1] = try x.permuted([0, 2, 3, 1]) }
    }
    let end = try ended(x, isDense: dense != nil)
    let found = ImageFeatures(
      image: end.image, dense: end.dense, layers: hidden.compactMap { outputs[$0] })
    return front.activationType == nil ? found : try found.map { try $0.to(.float32) }
  }
}
