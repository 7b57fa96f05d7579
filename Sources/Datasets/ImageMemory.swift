import Foundation

/// The memory for decoded images.
///
/// All banks of a process share one. Images beyond the limit are decoded at each access. The limit
/// does not change results.
public final class ImageMemory: @unchecked Sendable {
  /// A quarter of the machine's memory, at most 16 GiB; in bytes.
  public static let standardLimit = min(16 << 30, Int(clamping: ProcessInfo.processInfo.physicalMemory / 4))
  /// The memory that banks share unless they are given a limit of their own.
  public static let shared = ImageMemory()

  private let lock = NSLock()
  private var most: Int
  private var used = 0

  /// Makes a memory of a size in bytes; nothing is allocated.
  public init(limit: Int = ImageMemory.standardLimit) { most = max(0, limit) }

  /// The size in bytes.
  ///
  /// A lower one does not free what is taken.
  public var limit: Int {
    get { lock.withLock { most } }
    set { lock.withLock { most = max(0, newValue) } }
  }

  /// The bytes that banks hold.
  public var taken: Int { lock.withLock { used } }

  /// A part of the memory, which returns with this object.
  final class Share: Sendable {
    /// The number of images that fit.
    let count: Int
    private let bytes: Int
    private let memory: ImageMemory

    fileprivate init(_ count: Int, bytes: Int, of memory: ImageMemory) {
      (self.count, self.bytes, self.memory) = (count, bytes, memory)
    }

    deinit { memory.lock.withLock { memory.used -= bytes } }
  }

  /// Takes memory for images, or for as many of them as fit.
  ///
  /// - Parameters:
  ///   - count: the number of images.
  ///   - bytes: the size of each, at least 1.
  /// - Returns: the share.
  func share(_ count: Int, bytes: Int) -> Share {
    lock.withLock {
      let fitting = min(count, max(0, most - used) / max(1, bytes))
      used += fitting * bytes
      return Share(fitting, bytes: fitting * bytes, of: self)
    }
  }
}
