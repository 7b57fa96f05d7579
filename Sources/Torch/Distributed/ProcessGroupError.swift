/// An error of the processes that train together.
public enum ProcessGroupError: Error, Equatable, CustomStringConvertible {
  /// A variable that `torchrun` sets is missing or damaged: its name, the fault and the fix.
  case variable(String, String)
  /// The processes did not meet, or this build of libtorch cannot connect them.
  case joining(String)
  /// A collective call failed: its name, and which rank failed first and why.
  case call(String, message: String)
  /// The part that rank 0 runs for all ranks failed: its message.
  case first(String)
  /// A value of a rank could not be sent.
  case value(rank: Int, message: String)

  /// The message, one to three lines.
  public var description: String {
    switch self {
    case .variable(let name, let fault): "\(name): \(fault)"
    case .joining(let message): "the processes did not meet: \(message)"
    case .call(let name, let message): "\(name): \(message)"
    case .first(let message): "rank 0: \(message)"
    case .value(let rank, let message): "rank \(rank) could not send its value: \(message)"
    }
  }
}
