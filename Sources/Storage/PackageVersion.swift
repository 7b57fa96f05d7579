/// The version of this package, stated here alone.
public enum PackageVersion {
  /// As the tag of a release names it.
  public static let current = "0.1.0"
}
