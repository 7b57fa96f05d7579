import CLIP
import Foundation
import Torch

/// The image tower on a device other than the CPU: a module with autocast, as runs use it there.
struct DeviceEncoding {
  private let tower: ImageTower
  private let type: DType?
  private let device: Device

  /// Moves the tower of a model.
  ///
  /// - Parameters:
  ///   - clip: the model, used for nothing else afterwards.
  ///   - precision: the arithmetic.
  ///   - device: the device.
  /// - Throws: `TorchError` if the device is not there or its memory is short.
  init(_ clip: CLIPModel, _ precision: Precision, on device: Device) throws {
    (tower, type, self.device) = (clip.vision, precision.autocastType, device)
    try tower.move(to: device)
  }

  /// Encodes normalised pixels B×3×S×S on the device → embeddings B×d there.
  func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    try inferenceMode {
      try autocast(to: type, on: device) { try tower(pixels, dense: nil).image }
    }
  }
}

extension Contestant {
  /// Makes a contestant of this software on a device, measured by the device's own clock.
  static func ours(
    _ precision: String?, name: String = "mcdrl", on device: Device, difference: (Double, Double)? = nil,
    _ work: @escaping () throws -> Void
  ) -> Contestant {
    var contestant = ours(precision, name: name, difference: difference, work)
    contestant.run = { count in try device.seconds { for _ in 0..<count { try work() } } }
    contestant.memory = {
      try device.resetPeakMemory()
      try work()
      try device.synchronize()
      return try device.memory()?.peak
    }
    return contestant
  }
}

extension EncodeCases {
  /// Encodes on a device: our precisions, and the matrix product of the same type.
  ///
  /// - Parameters:
  ///   - folder: the folder of the model.
  ///   - pixels: the batch, on the CPU.
  ///   - reference: the embeddings by the CPU in float32.
  ///   - device: the device.
  /// - Returns: the contestants.
  /// - Throws: `TorchError` if the device cannot compute.
  func contestants(
    _ folder: URL, _ pixels: Tensor, reference: Tensor, on device: Device
  ) throws -> [Contestant] {
    let here = try pixels.to(device)
    return try Precision.trainable.flatMap { precision -> [Contestant] in
      let encoder = try DeviceEncoding(CLIPModel.load(folder: folder), precision, on: device)
      let difference = try encoder(here).to(.float32).to(.cpu).difference(from: reference)
      return [
        .ours(precision.rawValue, on: device, difference: difference) { _ = try encoder(here) },
        try MatrixProduct.contestant(side: 8192, precision, on: device),
      ]
    }
  }
}

extension MatrixProduct {
  /// Makes a contestant on a device: one product of two square matrices.
  static func contestant(side: Int, _ precision: Precision, on device: Device) throws -> Contestant {
    let generator = try Generator(seed: 0, for: "matrix product")
    let matrix = try Tensor.randomNormal([side, side], generator: generator).to(device)
      .to(precision == .float32 ? .float32 : .bfloat16)
    var contestant = Contestant.ours(precision.rawValue, name: "matrix product", on: device) {
      try inferenceMode { _ = try matrix.matmul(matrix) }
    }
    contestant.record.role = .yardstick
    contestant.record.operations = 2 * Double(side) * Double(side) * Double(side)
    return contestant
  }
}
