/// The common tower and head, trained by L_seg alone; method, section 7.
public final class Baseline: SegmentationMethod, ConfigurableMethod {
  /// The name `baseline`.
  public static let name = "baseline"
  /// The description in one line.
  public static let summary = "the same tower and head, trained by L_seg alone"

  /// Returns the properties of the method.
  ///
  /// - Parameter options: no options.
  /// - Returns: those of a method for any number of classes.
  public static func traits(_ options: NoOptions) -> MethodTraits { .anyClasses }

  /// Makes the method; it has no parts.
  ///
  /// - Parameters:
  ///   - options: no options.
  ///   - context: the inputs of the method, which it does not use.
  /// - Throws: never.
  public init(_ options: NoOptions, _ context: MethodContext) throws { super.init() }
}
