/// The maximum size of an image; a larger one is rejected before it is decoded.
///
/// A few kilobytes can hold an image of gigabytes. The limits reject it after its header is read.
public struct ImageLimits: Sendable, Hashable {
  /// The maximum number of pixels, width × height; 100 million by default.
  public var maximumPixels: Int
  /// The maximum size of a file in bytes; 1 GiB by default.
  public var maximumFileBytes: Int

  /// Makes limits.
  public init(maximumPixels: Int = 100_000_000, maximumFileBytes: Int = 1 << 30) {
    self.maximumPixels = maximumPixels
    self.maximumFileBytes = maximumFileBytes
  }

  /// The default limits.
  public static let `default` = ImageLimits()

  /// Returns whether an image of these sides is too large.
  package func refuse(width: Int, height: Int) -> Bool {
    let (area, overflow) = width.multipliedReportingOverflow(by: height)
    return overflow || area > maximumPixels
  }
}
