import Storage
import Torch

import class Foundation.NSLock

/// The thumbnails of images that are compared with each other.
///
/// Up to `mostInMemory` images, it keeps the thumbnails, 12 KiB each. Beyond, it keeps a descriptor
/// in float16 and a hash, 1.6 KiB an image, and thumbnails of similar images are read again.
final class Thumbnails: @unchecked Sendable {
  /// The largest number of images whose thumbnails are kept, and that are compared in all pairs.
  static let mostInMemory = 4000

  /// The number of images.
  let count: Int
  /// The descriptors, float16 n×768; nil if the thumbnails are kept.
  ///
  /// Rows without a hash are undefined.
  let descriptors: Tensor?
  private let lock = NSLock()
  private var kept: [Tensor?]
  private var found: [ContentHash?]

  /// Prepares for a number of images.
  ///
  /// - Parameters:
  ///   - count: the number of images.
  ///   - mostInMemory: the largest number of images whose thumbnails are kept.
  /// - Throws: `TorchError` if memory does not suffice.
  init(count: Int, mostInMemory: Int = Thumbnails.mostInMemory) throws {
    self.count = count
    let keeps = count <= mostInMemory
    kept = Array(repeating: nil, count: keeps ? count : 0)
    found = Array(repeating: nil, count: keeps ? 0 : count)
    descriptors = keeps ? nil : try Tensor.empty([count, NearDuplicates.width], dtype: .float16)
  }

  /// Stores a thumbnail, uint8 3×64×64; from any thread, each image once.
  ///
  /// - Throws: `TorchError` for another shape.
  func store(_ thumbnail: Tensor, at index: Int) throws {
    guard let descriptors else {
      lock.withLock { kept[index] = thumbnail }
      return
    }
    // Several threads would split sums differently than one thread.
    let row = try Machine.withThreads(1) { try NearDuplicates.descriptors(thumbnail.expandedDimension(0)) }
    // An image without details is not compared.
    guard try row.magnitude().sum().item() > 0 else { return }
    try descriptors.narrowed(dim: 0, start: index, length: 1).assign(row)
    var hash = ContentHash()
    try thumbnail.withBytes { hash.combine($0) }
    lock.withLock { found[index] = hash }
  }

  /// The kept thumbnails; nil for an image that could not be read.
  var all: [Tensor?] { lock.withLock { kept } }

  /// The hashes of the thumbnails; nil for an image that could not be read or has no details.
  var hashes: [ContentHash?] { lock.withLock { found } }
}
