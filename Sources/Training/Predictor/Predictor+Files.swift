import Datasets
import Foundation
import Metrics
import Segmentation
import Torch

extension Predictor {
  /// The prediction for one file.
  package struct Prediction: Sendable {
    /// Lesion probability at the image's own size, float32 H×W.
    package let probability: Tensor
    /// The image itself, uint8 3×H×W, where it was asked for.
    package let picture: Tensor?
  }

  /// Threads for each core: one stores while another computes, for flushing a mask takes as long as segmenting a small
  /// image, or longer.
  static let threadsPerCore = 2

  /// Segments image files in parallel, each image alone.
  ///
  /// As many threads compute as libtorch has; the others store. Memory is bounded by one whole image and the network's
  /// activations a thread.
  ///
  /// - Parameters:
  ///   - files: images.
  ///   - keepingPictures: whether to hand on the image, too.
  ///   - make: makes something of a prediction, or of the reason why there is none, on one of several threads.
  ///   - store: takes that to where it stays, on the same thread.
  /// - Returns: the results of `store`, in the order of the files.
  /// - Throws: an error of either closure; then no further files are begun.
  package func callAsFunction<Made, Value: Sendable>(
    _ files: [URL], keepingPictures: Bool = false,
    make: @escaping @Sendable (URL, Result<Prediction, any Error>) throws -> Made,
    store: @escaping @Sendable (Made) throws -> Value
  ) throws -> [Value] {
    let computing = DispatchSemaphore(value: device == .cpu ? Machine.threads : 1)
    return try sideBySide(count: files.count, on: device, perThread: Self.threadsPerCore) { index in
      computing.wait()
      let made = Result {
        try make(files[index], Result { try self.prediction(files[index], keepingPictures) })
      }
      computing.signal()
      return try store(made.get())
    }
  }

  private func prediction(_ file: URL, _ keepingPicture: Bool) throws -> Prediction {
    let input = try read(file, keepingPicture: keepingPicture)
    return Prediction(probability: try input.probability(self), picture: input.picture)
  }

  /// Assesses samples in parallel, in their order.
  ///
  /// - Parameters:
  ///   - samples: images with their references.
  ///   - tolerance: of the normalised surface Dice; pixels or, with a spacing, millimetres.
  ///   - spacing: millimetres per pixel; nil measures in pixels.
  ///   - progress: told how many are done, from any thread.
  /// - Returns: one assessment a sample.
  /// - Throws: an error that names the file.
  package func assess(
    _ samples: [Sample], tolerance: Double, spacing: PixelSpacing? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> [ImageAssessment] {
    let done = Tally()
    return try sideBySide(count: samples.count, on: device) { index in
      let assessment = try self.assess(samples[index], tolerance: tolerance, spacing: spacing)
      progress(done.add())
      return assessment
    }
  }
}
