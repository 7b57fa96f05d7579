/// What can go wrong in this room; the message is libtorch's own where libtorch found the fault.
public enum TorchError: Error, Equatable, CustomStringConvertible {
  /// An operator refused its arguments or failed; holds the operator's name and libtorch's message.
  case operation(String, message: String)
  /// A value in Swift does not fit the tensor: wrong count, type or layout.
  case value(String)
  /// A checkpoint does not fit the module; holds every difference.
  case parameters(ParameterMismatch)

  /// The message, one to three lines; a parameter mismatch lists every difference.
  public var description: String {
    switch self {
    case .operation(let name, let message): "\(name): \(message)"
    case .value(let message): message
    case .parameters(let mismatch): mismatch.description
    }
  }
}
