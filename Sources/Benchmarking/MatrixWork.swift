import CLIP
import Torch

/// The arithmetic operations of the matrix products and convolutions of an image tower.
///
/// A multiplication with its addition counts as two.
enum MatrixWork {
  /// Counts the operations for one image of the tower's own size.
  static func operations(_ vision: CLIPConfiguration.Vision, projection: Int) -> Double {
    vision.trunkOperations(projectionSize: projection)
      ?? vision.stages.map { resNet(vision, stages: $0, projection: projection) }
      ?? transformer(vision, projection: projection)
  }

  private static func transformer(_ vision: CLIPConfiguration.Vision, projection: Int) -> Double {
    let width = Double(vision.hiddenSize)
    let side = vision.imageSize / vision.patchSize
    let places = Double(side * side)
    let tokens = places + 1
    let channels = [3] + (vision.stemChannels ?? [])
    var total = 0.0
    for (index, pair) in zip(channels, channels.dropFirst()).enumerated() {
      let half = Double(vision.imageSize >> (index + 1))
      total += 2 * 9 * Double(pair.0 * pair.1) * half * half
    }
    let rest = Double(vision.patchSize >> (channels.count - 1))
    total += 2 * places * width * Double(channels[channels.count - 1]) * rest * rest
    let linear = 4 * width * width + 2 * width * Double(vision.intermediateSize)
    total += Double(vision.layers) * (2 * tokens * linear + 4 * tokens * tokens * width)
    return total + 2 * width * Double(projection)
  }

  private static func resNet(_ vision: CLIPConfiguration.Vision, stages: [Int], projection: Int) -> Double {
    let width = vision.hiddenSize / 32
    func convolution(_ inputs: Int, _ outputs: Int, _ kernel: Int, _ side: Int) -> Double {
      2 * Double(inputs * outputs * kernel * kernel) * Double(side * side)
    }
    var side = vision.imageSize / 2
    var total =
      convolution(3, width / 2, 3, side) + convolution(width / 2, width / 2, 3, side)
      + convolution(width / 2, width, 3, side)
    side /= 2
    var inputs = width
    for (index, blocks) in stages.enumerated() {
      let planes = width << index
      for block in 0..<blocks {
        total += convolution(inputs, planes, 1, side) + convolution(planes, planes, 3, side)
        if block == 0, index > 0 { side /= 2 }
        total += convolution(planes, 4 * planes, 1, side)
        if block == 0 { total += convolution(inputs, 4 * planes, 1, side) }
        inputs = 4 * planes
      }
    }
    let tokens = Double(side * side + 1)
    let wide = Double(vision.hiddenSize)
    return total + 2 * wide * wide * (1 + 2 * tokens) + 4 * tokens * wide + 2 * wide * Double(projection)
  }
}

/// A large square matrix product, which measures the speed of the machine in a type.
enum MatrixProduct {
  /// Makes contestants in a precision, to compare with the encoders.
  ///
  /// One uses libtorch's own choice of library; another uses weights packed for oneDNN. Which one
  /// is faster depends on the processor.
  static func contestants(side: Int, _ precision: Precision) throws -> [Contestant] {
    guard precision != .int8 else { return [] }
    let generator = try Generator(seed: 0, for: "matrix product")
    let left = try Tensor.randomNormal([side, side], generator: generator).to(precision.activationType)
    let right = try Tensor.randomNormal([side, side], generator: generator)
    let packed = try CompiledLinear(right, bias: nil, precision: precision)
    let plain = try right.to(precision.activationType)
    func contestant(_ name: String, _ multiply: @escaping () throws -> Tensor) -> Contestant {
      var contestant = Contestant.ours(precision.rawValue, name: name) {
        try inferenceMode { _ = try multiply() }
      }
      contestant.record.role = .yardstick
      contestant.record.operations = 2 * Double(side) * Double(side) * Double(side)
      return contestant
    }
    return [
      contestant("matrix product") { try left.matmul(plain) },
      contestant("matrix product, packed") { try packed(left) },
    ]
  }
}
