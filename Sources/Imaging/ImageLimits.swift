/// How large a picture may be before it is refused, unread.
///
/// A few kilobytes can hold a picture that unpacks to gigabytes; the limits turn it away from its header.
package struct ImageLimits: Sendable, Hashable {
  /// The most pixels, width × height; 100 million by default.
  package var maximumPixels: Int
  /// The most bytes in a file; 1 GiB by default.
  package var maximumFileBytes: Int

  /// Sets the limits.
  package init(maximumPixels: Int = 100_000_000, maximumFileBytes: Int = 1 << 30) {
    self.maximumPixels = maximumPixels
    self.maximumFileBytes = maximumFileBytes
  }

  /// The limits used when none are given.
  package static let `default` = ImageLimits()

  /// Whether a picture of these sides is too large.
  func refuse(width: Int, height: Int) -> Bool {
    let (area, overflow) = width.multipliedReportingOverflow(by: height)
    return overflow || area > maximumPixels
  }
}
