import Foundation
import Torch

/// Samples at S×S, decoded once and cached as bytes up to a memory limit.
///
/// An image takes 4·S² bytes (three colours and a mask): 64 KiB at 128, 196 KiB at 224. Each further
/// class adds S². Images beyond the limit are decoded at each access, those of a batch in parallel.
/// The limit does not change results.
public final class SampleBank: Sendable {
  /// The samples, in order.
  public let samples: [Sample]
  private let reader: SampleReader
  private let cache: [(image: Tensor, mask: Tensor)?]
  /// The memory of the cached images; other banks may hold it, too.
  private let shares: [ImageMemory.Share]

  /// Makes a bank and decodes images up to the limit, on all cores.
  ///
  /// - Parameters:
  ///   - samples: the images and masks.
  ///   - reader: reads and scales the files.
  ///   - memoryLimit: the size of the cache in bytes; nil for what is left of `ImageMemory.shared`.
  ///   - progress: receives the number of finished images, from any thread.
  /// - Throws: the first error in the order of the samples, naming the file.
  public convenience init(
    _ samples: [Sample], reader: SampleReader, memoryLimit: Int? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    try self.init(
      samples, reader: reader, memoryLimit: memoryLimit, sharedBy: .alone, progress: progress)
  }

  /// Makes a bank in each of several processes, which decode a part of the images each and send it.
  ///
  /// - Parameters:
  ///   - samples: the images and masks, the same in every process.
  ///   - reader: reads and scales the files.
  ///   - memoryLimit: the size of the cache of each process in bytes; nil for what is left of
  ///     `ImageMemory.shared`.
  ///   - processes: the processes.
  ///   - progress: receives the number of this process's finished images, from any thread.
  /// - Throws: the first error in the order of the samples, naming the file; in all processes.
  package init(
    _ samples: [Sample], reader: SampleReader, memoryLimit: Int? = nil, sharedBy processes: Processes,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    self.samples = samples
    self.reader = reader
    let memory = memoryLimit.map { ImageMemory(limit: $0) } ?? .shared
    let share = memory.share(samples.count, bytes: (3 + reader.maskCount) * reader.size * reader.size)
    shares = [share]
    // All processes keep the same images, as many as fit everywhere.
    let capacity = try processes.joined([share.count]).min() ?? 0
    let part = processes.part(of: capacity)
    let done = Tally()
    let own = try processes.together {
      try concurrentMap(count: part.count) { index in
        let pair = try reader.pair(samples[part.lowerBound + index])
        progress(done.add())
        return pair
      }
    }
    let pairs = processes.areSeveral ? try Self.joined(own, reader, processes) : own
    cache = pairs + Array(repeating: nil, count: samples.count - capacity)
  }

  /// Joins the decoded images of all processes, in their order.
  private static func joined(
    _ own: [(image: Tensor, mask: Tensor)], _ reader: SampleReader, _ processes: Processes
  ) throws -> [(image: Tensor, mask: Tensor)] {
    let plane = [reader.size, reader.size]
    func rows(_ part: [Tensor], _ shape: [Int]) throws -> Tensor {
      // A process may have no image.
      try processes.joined(
        rows: part.isEmpty ? .zeros([0] + shape, dtype: .uint8) : .stacked(part).to(.uint8))
    }
    let images = try rows(own.map(\.image), [3] + plane)
    let masks = try rows(own.map(\.mask), reader.maskCount > 1 ? [reader.maskCount] + plane : plane)
      .greater(than: 0)
    return try (0..<images.size(0)).map {
      (try images.selected(dim: 0, index: $0), try masks.selected(dim: 0, index: $0))
    }
  }

  /// Makes a bank that shares the decoded images of other banks.
  ///
  /// - Parameters:
  ///   - samples: a sample that no bank has cached is decoded at each access.
  ///   - first: the bank whose reader the new bank uses.
  ///   - others: more banks to share with.
  public init(_ samples: [Sample], sharing first: SampleBank, _ others: SampleBank...) {
    self.samples = samples
    reader = first.reader
    shares = ([first] + others).flatMap(\.shares)
    let known = Dictionary(
      ([first] + others).flatMap { bank in zip(bank.samples.map(\.image), bank.cache) },
      uniquingKeysWith: { first, _ in first })
    cache = samples.map { known[$0.image] ?? nil }
  }

  /// The number of samples that are decoded at each access.
  package var undecodedCount: Int { cache.count { $0 == nil } }

  /// Returns one sample: uint8 3×S×S and bool S×S, with several classes K×S×S.
  public func pair(_ index: Int) throws -> (image: Tensor, mask: Tensor) {
    try cache[index] ?? reader.pair(samples[index])
  }

  /// Returns a batch: images float32 B×3×S×S from 0 to 1, masks float32 B×K×S×S of 0 and 1.
  public func batch(_ indices: [Int]) throws -> (images: Tensor, masks: Tensor) {
    let missing = indices.filter { cache[$0] == nil }
    let pairs =
      missing.count > 1
      ? try concurrentMap(count: indices.count) { [self] in try pair(indices[$0]) } : try indices.map(pair)
    let masks = try Tensor.stacked(pairs.map(\.mask)).to(.float32)
    return (
      try Tensor.stacked(pairs.map(\.image)).to(.float32) / 255,
      reader.maskCount > 1 ? masks : try masks.expandedDimension(1)
    )
  }
}
