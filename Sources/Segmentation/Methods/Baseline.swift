/// The common tower and head, trained by the segmentation loss alone; method, section 7.
public final class Baseline: SegmentationMethod, ConfigurableMethod {
  /// The name `baseline`.
  public static let name = "baseline"
  /// The description in one line.
  public static let summary = "image tower and head without words, trained by the segmentation loss"

  /// Returns the traits: the method reads no words.
  ///
  /// - Parameter options: no options.
  /// - Returns: the traits.
  public static func traits(_ options: NoOptions) -> MethodTraits { .wordless.sharing(.all) }

  /// Makes the method; it has no parts.
  ///
  /// - Parameters:
  ///   - options: no options.
  ///   - context: the inputs of the method, which it does not use.
  /// - Throws: never.
  public init(_ options: NoOptions, _ context: MethodContext) throws { super.init() }
}
