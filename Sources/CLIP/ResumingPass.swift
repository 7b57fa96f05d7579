import Torch

/// The first part of a tower, trained or compiled, which can stop before a layer.
protocol StoppingFront {
  /// Runs a pass that stops before a layer (of a convolutional tower: stage); see `ImagePass.trunk`.
  func stopped(
    _ pixels: Tensor, before depth: Int, hidden: [Int], reading: LayerReading
  ) throws -> ImageTrunk
}

/// A whole tower, trained or compiled, which continues a stopped pass.
protocol ResumingPass {
  associatedtype Front: StoppingFront

  /// The first part.
  var front: Front { get }

  /// Runs the rest of a stopped pass; the outputs are float32 if activations have their own type.
  func resumed(_ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int]) throws -> ImageFeatures
}

// A compiled tower runs its passes as its protocols describe; only the trained one is a class of its own.
extension TrunkPass where Self: StoppingFront {
  func trunk(
    _ pixels: Tensor, depth: Int, hidden: [Int], reading: LayerReading
  ) throws -> ImageTrunk {
    try stopped(pixels, before: depth, hidden: hidden, reading: reading)
  }
}

extension ImagePass where Self: ResumingPass, Front: TrunkPass {
  func trunk(
    _ pixels: Tensor, depth: Int, hidden: [Int], reading: LayerReading
  ) throws -> ImageTrunk {
    try front.trunk(pixels, depth: depth, hidden: hidden, reading: reading)
  }

  func callAsFunction(_ trunk: ImageTrunk, dense: DenseFeatures?, hidden: [Int]) throws -> ImageFeatures {
    try resumed(trunk, dense: dense, hidden: hidden)
  }
}
