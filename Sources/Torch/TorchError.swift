/// An error of this module; faults that libtorch found have libtorch's own message.
public enum TorchError: Error, Equatable, CustomStringConvertible {
  /// An operator rejected its arguments or failed: the operator's name and libtorch's message.
  case operation(String, message: String)
  /// A Swift value does not fit the tensor: wrong count, type or layout.
  case value(String)
  /// A checkpoint does not fit the module: every difference.
  case parameters(ParameterMismatch)

  /// The message, one to three lines; a parameter mismatch lists the differences.
  public var description: String {
    switch self {
    case .operation(let name, let message): "\(name): \(message)"
    case .value(let message): message
    case .parameters(let mismatch): mismatch.description
    }
  }
}
