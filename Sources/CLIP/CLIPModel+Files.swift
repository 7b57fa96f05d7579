import Foundation
import Imaging
import Storage
import Torch

extension CLIPModel {
  /// Encodes image files in float32, as many at once as libtorch has threads.
  ///
  /// On the CPU each image is decoded and encoded alone, by one thread. So its features are the same,
  /// bit for bit, whichever other images are given and however many threads there are. No thread waits
  /// for another one between layers. Memory holds one whole image and one pass for each thread beside
  /// the results. On another device images are encoded one after the other.
  ///
  /// - Parameters:
  ///   - files: the image files.
  ///   - dense: the dense features; nil skips them.
  ///   - limits: the maximum size of a file.
  ///   - progress: called with the number of finished files, from any thread.
  /// - Returns: for each file the features of a batch of one, float32 on the CPU, or the error of
  ///   reading it.
  /// - Throws: `TorchError` if the tower cannot be compiled, or a pass fails.
  package func features(
    of files: [URL], dense: DenseFeatures? = nil, limits: ImageLimits = .default,
    progress: @escaping @Sendable (_ done: Int) -> Void = { _ in }
  ) throws -> [Result<ImageFeatures, any Error>] {
    guard !files.isEmpty else { return [] }
    let (preparation, done) = (preparation, Tally())
    @Sendable func pixels(_ file: URL) -> Result<Tensor, any Error> {
      Result { try preparation(ImageFile.read(file, limits: limits).rgb.tensor).expandedDimension(0) }
    }
    let device = parameters().first?.tensor.device ?? .cpu
    guard device == .cpu else {
      return try files.map { file in
        defer { progress(done.add()) }
        return try pixels(file).mapped { pixels in
          try inferenceMode { try vision(pixels.to(device), dense: dense).map { try $0.to(.cpu) } }
        }
      }
    }
    let tower = try vision.compiled(for: .float32)
    return try concurrentMap(count: files.count, threads: Machine.threads) { index in
      defer { progress(done.add()) }
      return try Machine.withThreads(1) {
        try pixels(files[index]).mapped { pixels in try inferenceMode { try tower(pixels, dense: dense) } }
      }
    }
  }
}
