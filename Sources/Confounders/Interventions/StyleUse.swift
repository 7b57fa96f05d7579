import Storage

/// The confounders that act by their words, on features of the tower, in training on interventions.
public enum StyleUse: String, NamedChoice, Sendable {
  /// None.
  case none
  /// Those without a mechanism.
  case missing
  /// All, in the place of their mechanisms.
  case all
}
