import CLIP
import Confounders
import Datasets
import Foundation
import Metrics
import Torch
import Training

/// The decoded images of a study and what frozen layers make of them: made once, shared by all folds.
struct StudyInputs: Sendable {
  private var banks: [SampleReader: SampleBank] = [:]
  private var stores: [StoreKey: FeatureStore] = [:]

  /// Decodes all images and encodes them for every kind of features that is met.
  ///
  /// - Parameters:
  ///   - settings: those of every run.
  ///   - samples: all images.
  ///   - sources: those that some fold trains on, of which fixed pictures are drawn.
  ///   - clip: loads the CLIP model that settings name.
  ///   - prompts: the words.
  ///   - cache: where features are kept; nil, or where they do not fit, each step runs the whole tower.
  ///   - workers: pictures that are encoded side by side.
  ///   - progress: told how many pictures are encoded, of all.
  /// - Throws: an error that names the file.
  init(
    _ settings: [RunConfiguration], samples: [Sample], sources: [Sample],
    clip: ClipLoader, prompts: PromptSet,
    cache: FeatureCache?, workers: Int,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
  ) throws {
    var tooLarge = Set<FeatureKey>()
    for settings in settings {
      let bank = try banks[settings.reader] ?? SampleBank(samples, reader: settings.reader)
      banks[settings.reader] = bank
      guard let cache, let key = StoreKey(settings), stores[key] == nil, !tooLarge.contains(key.features)
      else { continue }
      let system = try SegmentationSystem.fresh(settings, prompts: prompts, clip: clip(settings))
      guard
        let store = try FeatureStore(
          bank, drawing: SampleBank(sources, sharing: bank), settings,
          prompts.limited(to: settings.confounders), system: system, cache: cache, workers: workers,
          progress: progress)
      else {
        tooLarge.insert(key.features)
        continue
      }
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

  /// What the frozen layers of a run's tower make of pictures; nil where that is not kept.
  func features(_ settings: RunConfiguration) -> FeatureStore? {
    StoreKey(settings).flatMap { stores[$0] }
  }
}

/// What kept pictures and their features depend on; nil for settings under which they cannot be kept.
private struct StoreKey: Hashable {
  let features: FeatureKey
  /// As text; those that are not fixed are not kept.
  let augmentation: String
  /// Confounders, variants and how many are set at once; nil when none are fixed.
  let interventions: [Int?]?

  init?(_ settings: RunConfiguration) {
    guard let features = FeatureKey(settings) else { return nil }
    self.features = features
    augmentation = settings.augmentation.isNone ? "" : "\(settings.augmentation)"
    interventions =
      settings.fixesInterventions
      ? [settings.confounders, settings.interventions.variants, settings.interventions.count] : nil
  }
}

/// What the features of frozen layers depend on; nil for settings under which they cannot be kept.
package struct FeatureKey: Hashable {
  let clip: String?
  /// Of random weights; trained ones are the same under every seed.
  let seed: UInt64?
  let reader: SampleReader
  let precision: Precision
  let tune: String
  let dense: String
  let layers: [Int]
  /// Where these name none, those that a method needs.
  let depths: [Double]

  package init?(_ settings: RunConfiguration) {
    guard settings.cachesFeatures else { return nil }
    clip = settings.clip
    seed = settings.clip?.hasPrefix("random:") == true ? settings.seed : nil
    reader = settings.reader
    precision = settings.precision
    tune = settings.tune.description
    dense = settings.model.dense
    layers = settings.model.head.towerLayers
    depths = layers.isEmpty ? settings.model.method.traits.towerDepths : []
  }
}
