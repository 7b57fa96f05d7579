/// The device that stores and computes a tensor.
///
/// The project's tests did not run on CUDA or MPS.
public struct Device: Sendable, Hashable, CustomStringConvertible {
  /// The kinds of device; raw values are libtorch's own (`c10::DeviceType`).
  public enum Kind: Int32, Sendable { case cpu = 0, cuda = 1, mps = 13, meta = 14 }

  /// The kind.
  public let kind: Kind
  /// The number of the device within its kind, −1 for the current one.
  public let index: Int

  /// The processor.
  public static let cpu = Device(kind: .cpu, index: -1)
  /// Apple's graphics processor.
  public static let mps = Device(kind: .mps, index: 0)

  /// Returns the Nvidia graphics processor of an index.
  ///
  /// - Parameter index: the number of the device.
  /// - Returns: the device.
  public static func cuda(_ index: Int = 0) -> Device { Device(kind: .cuda, index: index) }

  /// Makes a device of a kind.
  ///
  /// - Parameters:
  ///   - kind: the kind.
  ///   - index: the number of the device within its kind, −1 for the current one.
  public init(kind: Kind, index: Int) {
    self.kind = kind
    self.index = index
  }

  /// Parses `cpu`, `cuda`, `cuda:N` or `mps`, even if this build of libtorch lacks the device.
  ///
  /// - Parameter text: the text form.
  /// - Throws: `TorchError.value` for any other text.
  public init(parsing text: String) throws {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    switch (parts.first.map(String.init), parts.count) {
    case ("cpu", 1): self = .cpu
    case ("mps", 1): self = .mps
    case ("cuda", 1): self = .cuda()
    case ("cuda", 2):
      guard let index = Int(parts[1]), index >= 0 else {
        throw TorchError.value("device \"\(text)\": the part after cuda: must be a number")
      }
      self = .cuda(index)
    default: throw TorchError.value("device \"\(text)\" is not known; use cpu, cuda:0 or mps")
    }
  }

  /// Checks that libtorch can use the device.
  ///
  /// - Throws: `TorchError.value` if libtorch cannot.
  public func requireAvailable() throws {
    guard isAvailable else {
      let cause = kind == .cuda ? Machine.cudaProblem.map { " (\($0))" } ?? "" : ""
      throw TorchError.value("\(self) is not available in this build of libtorch\(cause); use cpu")
    }
    guard kind != .cuda || index < count else {
      let known = (0..<count).map { "cuda:\($0)" }.joined(separator: ", ")
      throw TorchError.value("\(self) is not there; use \(known) or cpu")
    }
  }

  /// This device, or the CPU if libtorch cannot use it.
  package var orCPU: Device { (try? requireAvailable()) == nil ? .cpu : self }

  /// Whether this build of libtorch can use this kind of device.
  public var isAvailable: Bool {
    switch kind {
    case .cpu, .meta: true
    case .cuda: Machine.hasCUDA
    case .mps: Machine.hasMPS
    }
  }

  /// The text form: `cpu`, `cuda:0`, `mps`.
  public var description: String {
    switch kind {
    case .cpu: "cpu"
    case .meta: "meta"
    case .mps: "mps"
    case .cuda: "cuda:\(max(0, index))"
    }
  }
}

extension Device: Codable {
  /// Reads the text form.
  ///
  /// - Parameter decoder: the decoder.
  /// - Throws: `DecodingError`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    do {
      try self.init(parsing: container.decode(String.self))
    } catch let error as TorchError {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
    }
  }

  /// Writes the text form.
  ///
  /// - Parameter encoder: the encoder.
  /// - Throws: `EncodingError`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
