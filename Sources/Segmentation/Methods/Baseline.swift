/// The same tower and head, trained by L_seg alone; method, section 7.
public final class Baseline: SegmentationMethod, ConfigurableMethod {
  /// `baseline`.
  public static let name = "baseline"
  /// A one-line description.
  public static let summary = "the same tower and head, trained by L_seg alone"

  /// Makes the method; it has no parts.
  public init(_ options: NoOptions, _ context: MethodContext) throws { super.init() }
}
