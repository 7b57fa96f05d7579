import Foundation
import Storage
import Torch

/// The folder of one run: settings, prompts, weights, state for resuming, metrics, fingerprint.
package struct RunDirectory: Sendable {
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
  /// What went in: data, weights, code.
  package var fingerprintFile: URL { url.appendingPathComponent("fingerprint.json") }
  /// What each arithmetic of inference makes of the validation images.
  package var precisionFile: URL { url.appendingPathComponent("precision.json") }
  /// The history for TensorBoard.
  package var tensorBoard: TensorBoardLog { TensorBoardLog(url.appendingPathComponent("tensorboard")) }
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

  /// Checks that a run can go on from what its folder holds.
  ///
  /// - Parameter finished: how many epochs its state says are finished.
  /// - Throws: `ConfigurationError` that names what is gone: going on without it would end in other weights.
  package func requireResumable(finished: Int) throws {
    let hasWeights = FileManager.default.fileExists(atPath: weightsFile.path)
    // The first state is written before the first weights.
    if hasWeights, !hasState {
      throw ConfigurationError(
        "\(stateFile.path): not found, though epochs of this run are finished; put it back, or start a new run "
          + "with another --out")
    }
    guard finished > 0 else { return }
    do {
      _ = try SafetensorsFile(weightsFile)
    } catch {
      throw ConfigurationError(
        "\(error)\nwithout the weights that validation chose the run cannot go on; start a new one with another --out"
      )
    }
  }

  /// Reads the settings of the run.
  ///
  /// - Throws: `ConfigurationError` when there is no run or its settings cannot be read.
  package func configuration() throws -> RunConfiguration {
    guard exists else {
      throw ConfigurationError(
        "\(url.path): not a run folder (no config.json); give the --out of mcdrl train")
    }
    // Laid over the defaults, so that a run of an older version, which lacks a setting, can still be used.
    var configuration = RunConfiguration()
    try configuration.merge(contentsOf: configurationFile, as: RunConfiguration.ofEarlierVersion)
    return configuration
  }

  /// What the finished epochs came to.
  ///
  /// - Throws: an error that names the file when it cannot be read.
  package func history() throws -> [EpochMetrics] {
    try JSONLines.read(metricsFile, expected: "the metrics of an epoch")
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

/// What one epoch came to; a line of `metrics.jsonl`.
package struct EpochMetrics: Codable, Equatable, Sendable {
  /// Counted from 1.
  package var epoch: Int
  /// The whole objective, mean over steps.
  package var loss: Double
  /// L_seg, mean over steps.
  package var segmentation: Double
  /// L_causal, mean over the steps that had it; nil when none had.
  package var causal: Double?
  /// L_contrast, mean over the steps that had it; nil when none had.
  package var contrast: Double?
  /// 1 − cosine of the grids that the head is handed of x and do(z)x, mean over the steps that had it; nil when none had.
  package var invariance: Double?
  /// Cross-entropy of the attention with the z that was set, mean over the steps that had it; nil when none had.
  package var attention: Double?
  /// What a method that plugs in adds, weighted, mean over the steps that had it; nil when none had.
  package var penalty: Double?
  /// Whether the intervention was on.
  package var intervening: Bool
  /// Mean Dice over the validation images at S×S; nil without a validation split.
  package var validationDice: Double?
  /// Whether this epoch's weights are the chosen ones so far.
  package var best: Bool
  /// Wall time, seconds; the only entry that differs between equal runs, with `waited`.
  package var seconds: Double
  /// Seconds in which the network waited for images.
  package var waited: Double

  enum CodingKeys: String, CodingKey {
    case epoch, loss, segmentation, causal, contrast, invariance, attention, penalty, intervening, best
    case seconds, waited
    case validationDice = "validation_dice"
  }
}
