/// An intervention that is not possible.
public enum InterventionError: Error, Equatable, CustomStringConvertible {
  /// No confounder of the prompt file has a mechanism.
  case noMechanisms
  /// This confounder has no mechanism.
  case noMechanism(name: String)
  /// There is no confounder with that index.
  case noConfounder(index: Int, count: Int)
  /// A strength that is not from 0 to 1.
  case strength(Double)
  /// The number of probabilities is wrong, or some are negative or not numbers.
  case probabilities([Double], count: Int)
  /// Every confounder with a mechanism has probability 0.
  case nothingLikely(available: [String])

  /// The error and the fix.
  public var description: String {
    switch self {
    case .noMechanisms:
      "no confounder of the prompt file has a mechanism, so nothing can be done to an image: give at least one, such "
        + "as mechanism: \"blur\"; known are \(Mechanism.list)"
    case .noMechanism(let name):
      "the confounder \"\(name)\" has no mechanism: give it one in the prompt file; known are \(Mechanism.list)"
    case .noConfounder(let index, let count):
      "there is no confounder \(index): the prompt file has \(count), counted from 0"
    case .strength(let strength): "the strength \(strength) is not from 0 to 1"
    case .probabilities(let given, let count):
      "the probabilities \(given) do not fit: give \(count) numbers of at least 0, one for each confounder"
    case .nothingLikely(let available):
      "every confounder with a mechanism has probability 0: give at least one of these more: "
        + available.joined(separator: ", ")
    }
  }
}
