import CLIP
import Foundation
import Segmentation
import Storage
import Torch
import Training

/// Work that this program does in a separate process, to measure its memory.
package struct MemoryProbe: Sendable {
  enum Work: String { case encode, files, train }

  let work: Work
  let geometry: String
  let precision: Precision
  /// The trained part of the tower and the images of a step; of training alone.
  let training: Training?

  /// The settings of a training beside its model.
  struct Training: Sendable {
    let tune: Tuning
    let batch: Int
  }

  init(work: Work, geometry: String, precision: Precision, training: Training? = nil) {
    (self.work, self.geometry, self.precision, self.training) = (work, geometry, precision, training)
  }

  /// Reads the value of `text`; nil for anything else.
  package init?(_ text: String) {
    let words = text.split(separator: ":").map(String.init)
    guard words.count >= 3, let work = Work(rawValue: words[0]),
      let precision = Precision(rawValue: words[2]),
      words.count == (work == .train ? 5 : 3)
    else { return nil }
    var training: Training?
    if work == .train {
      guard let tune = Tuning(words[3]), let batch = Int(words[4]), batch > 0 else { return nil }
      training = Training(tune: tune, batch: batch)
    }
    self.init(work: work, geometry: words[1], precision: precision, training: training)
  }

  /// `encode:vit-b-16:bfloat16`, or `train:lite0:bfloat16:last-2:16`.
  package var text: String {
    let rest = training.map { ":\($0.tune):\($0.batch)" } ?? ""
    return "\(work.rawValue):\(geometry):\(precision.rawValue)\(rest)"
  }

  /// Does the work three times and returns the peak memory of the process, in bytes.
  ///
  /// - Parameter options: those of the parent run, with its working folder.
  /// - Returns: bytes; 0 if the system does not report it.
  /// - Throws: the errors of the work.
  package func peak(_ options: BenchmarkOptions) throws -> Int {
    try Machine.setThreads(options.threads)
    let context = BenchmarkContext(options) { _ in }
    guard let geometry = Geometry.all.first(where: { $0.id == geometry }) else {
      throw BenchmarkError.unknownGeometry(text)
    }
    switch work {
    case .encode:
      let encoder = try ImageEncoding(context.clipFolder(geometry), precision)
      let side = geometry.configuration.vision.imageSize
      let pixels = try Tensor.zeros([8, 3, side, side])
      for _ in 0..<3 { _ = try encoder(pixels) }
    case .files:
      let folder = try context.folder("memory-frames")
      let frames = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      let configuration = BenchmarkSettings.configuration(geometry, seed: options.seed)
      let description = ClipDescription(
        geometry: geometry.configuration,
        preparation: ImagePreparation(size: geometry.configuration.vision.imageSize))
      // This is the same as in `mcdrl predict`.
      let system = try SegmentationSystem.stored(
        Models.weights(context, geometry), description, configuration, lazily: true
      ).compiled(for: precision)
      let pipeline = try FilePipeline(
        Predictor(system, configuration, precision: precision), context.folder("memory-masks"))
      for _ in 0..<3 { try pipeline(frames.sorted { $0.path < $1.path }) }
    case .train:
      guard let training else { throw BenchmarkError.unknownGeometry(text) }
      let session = try TrainingSession(context, geometry, training)
      defer { session.remove() }
      let trainer = try session.trainer(precision, .step, keeping: false)
      defer { trainer.stop() }
      for _ in 0..<3 { _ = try trainer.turn() }
    }
    return peakMemory() ?? 0
  }
}
