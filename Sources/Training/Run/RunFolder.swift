import Foundation
import Segmentation
import Storage
import Torch

/// The folder of one run: settings, prompts, weights, state for resuming, metrics, fingerprint.
package struct RunFolder: Sendable {
  /// The folder.
  package let url: URL

  /// Names a run folder; nothing is read or made.
  package init(_ url: URL) { self.url = url }

  /// Every setting, resolved.
  package var configurationFile: URL { url.appendingPathComponent("config.json") }
  /// The words.
  package var promptsFile: URL { url.appendingPathComponent("prompts.json5") }
  /// The geometry of the CLIP model.
  package var clipFile: URL { url.appendingPathComponent("clip.json") }
  /// The weights of the epoch that validation chose, with the embedded prompts.
  package var weightsFile: URL { url.appendingPathComponent("model.safetensors") }
  /// One line an epoch.
  package var metricsFile: URL { url.appendingPathComponent("metrics.jsonl") }
  /// Hashes of data and weights, versions of the code.
  package var fingerprintFile: URL { url.appendingPathComponent("fingerprint.json") }
  /// Validation Dice in each arithmetic of inference.
  package var precisionFile: URL { url.appendingPathComponent("precision.json") }
  /// The history for TensorBoard.
  package var tensorBoard: TensorBoardLog { TensorBoardLog(url.appendingPathComponent("tensorboard")) }
  /// Cached features of frozen layers, while the run is trained.
  package var cacheFolder: URL { url.appendingPathComponent("cache") }
  /// The mean of the training masks, S×S.
  package var meanMaskFile: URL { url.appendingPathComponent("mean-mask.safetensors") }
  /// Everything that resuming needs.
  package var stateFile: URL { url.appendingPathComponent("state/checkpoint.safetensors") }

  /// Whether the folder holds a run.
  package var exists: Bool { FileManager.default.fileExists(atPath: configurationFile.path) }
  /// Whether the run can be resumed.
  package var hasState: Bool { FileManager.default.fileExists(atPath: stateFile.path) }

  /// Makes the folder.
  ///
  /// - Throws: `FileError` that names it.
  package func create() throws {
    try FileManager.default.createFolder(stateFile.deletingLastPathComponent())
  }

  /// Checks that a run can go on with the files of its folder.
  ///
  /// - Parameter finished: the number of epochs that its state says are finished.
  /// - Throws: `RunError` that names the missing file: going on without it would end in other weights.
  package func requireResumable(finished: Int) throws {
    let hasWeights = FileManager.default.fileExists(atPath: weightsFile.path)
    // The first state is written before the first weights.
    if hasWeights, !hasState { throw RunError.noState(stateFile) }
    guard finished > 0 else { return }
    do {
      _ = try SafetensorsFile(weightsFile)
    } catch {
      throw RunError.lostWeights(reason: "\(error)")
    }
  }

  /// Reads the hashes of the data and the weights that the run began with.
  ///
  /// - Returns: the hashes; nil where the run has none.
  /// - Throws: `RunError` that names the file when it is damaged.
  package func fingerprint() throws -> Fingerprint? {
    guard FileManager.default.fileExists(atPath: fingerprintFile.path) else { return nil }
    do {
      return try JSONDecoder().decode(Fingerprint.self, from: Data(contentsOf: fingerprintFile))
    } catch {
      throw RunError.unreadable(fingerprintFile)
    }
  }

  /// Reads the settings of the run.
  ///
  /// - Parameter methods: the methods that the settings may name.
  /// - Returns: the settings.
  /// - Throws: `RunError.notARun`, or what reading the settings throws.
  package func configuration(methods: MethodRegistry = .builtIn) throws -> RunConfiguration {
    guard exists else { throw RunError.notARun(url) }
    return try RunConfiguration(ofRun: configurationFile, methods: methods)
  }

  /// The metrics of the finished epochs.
  ///
  /// - Throws: an error that names the file when it cannot be read.
  package func history() throws -> [EpochMetrics] {
    try JSONLines.read(metricsFile, expected: "the metrics of an epoch")
  }

  /// The mean of the training masks; nil in a run of an earlier version.
  ///
  /// - Throws: `SafetensorsError` that names the file when it is damaged.
  func meanMask() throws -> Tensor? {
    guard FileManager.default.fileExists(atPath: meanMaskFile.path) else { return nil }
    return try SafetensorsFile(meanMaskFile).tensors()["mean_mask"]
  }

  /// Writes a value as JSON, atomically.
  package func write(_ value: some Encodable, to file: URL) throws {
    try AtomicFile.write(json: value, to: file)
  }

  /// Brings the metrics, for people and for TensorBoard, to the epochs that are finished.
  func write(_ epochs: [EpochMetrics]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let lines = try epochs.map { try encoder.encode($0) + Data("\n".utf8) }
    try AtomicFile.write(Data(lines.joined()), to: metricsFile)
    try tensorBoard.write(epochs, settings: try? String(contentsOf: configurationFile, encoding: .utf8))
  }
}
