import Foundation
import Storage
import Torch
import Training

/// The model and the input that an item is made of.
///
/// A later call of the same ones keeps the item.
package struct ReviewOrigin: Equatable, Sendable {
  /// A hash of all that a prediction and an explanation depend on but the input.
  package let model: String
  /// A hash of the input.
  package let input: String

  /// Makes a value from its parts.
  package init(model: String, input: String) { (self.model, self.input) = (model, input) }

  /// Hashes a model with its settings.
  ///
  /// - Parameters:
  ///   - predictor: the model.
  ///   - run: its run.
  /// - Returns: 32 hexadecimal digits.
  /// - Throws: an error that names the file of the run that cannot be read.
  package static func model(_ predictor: Predictor, of run: Run) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var hash = ContentHash()
    // Change this number if the computation of items changes.
    hash.combine("items 1 \(packageVersion) \(Machine.libtorchVersion)")
    hash.combine(try run.folder.modelHash())
    hash.combine(try Data(file: run.folder.configurationFile))
    hash.combine(try encoder.encode(run.prompts))
    hash.combine(try encoder.encode(predictor.inference))
    hash.combine("\(predictor.precision.rawValue) \(predictor.decoding.rawValue) \(predictor.device)")
    hash.combine("\(predictor.configuration.maxPixels)")
    let calibration = run.folder.calibrationFile
    if predictor.certainty != nil { hash.combine(try Data(file: calibration)) }
    return hash.text
  }
}

/// The hashes of inputs.
///
/// A file with many frames is read once.
package final class InputHashes: @unchecked Sendable {
  /// The hash of a file, which one thread computes and others wait for.
  private final class File {
    let lock = NSLock()
    var hash: ContentHash?
  }

  private let lock = NSLock()
  private var files: [String: File] = [:]

  /// Makes hashes of nothing so far.
  package init() {}

  /// Hashes the bytes of the file of an input, and which frame of it the input is.
  ///
  /// - Throws: `FileError` that names the file.
  package func hash(of input: PredictionInput) throws -> String {
    let file = lock.withLock {
      let known = files[input.file.path] ?? File()
      files[input.file.path] = known
      return known
    }
    var hash = try file.lock.withLock {
      let known = try file.hash ?? ContentHash(file: input.file)
      file.hash = known
      return known
    }
    if let frame = input.frame { hash.combine("frame \(frame)") }
    if let time = input.time { hash.combine("time \(time)") }
    return hash.text
  }
}
