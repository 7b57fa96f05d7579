import Datasets
import Foundation
import Segmentation
import Storage
import Torch

/// The folder of one run: settings, prompts, weights, state for resuming, metrics, fingerprint.
package struct RunFolder: Sendable {
  /// The folder.
  package let url: URL

  /// Names a run folder without reading or creating it.
  package init(_ url: URL) { self.url = url }

  /// The file of all settings, resolved.
  package var configurationFile: URL { url.appendingPathComponent("config.json") }
  /// The file of the prompts.
  package var promptsFile: URL { url.appendingPathComponent("prompts.json5") }
  /// The file of the CLIP model's geometry.
  package var clipFile: URL { url.appendingPathComponent("clip.json") }
  /// The file of the chosen or averaged weights, with the embedded prompts.
  package var weightsFile: URL { url.appendingPathComponent("model.safetensors") }
  /// The file of the metrics, one line for each epoch.
  package var metricsFile: URL { url.appendingPathComponent("metrics.jsonl") }
  /// The file of the hashes of data and weights and of the code's versions.
  package var fingerprintFile: URL { url.appendingPathComponent("fingerprint.json") }
  /// The file of what the run was made from, in numbers and words.
  package var provenanceFile: URL { url.appendingPathComponent("provenance.json") }
  /// The file of the stored weights' scores on the validation images.
  package var validationFile: URL { url.appendingPathComponent("validation.json") }
  /// The file of the validation Dice in each inference arithmetic.
  package var precisionFile: URL { url.appendingPathComponent("precision.json") }
  /// The history for TensorBoard.
  package var tensorBoard: TensorBoardLog { TensorBoardLog(url.appendingPathComponent("tensorboard")) }
  /// The folder of frozen layers' cached features during training.
  package var cacheFolder: URL { url.appendingPathComponent("cache") }
  /// The file of the mean of the training masks, S×S.
  package var meanMaskFile: URL { url.appendingPathComponent("mean-mask.safetensors") }
  /// The file of the styles by which confounders without a mechanism act.
  package var stylesFile: URL { url.appendingPathComponent("styles.safetensors") }
  /// The file of the weights of the run that this one continues from, which it began with.
  package var initialWeightsFile: URL { url.appendingPathComponent("initial.safetensors") }
  /// The file of the names of the images of training, validation and test.
  package var listsFile: URL { url.appendingPathComponent("lists.json") }
  /// The file of the state for resuming.
  package var stateFile: URL { url.appendingPathComponent("state/checkpoint.safetensors") }

  /// Whether the folder holds a run.
  package var exists: Bool { FileManager.default.fileExists(atPath: configurationFile.path) }
  /// Whether the run can be resumed.
  package var hasState: Bool { FileManager.default.fileExists(atPath: stateFile.path) }

  /// Whether the run continues from another one.
  var continues: Bool { FileManager.default.fileExists(atPath: initialWeightsFile.path) }

  /// Creates the folder.
  ///
  /// - Throws: `FileError` that names the folder.
  package func create() throws {
    try FileManager.default.createFolder(stateFile.deletingLastPathComponent())
  }

  /// Removes the temporary files that a killed training left below the folder, which is locked.
  func removeLeftovers() {
    for place in [stateFile.deletingLastPathComponent(), tensorBoard.folder] {
      AtomicFile.removeLeftovers(in: place, unchangedFor: 0)
    }
  }

  /// Checks that a run can continue with the files of its folder.
  ///
  /// - Parameter finished: the number of finished epochs in its state.
  /// - Throws: `RunError` that names the missing or damaged file. Without it the run would end in other
  ///   weights. `EnsembleError.notTrainable` for an ensemble.
  package func requireResumable(finished: Int) throws {
    if try ensemble() != nil { throw EnsembleError.notTrainable(url, action: "trained") }
    let hasWeights = FileManager.default.fileExists(atPath: weightsFile.path)
    // The first state is written before the first weights.
    if hasWeights, !hasState { throw RunError.noState(stateFile) }
    guard finished > 0 else { return }
    do {
      _ = try SafetensorsFile(weightsFile)
    } catch let error as FileError {
      throw RunError.lostWeights(error)
    } catch let error as SafetensorsError {
      throw RunError.damagedWeights(error)
    }
  }

  /// Reads the hashes of the data and the weights that the run began with.
  ///
  /// - Returns: the hashes; nil where the run has none.
  /// - Throws: `RunError` that names the file when it is damaged, `FileError` when the system cannot
  ///   read it.
  package func fingerprint() throws -> Fingerprint? {
    guard FileManager.default.fileExists(atPath: fingerprintFile.path) else { return nil }
    do {
      return try JSONDecoder().decode(Fingerprint.self, from: Data(file: fingerprintFile))
    } catch  where !(error is FileError) {
      throw RunError.unreadable(fingerprintFile)
    }
  }

  /// Reads the names of the images of training, validation and test; nil for a split by chance.
  ///
  /// - Throws: `RunError.unreadable` that names the damaged file, or `FileError`.
  func lists() throws -> ImageLists? {
    guard FileManager.default.fileExists(atPath: listsFile.path) else { return nil }
    do {
      return try JSONDecoder().decode(ImageLists.self, from: Data(file: listsFile, limit: Data.documentLimit))
    } catch  where !(error is FileError) {
      throw RunError.unreadable(listsFile)
    }
  }

  /// Writes the names of the images, or removes those of an attempt before.
  ///
  /// - Throws: `FileError` that names the file.
  func replace(_ lists: ImageLists?) throws {
    guard let lists else { return try remove(listsFile) }
    try write(lists, to: listsFile)
  }

  /// Copies the weights that the run begins with, or removes those of an attempt before.
  ///
  /// - Parameter weights: the weights of the run that this one continues from; nil for none.
  /// - Throws: an error that names the file.
  func replaceInitial(weights: URL?) throws {
    guard let weights else { return try remove(initialWeightsFile) }
    let file = try SafetensorsFile(weights)
    try SafetensorsFile.write(file.tensors(), metadata: file.metadata, to: initialWeightsFile)
  }

  private func remove(_ file: URL) throws {
    guard FileManager.default.fileExists(atPath: file.path) else { return }
    try FileManager.default.removeItem(at: file)
  }

  /// Reads the settings of the run.
  ///
  /// - Parameter methods: the methods that the settings may name.
  /// - Returns: the settings.
  /// - Throws: `RunError.notARun`, or the errors of reading settings.
  package func configuration(methods: MethodRegistry = .builtIn) throws -> RunConfiguration {
    guard exists else { throw RunError.notARun(url) }
    var configuration = try RunConfiguration(ofRun: configurationFile, methods: methods)
    configuration.resolvePaths(ofRun: url)
    return configuration
  }

  /// Reads the metrics of the finished epochs.
  ///
  /// - Throws: an error that names the file if it cannot be read.
  package func history() throws -> [EpochMetrics] {
    try JSONLines.read(metricsFile, expected: "the metrics of an epoch")
  }

  /// Reads the mean of the training masks; nil in a run of an earlier version.
  ///
  /// - Throws: `SafetensorsError` that names the file if it is damaged.
  func meanMask() throws -> Tensor? {
    guard FileManager.default.fileExists(atPath: meanMaskFile.path) else { return nil }
    return try SafetensorsFile(meanMaskFile).tensors()["mean_mask"]
  }

  /// Writes a value as JSON, atomically.
  package func write(_ value: some Encodable, to file: URL) throws {
    try AtomicFile.write(json: value, to: file)
  }

  /// Updates the metrics, in the text file and for TensorBoard, to the finished epochs.
  func write(_ epochs: [EpochMetrics]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let lines = try epochs.map { try encoder.encode($0) + Data("\n".utf8) }
    try AtomicFile.write(Data(lines.joined()), to: metricsFile)
    try tensorBoard.write(epochs, settings: try? String(contentsOf: configurationFile, encoding: .utf8))
  }
}
