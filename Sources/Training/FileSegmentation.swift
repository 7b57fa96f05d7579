import Datasets
import Foundation
import Torch

/// Segments image files: every thread reads a few, runs the network on them together and makes of each what is wanted of it.
///
/// As many threads compute as libtorch has; the others store, which waits for the disk. Memory is bounded by one whole image,
/// a few small ones and the network's activations a computing thread.
package struct FileSegmentation: Sendable {
  /// What was found in one file.
  package struct Found: Sendable {
    /// Lesion probability at the image's own size, float32 H×W.
    package let probability: Tensor
    /// The image itself, uint8 3×H×W, where it was asked for.
    package let picture: Tensor?
  }

  /// One stores while another computes: flushing a mask takes as long as segmenting a small image, or longer.
  private static let threadsPerCore = 2

  /// At most so many images go through the network together.
  static let largestBatch = 8

  /// And so many on all threads, for each has activations of its own.
  static let mostAtOnce = 32

  private let system: CompiledSystem
  private let reader: SampleReader

  /// Wraps a compiled system.
  package init(_ system: CompiledSystem, reader: SampleReader) {
    self.system = system
    self.reader = reader
  }

  /// Segments files.
  ///
  /// - Parameters:
  ///   - files: images.
  ///   - keepingPictures: hand on the image, too. Otherwise a JPEG is decoded no larger than needed
  ///     (`SampleReader.quick`), and files go through the network in batches.
  ///   - make: makes something of what was found in a file, or of why nothing was, on one of several threads.
  ///   - store: takes that to where it stays, on the same thread.
  /// - Returns: what `store` gave, in the order of the files.
  /// - Throws: what either throws; then no further files are begun.
  package func callAsFunction<Made, Value: Sendable>(
    _ files: [URL], keepingPictures: Bool = false,
    make: @escaping @Sendable (URL, Result<Found, any Error>) throws -> Made,
    store: @escaping @Sendable (Made) throws -> Value
  ) throws -> [Value] {
    let size = keepingPictures ? 1 : batch(files.count)
    let groups = stride(from: 0, to: files.count, by: size).map {
      files[$0..<min(files.count, $0 + size)]
    }
    let computing = DispatchSemaphore(value: threads)
    return try sideBySide(count: groups.count, on: system.device, perThread: Self.threadsPerCore) { index in
      computing.wait()
      let made = Result { try segment(groups[index], keepingPictures, make) }
      computing.signal()
      return try made.get().map(store)
    }.flatMap { $0 }
  }

  /// Threads that compute at once.
  private var threads: Int { system.device == .cpu ? Machine.threads : 1 }

  /// Of so many files, how many go through the network together: a share for every thread first.
  func batch(_ count: Int) -> Int {
    let workers = system.device == .cpu ? threads * Self.threadsPerCore : 1
    let most = min(Self.largestBatch, Self.mostAtOnce / threads)
    return max(1, min(most, (count + workers - 1) / workers))
  }

  /// An image as the network sees it, and what it was.
  private struct Input {
    let image: Tensor
    let height: Int
    let width: Int
    let picture: Tensor?

    /// Enlarges its probabilities, 1×1×S×S.
    func found(_ map: Tensor) throws -> Found {
      Found(
        probability: try map.resized(height: height, width: width).squeezed(0).squeezed(0), picture: picture)
    }
  }

  private func segment<Made>(
    _ files: ArraySlice<URL>, _ keepingPictures: Bool, _ make: (URL, Result<Found, any Error>) throws -> Made
  ) throws -> [Made] {
    let inputs = files.map { file in Result { try input(file, keepingPictures) } }
    let maps = Result {
      let images = inputs.compactMap { try? $0.get().image }
      return try system.probabilities(.stacked(images).to(.float32) / 255)
    }
    var row = 0
    return try zip(files, inputs).map { file, input in
      let found = input.flatMap { input in
        defer { row += 1 }
        return Result { try input.found(maps.get().narrowed(dim: 0, start: row, length: 1)) }
      }
      return try make(file, found)
    }
  }

  private func input(_ file: URL, _ keepingPicture: Bool) throws -> Input {
    guard keepingPicture else {
      let (image, height, width) = try reader.quick(file)
      return Input(image: image, height: height, width: width, picture: nil)
    }
    let picture = try reader.image(file)
    return Input(
      image: try reader.scaled(picture), height: try picture.size(1), width: try picture.size(2),
      picture: picture)
  }
}
