import Datasets
import Foundation
import Torch

/// Segments image files: every thread reads a few, runs the network on them together and hands each on at its own size.
///
/// While one thread waits for the disk, another computes. Memory is bounded by one whole image and `batch` small ones a
/// thread, and there are two threads a core.
public struct FileSegmentation: @unchecked Sendable {
  /// What was found in one file.
  public struct Found: Sendable {
    /// Lesion probability at the image's own size, float32 H×W.
    public let probability: Tensor
    /// The image itself, uint8 3×H×W, where it was asked for.
    public let picture: Tensor?
  }

  /// Flushing a result takes as long as segmenting a small image, or longer.
  private static let threadsPerCore = 2

  /// At most so many images go through the network together.
  public static let batch = 8

  private let system: SegmentationSystem
  private let reader: SampleReader

  /// Wraps a trained system, which is only read.
  public init(_ system: SegmentationSystem, reader: SampleReader) {
    self.system = system
    self.reader = reader
  }

  /// Segments files.
  ///
  /// - Parameters:
  ///   - files: images.
  ///   - keepingPictures: hand on the image, too. Otherwise a JPEG is decoded no larger than needed
  ///     (`SampleReader.quick`), and files go through the network in batches.
  ///   - use: takes what was found in a file, or why nothing was, on one of several threads.
  /// - Returns: what `use` gave, in the order of the files.
  /// - Throws: what `use` throws; then no further files are begun.
  public func callAsFunction<Value: Sendable>(
    _ files: [URL], keepingPictures: Bool = false,
    _ use: @escaping @Sendable (URL, Result<Found, any Error>) throws -> Value
  ) throws -> [Value] {
    // A share for every thread first, batches second.
    let threads = Machine.threads * Self.threadsPerCore
    let size = keepingPictures ? 1 : max(1, min(Self.batch, (files.count + threads - 1) / threads))
    let groups = stride(from: 0, to: files.count, by: size).map {
      files[$0..<min(files.count, $0 + size)]
    }
    return try sideBySide(count: groups.count, on: system.device, perThread: Self.threadsPerCore) { index in
      try segment(groups[index], keepingPictures, use)
    }.flatMap { $0 }
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

  private func segment<Value>(
    _ files: ArraySlice<URL>, _ keepingPictures: Bool, _ use: (URL, Result<Found, any Error>) throws -> Value
  ) throws -> [Value] {
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
      return try use(file, found)
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
