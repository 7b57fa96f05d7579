/// The baseline that sees each image a second time, with a confounder set; ours.
///
/// It is plain augmentation by the mechanisms of the prompt file. It reads no words.
public final class BaselineInterventions: SegmentationMethod, ConfigurableMethod {
  /// The name `baseline-interventions`.
  public static let name = "baseline-interventions"
  /// The description in one line.
  public static let summary = "the baseline, also shown each image with a confounder changed: do(z)x"

  /// Returns the traits: the method trains on interventions and reads no words.
  ///
  /// - Parameter options: no options.
  /// - Returns: the traits.
  public static func traits(_ options: NoOptions) -> MethodTraits {
    var traits = MethodTraits.wordless
    traits.trainsOnInterventions = true
    traits.sharing = .all
    return traits
  }

  /// Makes the method; it has no parts.
  ///
  /// - Parameters:
  ///   - options: no options.
  ///   - context: the inputs of the method, which it does not use.
  /// - Throws: never.
  public init(_ options: NoOptions, _ context: MethodContext) throws { super.init() }
}
