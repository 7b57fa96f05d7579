extension Device {
  /// Whether copies from memory that the system never moves to disk need not block.
  var takesPinnedMemory: Bool { kind == .cuda }

  /// Whether convolutions are faster if channels are the fastest dimension of images and weights.
  ///
  /// So it is on tensor cores. On the CPU, compiled layers choose for themselves. `meta` is like CUDA,
  /// so that tests can see it.
  var prefersChannelsLast: Bool { kind == .cuda || kind == .meta }
}

extension Tensor {
  /// Moves to a device, without waiting for the copy if that is safe; itself if it is there already.
  ///
  /// Work on the device waits for the copy by itself. The copy overlaps with other work if this
  /// tensor is in pinned memory. It must not be changed afterwards. A copy to the CPU blocks, because
  /// nothing makes a reader wait.
  ///
  /// - Parameter device: the device.
  /// - Returns: the tensor there.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func sent(to device: Device) throws -> Tensor {
    guard self.device.kind == .cpu, device.takesPinnedMemory else { return try to(device) }
    return try Operators.toDevice(self, device, dtype, true)
  }

  /// Copies to pinned memory, from which a device can copy while both sides compute.
  ///
  /// - Parameter device: the device that will copy.
  /// - Returns: the copy; itself for a device without such copies, or if it is not on the CPU.
  /// - Throws: `TorchError.operation` if the system has no more such memory.
  public func pinned(for device: Device) throws -> Tensor {
    guard self.device.kind == .cpu, device.takesPinnedMemory else { return self }
    return try Operators.pinMemory(self)
  }
}
