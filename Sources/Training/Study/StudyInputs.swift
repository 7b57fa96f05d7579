import CLIP
import Datasets
import Foundation
import MCDRL
import Torch

/// The decoded images of a study and, where towers are frozen, their features: made once, shared by all folds.
struct StudyInputs: Sendable {
  private var banks: [SampleReader: SampleBank] = [:]
  private var stores: [FeatureKey: FeatureStore] = [:]

  /// Bytes of features that are kept in all; further arms run their tower in each step instead.
  private static let featureLimit = 4 << 30

  /// Decodes all images and encodes them for every kind of features that is met.
  ///
  /// - Parameters:
  ///   - settings: those of every run.
  ///   - samples: all images.
  ///   - clip: loads the CLIP model that settings name.
  ///   - prompts: the words.
  ///   - workers: batches that are encoded side by side.
  ///   - progress: told how many images are encoded, of all.
  /// - Throws: an error that names the file.
  init(
    _ settings: [RunConfiguration], samples: [Sample],
    clip: @Sendable (_ settings: RunConfiguration) throws -> CLIPModel, prompts: PromptSet, workers: Int,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
  ) throws {
    var left = Self.featureLimit
    for settings in settings {
      let bank = try banks[settings.reader] ?? SampleBank(samples, reader: settings.reader)
      banks[settings.reader] = bank
      guard let key = FeatureKey(settings), stores[key] == nil else { continue }
      let system = try RunAssembly.fresh(settings, prompts: prompts, clip: clip(settings))
      guard
        let store = try FeatureStore(
          bank, system: system, memoryLimit: left, workers: workers,
          progress: { progress($0, samples.count) })
      else { continue }
      left -= store.bytes
      stores[key] = store
    }
  }

  /// Some samples as a run reads them.
  func bank(_ samples: [Sample], _ settings: RunConfiguration) throws -> SampleBank {
    guard let bank = banks[settings.reader] else {
      return try SampleBank(samples, reader: settings.reader)
    }
    return SampleBank(samples, sharing: bank)
  }

  /// The features that a run's tower makes; nil where they were not kept.
  func features(_ settings: RunConfiguration) -> FeatureStore? {
    FeatureKey(settings).flatMap { stores[$0] }
  }
}

/// What the features of a frozen tower depend on; nil for settings under which they cannot be kept.
private struct FeatureKey: Hashable {
  let clip: String
  /// Of random weights; trained ones are the same under every seed.
  let seed: UInt64?
  let reader: SampleReader
  let precision: Precision
  let dense: String
  let layers: [Int]

  init?(_ settings: RunConfiguration) {
    guard settings.keepsFeatures else { return nil }
    clip = settings.clip
    seed = settings.clip.hasPrefix("random:") ? settings.seed : nil
    reader = settings.reader
    precision = settings.precision
    dense = settings.model.dense
    layers = settings.model.head.towerLayers
  }
}
