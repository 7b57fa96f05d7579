import CLIP
import Foundation
import Storage
import Torch

/// The time of a transformer layer's products in each arithmetic, by processor (ours).
///
/// The file is `speed.json`. No list of processors decides which arithmetic is the fastest: the first
/// prediction of a run on a processor measures it, in a fraction of a second, and records it in the
/// run. So later predictions there choose the same arithmetic.
package struct PrecisionSpeed: Codable, Equatable, Sendable {
  /// Milliseconds by the name of the arithmetic, by processor.
  package private(set) var milliseconds: [String: [String: Double]] = [:]

  /// The factor by which a less exact arithmetic must be faster, so that chance does not decide.
  static let leastGain = 1.1

  /// Returns the times of a run on this processor; measures and records them if they are not known.
  ///
  /// A run that cannot be written is measured at each call.
  ///
  /// - Parameters:
  ///   - run: the run.
  ///   - description: the geometry of its tower.
  ///   - imageSize: the side of its images in pixels.
  /// - Returns: milliseconds by the name of the arithmetic.
  /// - Throws: `TorchError` if memory is short.
  static func times(
    of run: RunFolder, _ description: ClipDescription, imageSize: Int
  ) throws -> [String: Double] {
    // A record of times may be lost without harm, so a damaged one is made anew.
    var record = (try? JSONDecoder().decode(Self.self, from: Data(file: run.speedFile))) ?? Self()
    let key = Machine.processorWithInstructions
    if let known = record.milliseconds[key] { return known }
    let vision = description.geometry.vision
    let side = max(1, imageSize / max(1, vision.patchSize))
    let found = try measured(rows: side * side + 1, width: vision.hiddenSize)
    record.milliseconds[key] = found
    try? run.write(record, to: run.speedFile)
    return found
  }

  /// Measures the two products of a feed-forward layer on one thread: the shortest of some rounds.
  ///
  /// - Parameters:
  ///   - rows: the number of tokens.
  ///   - width: the number of channels.
  ///   - rounds: the number of rounds, in each of which every arithmetic has its turn.
  /// - Returns: milliseconds by the name of the arithmetic, of those that the processor has.
  /// - Throws: `TorchError` if memory is short.
  static func measured(rows: Int, width: Int, rounds: Int = 5) throws -> [String: Double] {
    let generator = try Generator(seed: 0, for: "speed")
    func random(_ shape: [Int]) throws -> Tensor { try .randomNormal(shape, generator: generator) }
    let (input, wide, narrow) = (
      try random([rows, width]), try random([4 * width, width]), try random([width, 4 * width])
    )
    let layers = try Precision.allCases.filter(\.isQuickHere).map { precision in
      (
        name: precision.rawValue, input: try input.to(precision.activationType),
        wide: try CompiledLinear(wide, bias: nil, precision: precision),
        narrow: try CompiledLinear(narrow, bias: nil, precision: precision)
      )
    }
    var shortest: [String: Double] = [:]
    try Machine.withThreads(1) {
      try inferenceMode {
        // The first round packs and allocates.
        for round in 0...rounds {
          for layer in layers {
            let time = try ContinuousClock().measure { _ = try layer.narrow(layer.wide(layer.input)) }
            let milliseconds = time / .milliseconds(1)
            if round > 0 { shortest[layer.name] = min(shortest[layer.name] ?? .infinity, milliseconds) }
          }
        }
      }
    }
    return shortest
  }
}

extension Precision {
  /// Whether this processor has instructions for the arithmetic; float32 everywhere.
  var isQuickHere: Bool {
    switch self {
    case .float32: true
    case .bfloat16: Machine.hasBFloat16
    case .int8: Machine.hasInt8
    }
  }
}

extension RunFolder {
  /// The times of each arithmetic.
  package var speedFile: URL { url.appendingPathComponent("speed.json") }
}
