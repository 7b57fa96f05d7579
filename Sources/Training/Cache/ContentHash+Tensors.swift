import Storage
import Torch

extension ContentHash {
  /// Hashes tensors by name, on any device.
  ///
  /// - Throws: `TorchError` if one cannot be read.
  package init(of tensors: [String: Tensor]) throws {
    self.init()
    for (key, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      combine("\(key) \(tensor.shape)")
      try tensor.to(.cpu).contiguous().withBytes { combine($0) }
    }
  }
}
