import CLIP
import Confounders
import Segmentation
import Torch
import Training

/// One comparison of a device with the CPU.
package struct DeviceCheck: Codable, Equatable, Sendable {
  /// What was computed on both: encode, forward, loss, gradient or step.
  package let name: String
  /// The arithmetic of the device: `float32`, `float32, TF32` or `bfloat16`; the CPU's is float32.
  package let precision: String
  /// The largest absolute difference.
  package let difference: Double
  /// The largest absolute value on the CPU.
  package let scale: Double
  /// The most that the difference may be, as a share of the scale.
  package let tolerance: Double
  /// The seconds on the device, by its own clock, when it is asked again.
  package let seconds: Double
  /// The most memory of tensors on the device, in bytes; nil on the CPU.
  package let peakMemory: Int?

  /// Whether the difference is finite and within the tolerance.
  package var passed: Bool { difference <= tolerance * scale }

  private enum CodingKeys: String, CodingKey {
    case name, precision, difference, scale, tolerance, seconds, peakMemory, passed
  }

  init(
    _ name: String, _ precision: String, _ found: (Double, Double), tolerance: Double, seconds: Double,
    peakMemory: Int?
  ) {
    (self.name, self.precision, self.tolerance, self.seconds) = (name, precision, tolerance, seconds)
    (difference, scale) = found
    self.peakMemory = peakMemory
  }

  /// Writes `passed` beside the stored members.
  ///
  /// - Parameter encoder: the encoder.
  /// - Throws: `EncodingError`.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(precision, forKey: .precision)
    try container.encode(difference, forKey: .difference)
    try container.encode(scale, forKey: .scale)
    try container.encode(tolerance, forKey: .tolerance)
    try container.encode(seconds, forKey: .seconds)
    try container.encodeIfPresent(peakMemory, forKey: .peakMemory)
    try container.encode(passed, forKey: .passed)
  }

  /// Reads what `encode` wrote; `passed` follows from the rest.
  ///
  /// - Parameter decoder: the decoder.
  /// - Throws: `DecodingError`.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    precision = try container.decode(String.self, forKey: .precision)
    difference = try container.decode(Double.self, forKey: .difference)
    scale = try container.decode(Double.self, forKey: .scale)
    tolerance = try container.decode(Double.self, forKey: .tolerance)
    seconds = try container.decode(Double.self, forKey: .seconds)
    peakMemory = try container.decodeIfPresent(Int.self, forKey: .peakMemory)
  }
}

/// The comparison of a device with the CPU: a small model with the same random weights on both.
///
/// The model is `baseline` with its whole tower in training. It selects no regions, so that a
/// difference in the last bits changes no choice.
package enum DeviceParity {
  /// An arithmetic of the device, with the tolerance of values and that of gradients.
  private struct Arithmetic {
    let name: String
    let precision: Precision
    let isExact: Bool
    let values: Double
    let gradients: Double
  }

  /// TF32 has 10 bits of mantissa and bfloat16 7; a value here is the sum of some hundred products.
  private static let arithmetics = [
    Arithmetic(name: "float32", precision: .float32, isExact: true, values: 1e-4, gradients: 1e-3),
    Arithmetic(name: "float32, TF32", precision: .float32, isExact: false, values: 5e-3, gradients: 1e-2),
    Arithmetic(name: "bfloat16", precision: .bfloat16, isExact: true, values: 3e-2, gradients: 5e-2),
  ]

  /// Compares a device with the CPU; the CPU itself is compared with another copy of the model.
  ///
  /// - Parameters:
  ///   - device: the device.
  ///   - prompts: the prompts of the model.
  ///   - seed: the seed of weights, images and masks.
  ///   - note: receives each finished arithmetic.
  /// - Returns: the comparisons, passed or not.
  /// - Throws: `TorchError` if the device cannot compute.
  package static func checks(
    on device: Device, prompts: PromptSet, seed: UInt64, note: (String) -> Void = { _ in }
  ) throws -> [DeviceCheck] {
    let wasExact = try Machine.usesExactFloat32()
    defer { try? Machine.setExactFloat32(wasExact) }
    let reference = try ParityModel(on: .cpu, .float32, prompts, seed: seed).results()
    // TF32 exists on CUDA alone.
    return try arithmetics.filter { $0.isExact || device.kind == .cuda }.flatMap { arithmetic in
      try Machine.setExactFloat32(arithmetic.isExact)
      let found = try ParityModel(on: device, arithmetic.precision, prompts, seed: seed).results()
      note("\(device), \(arithmetic.name)")
      return try zip(found, reference).map { own, cpu in
        let isFinite = try own.values.doubles().allSatisfy(\.isFinite)
        let (difference, scale) = try own.values.difference(from: cpu.values)
        return DeviceCheck(
          own.name, arithmetic.name, (isFinite ? difference : .greatestFiniteMagnitude, scale),
          tolerance: own.name == "gradient" ? arithmetic.gradients : arithmetic.values,
          seconds: own.seconds, peakMemory: own.peakMemory)
      }
    }
  }
}

