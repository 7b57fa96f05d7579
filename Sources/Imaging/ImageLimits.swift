/// How large a picture may be before it is refused, unread.
///
/// A few kilobytes can hold a picture that unpacks to gigabytes; the limits turn it away from its header.
public struct ImageLimits: Sendable, Hashable {
  /// The most pixels, width × height; 100 million by default.
  public var maximumPixels: Int
  /// The most bytes in a file; 1 GiB by default.
  public var maximumFileBytes: Int

  /// Sets the limits.
  public init(maximumPixels: Int = 100_000_000, maximumFileBytes: Int = 1 << 30) {
    self.maximumPixels = maximumPixels
    self.maximumFileBytes = maximumFileBytes
  }

  /// The limits used when none are given.
  public static let `default` = ImageLimits()

  /// Whether a picture of these sides is too large.
  func refuse(width: Int, height: Int) -> Bool {
    let (area, overflow) = width.multipliedReportingOverflow(by: height)
    return overflow || area > maximumPixels
  }
}
