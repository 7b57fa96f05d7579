import CLibTorch
import Dispatch

extension Device {
  /// The number of devices of this kind that libtorch can use here.
  public var count: Int { kind == .cpu ? 1 : Int(mcdrl_device_count(kind.rawValue)) }

  /// Waits until the device has done all work that it was given.
  ///
  /// Operators on a graphics processor return before their work is done. On the CPU nothing is left
  /// to wait for.
  ///
  /// - Throws: `TorchError.operation` if the device is not there, or if its work failed.
  public func synchronize() throws {
    guard kind != .cpu, kind != .meta else { return }
    try check("synchronize") { mcdrl_synchronize(kind.rawValue, Int32(index), $0) }
  }

  /// Measures the seconds that the device takes for the work of a body.
  ///
  /// On a graphics processor the device's own clock counts, by events before and after the work. So
  /// the time includes pauses in which the device waits for the CPU. On the CPU the time is that of
  /// the call.
  ///
  /// - Parameter body: gives work to the device.
  /// - Returns: the seconds.
  /// - Throws: the error of the body, or `TorchError.operation` if the device has no events.
  package func seconds(of body: () throws -> Void) throws -> Double {
    guard kind != .cpu else {
      let start = DispatchTime.now().uptimeNanoseconds
      try body()
      return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
    }
    let begin = try DeviceEvent(on: self)
    try body()
    return try DeviceEvent(on: self).seconds(since: begin)
  }

  /// The memory of a graphics processor that libtorch's allocator counts, in bytes.
  public struct Memory: Equatable, Sendable {
    /// The memory of tensors now.
    public let allocated: Int
    /// The most memory of tensors at a time since the last reset.
    public let peak: Int
    /// The most memory that the allocator held of the device since the last reset.
    public let reserved: Int
  }

  /// Returns the memory of this process on the device.
  ///
  /// - Returns: the memory; nil on the CPU, whose allocator does not count.
  /// - Throws: `TorchError.operation` if the device is not there or does not count.
  public func memory() throws -> Memory? {
    guard kind != .cpu else { return nil }
    var (allocated, peak, reserved): (Int64, Int64, Int64) = (0, 0, 0)
    try check("memory") {
      mcdrl_device_memory(kind.rawValue, Int32(index), &allocated, &peak, &reserved, $0)
    }
    return Memory(allocated: Int(allocated), peak: Int(peak), reserved: Int(reserved))
  }

  /// Begins to count the peaks of `memory()` anew; on the CPU it does nothing.
  ///
  /// - Throws: `TorchError.operation` if the device is not there or does not count.
  public func resetPeakMemory() throws {
    guard kind != .cpu else { return }
    try check("memory") { mcdrl_reset_peak_memory(kind.rawValue, Int32(index), $0) }
  }
}

/// A mark in the work of a graphics processor, with the time at which it is reached.
private final class DeviceEvent {
  private let handle: mcdrl_event_t

  /// Marks the present end of the work.
  ///
  /// - Throws: `TorchError.operation` if the device is not there or has no events.
  init(on device: Device) throws {
    var out: mcdrl_event_t?
    try check("event") { mcdrl_event_record(device.kind.rawValue, Int32(device.index), &out, $0) }
    guard let out else { throw TorchError.value("libtorch returned no event") }
    handle = out
  }

  deinit { mcdrl_event_free(handle) }

  /// Waits for both marks and returns the seconds between them.
  func seconds(since earlier: DeviceEvent) throws -> Double {
    var seconds = 0.0
    try check("event") { mcdrl_event_seconds(earlier.handle, handle, &seconds, $0) }
    return seconds
  }
}

extension Machine {
  /// Whether float32 on CUDA keeps every bit of the factors of products and convolutions.
  ///
  /// False by choice, PyTorch's "high": factors are rounded to TF32, 10 bits of mantissa, and sums
  /// stay float32. Graphics processors since Ampere are several times as fast then. Other devices do
  /// not differ.
  ///
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func usesExactFloat32() throws -> Bool {
    var exact = true
    try check("float32") { mcdrl_has_exact_float32(&exact, $0) }
    return exact
  }

  /// Sets whether float32 on CUDA keeps every bit of the factors, for the whole process.
  ///
  /// - Parameter exact: true for all bits, false for TF32.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public static func setExactFloat32(_ exact: Bool) throws {
    try check("float32") { mcdrl_set_exact_float32(exact, $0) }
  }

  /// The reason why libtorch's part for CUDA did not load; nil if it did, or if there is none.
  public static var cudaProblem: String? {
    let text = String(cString: mcdrl_accelerator_problem())
    return text.isEmpty ? nil : text
  }
}