/// A small model on a device, and what it computes.
private final class ParityModel {
  struct Result {
    let name: String
    let values: Tensor
    let seconds: Double
    let peakMemory: Int?
  }

  private static let count = 4
  private let system: SegmentationSystem
  private let optimizer: AdamW
  private let configuration: RunConfiguration
  private let images: Tensor
  private let masks: Tensor
  private var device: Device { system.device }

  init(on device: Device, _ precision: Precision, _ prompts: PromptSet, seed: UInt64) throws {
    var configuration = BenchmarkSettings.configuration(.tiny, seed: seed)
    configuration.model.method = .baseline
    configuration.tune = .all
    (configuration.device, configuration.precision) = (device, precision)
    self.configuration = configuration
    system = try SegmentationSystem.fresh(
      configuration, prompts: prompts, clip: Geometry.tiny.model(seed: seed))
    optimizer = try AdamW(groups: system.parameterGroups(configuration.optimizer))
    system.train(false)
    let (side, generator) = (configuration.imageSize, try Generator(seed: seed, for: "parity"))
    images = try .randomUniform([Self.count, 3, side, side], generator: generator)
    masks = try Tensor.randomUniform([Self.count, 1, 4, 4], generator: generator)
      .resized(height: side, width: side).atLeast(0.5).to(.float32)
  }

  /// Computes everything twice, and measures the second time; the step comes last.
  func results() throws -> [Result] {
    try [
      result("encode") { try inferenceMode { try self.system.encoded(self.images).image } },
      result("forward") { try self.system.probabilities(self.images) },
      result("loss") { try inferenceMode { try self.loss() } },
      result("gradient") {
        try self.optimizer.clearGradients()
        try self.loss().backward()
        return try Tensor.concatenated(
          self.optimizer.parameters.compactMap { try $0.gradient()?.flattened() }, dim: 0)
      },
      // Adam's steps follow the signs of gradients, so losses are compared and not weights.
      result("step") {
        try self.optimizer.clearGradients()
        try self.loss().backward()
        try clipGradients(of: self.optimizer.parameters, toNorm: 1)
        try self.optimizer.step()
        return try inferenceMode { try self.loss() }
      },
    ]
  }

  private func loss() throws -> Tensor {
    let logits = try system(images).logits.to(.float32)
    return try Objective.segmentation(logits: logits, masks: masks.sent(to: device), dice: 1).mean()
  }

  private func result(_ name: String, _ work: () throws -> Tensor) throws -> Result {
    _ = try work()
    try device.resetPeakMemory()
    var values: Tensor?
    let seconds = try device.seconds { values = try work() }
    guard let values else { throw TorchError.value("\(name) gave no tensor") }
    return Result(
      name: name, values: try values.to(.float32).to(.cpu), seconds: seconds,
      peakMemory: try device.memory()?.peak)
  }
}
