import Datasets
import Foundation
import Metrics
import Segmentation
import Torch

extension Predictor {
  /// The prediction for one file.
  package struct Prediction: Sendable {
    /// The lesion probability at the image's own size, float32 H×W, with several classes K×H×W.
    package let probability: Tensor
    /// The image itself, uint8 3×H×W, if requested.
    package let picture: Tensor?
    /// How sure the prediction is; nil without a calibration.
    package let certainty: Certainty?
    /// The maps of certainty, if requested; nil without a calibration.
    package let maps: CertaintyMaps?
  }

  /// The number of threads for each core.
  ///
  /// One thread stores while another computes, because flushing a mask takes at least as long as
  /// segmenting a small image.
  static let threadsPerCore = 2

  /// Segments image files in parallel, each image alone.
  ///
  /// - Parameters:
  ///   - files: the image files.
  ///   - keepingPictures: whether predictions include the image.
  ///   - keepingMaps: whether predictions include the maps of certainty.
  ///   - make: makes a value from a prediction or from the error in its place, on one of several
  ///     threads.
  ///   - store: stores the value, on the same thread.
  /// - Returns: the results of `store`, in the order of the files.
  /// - Throws: an error of either closure. No further files are begun then.
  package func callAsFunction<Made, Value: Sendable>(
    _ files: [URL], keepingPictures: Bool = false, keepingMaps: Bool = false,
    make: @escaping @Sendable (URL, Result<Prediction, any Error>) throws -> Made,
    store: @escaping @Sendable (Made) throws -> Value
  ) throws -> [Value] {
    try self(
      inputs: files.map { PredictionInput($0) }, keepingPictures: keepingPictures, keepingMaps: keepingMaps,
      make: { try make($0.file, $1) }, store: store)
  }

  /// Segments images in parallel, each alone.
  ///
  /// As many threads compute as libtorch has; the others store. Memory holds at most one whole
  /// image and the network's activations for each thread.
  ///
  /// - Parameters:
  ///   - inputs: the images.
  ///   - keepingPictures: whether predictions include the image.
  ///   - keepingMaps: whether predictions include the maps of certainty.
  ///   - make: makes a value from a prediction or from the error in its place, on one of several
  ///     threads.
  ///   - store: stores the value, on the same thread.
  /// - Returns: the results of `store`, in the order of the inputs.
  /// - Throws: an error of either closure. No further inputs are begun then.
  package func callAsFunction<Made, Value: Sendable>(
    inputs: [PredictionInput], keepingPictures: Bool = false, keepingMaps: Bool = false,
    make: @escaping @Sendable (PredictionInput, Result<Prediction, any Error>) throws -> Made,
    store: @escaping @Sendable (Made) throws -> Value
  ) throws -> [Value] {
    let computing = DispatchSemaphore(value: device == .cpu ? Machine.threads : 1)
    return try concurrentMap(count: inputs.count, on: device, perThread: Self.threadsPerCore) { index in
      computing.wait()
      let made = Result {
        try make(inputs[index], Result { try self.prediction(inputs[index], keepingPictures, keepingMaps) })
      }
      computing.signal()
      return try store(made.get())
    }
  }

  private func prediction(
    _ input: PredictionInput, _ keepingPicture: Bool, _ keepingMaps: Bool
  ) throws -> Prediction {
    let seen = try look(at: input, keepingPicture: keepingPicture)
    guard let certainty else {
      return Prediction(
        probability: try seen.probability(self), picture: seen.picture, certainty: nil, maps: nil)
    }
    let reading = try reading(seen, certainty.probe)
    return Prediction(
      probability: reading.probability, picture: seen.picture,
      certainty: try certainty.certainty(reading, mask: marked(reading.probability)),
      maps: keepingMaps ? try certainty.maps(reading) : nil)
  }

  /// Assesses samples in parallel and returns the results in their order.
  ///
  /// - Parameters:
  ///   - samples: images with their references.
  ///   - tolerance: the tolerance of the normalised surface Dice, in pixels or, with a spacing,
  ///     millimetres.
  ///   - spacing: millimetres per pixel; nil measures in pixels.
  ///   - progress: called with the number of finished samples, from any thread.
  /// - Returns: one assessment for each sample.
  /// - Throws: an error that names the file.
  package func assess(
    _ samples: [Sample], tolerance: Double, spacing: PixelSpacing? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws -> [ImageAssessment] {
    let done = Tally()
    return try concurrentMap(count: samples.count, on: device) { index in
      let assessment = try self.assess(samples[index], tolerance: tolerance, spacing: spacing)
      progress(done.add())
      return assessment
    }
  }
}
