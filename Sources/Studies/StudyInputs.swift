import CLIP
import Confounders
import Datasets
import Foundation
import Metrics
import Storage
import Torch
import Training

/// The decoded images of a study and cached features of the frozen layers, shared by all folds.
struct StudyInputs: Sendable {
  private var banks: [SampleReader: SampleBank] = [:]
  private var stores: [StoreKey: FeatureStore] = [:]

  /// Decodes all images, and encodes them for every kind of features of the runs.
  ///
  /// - Parameters:
  ///   - settings: those of every run.
  ///   - samples: all images.
  ///   - sources: the training images of any fold, from which fixed augmented images are drawn.
  ///   - clip: loads the CLIP model that settings name.
  ///   - prompts: the prompts.
  ///   - cache: the folder for features. If it is nil, or has no space for them, each step runs the
  ///     whole tower.
  ///   - workers: the number of images that are encoded in parallel.
  ///   - once: runs the work of a key, alone among the processes of a study if there are several.
  ///   - progress: receives the number of encoded images, and their total.
  /// - Throws: an error that names the file.
  init(
    _ settings: [RunConfiguration], samples: [Sample], sources: [Sample],
    clip: ClipLoader, prompts: PromptSet,
    cache: FeatureCache?, workers: Int,
    once: (_ key: String, _ body: () throws -> FeatureStore?) throws -> FeatureStore? = { try $1() },
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
  ) throws {
    var tooLarge = Set<FeatureKey>()
    for settings in settings {
      let bank = try banks[settings.reader] ?? SampleBank(samples, reader: settings.reader)
      banks[settings.reader] = bank
      guard let cache, let key = StoreKey(settings), stores[key] == nil, !tooLarge.contains(key.features)
      else { continue }
      let store = try once(key.name) {
        let system = try SegmentationSystem.fresh(settings, prompts: prompts, clip: clip(settings))
        return try FeatureStore(
          bank, drawing: SampleBank(sources, sharing: bank), settings,
          prompts.limited(to: settings.confounders), system: system, cache: cache, workers: workers,
          progress: progress)
      }
      guard let store else {
        tooLarge.insert(key.features)
        continue
      }
      stores[key] = store
    }
  }

  /// Returns some samples in the form that a run reads.
  func bank(_ samples: [Sample], _ settings: RunConfiguration) throws -> SampleBank {
    guard let bank = banks[settings.reader] else {
      return try SampleBank(samples, reader: settings.reader)
    }
    return SampleBank(samples, sharing: bank)
  }

  /// Returns the images of the held-out site, if the settings take P(z) from them.
  func target(_ catalog: SiteCatalog, _ settings: RunConfiguration) throws -> SampleBank? {
    guard settings.interventions.prior == .heldOut, let site = settings.holdOut else { return nil }
    return try bank(catalog.site(site).testSamples, settings)
  }

  /// Returns cached features of the frozen layers of a run's tower, if any.
  func features(_ settings: RunConfiguration) -> FeatureStore? {
    StoreKey(settings).flatMap { stores[$0] }
  }
}

/// The settings that determine cached images and their features; nil if these cannot be cached.
private struct StoreKey: Hashable {
  let features: FeatureKey
  /// The augmentation as text; images that are not fixed are not cached.
  let augmentation: String
  /// The confounders, the variants and the number of confounders per image; nil if none are fixed.
  let interventions: [Int?]?

  /// A name for files, which differs between keys.
  var name: String {
    var hash = StableHash()
    hash.combine(Data("\(self)".utf8))
    return String(hash.text.suffix(16))
  }

  init?(_ settings: RunConfiguration) {
    guard let features = FeatureKey(settings) else { return nil }
    self.features = features
    augmentation = settings.augmentation.isNone ? "" : "\(settings.augmentation)"
    interventions =
      settings.fixesInterventions
      ? [settings.confounders, settings.interventions.variants, settings.interventions.count] : nil
  }
}

/// The settings that determine features of frozen layers; nil if these cannot be cached.
package struct FeatureKey: Hashable {
  let clip: String?
  /// The seed of random weights; trained weights are the same under every seed.
  let seed: UInt64?
  let reader: SampleReader
  let precision: Precision
  let tune: String
  let dense: String
  let layers: [Int]
  /// The depths; if the settings name none, those that a method needs.
  let depths: [Double]

  package init?(_ settings: RunConfiguration) {
    guard settings.cachesFeatures else { return nil }
    clip = (try? settings.clipOfSite) ?? settings.clip
    seed = settings.clip?.hasPrefix("random:") == true ? settings.seed : nil
    reader = settings.reader
    precision = settings.precision
    tune = settings.tune.description
    dense = settings.model.dense
    layers = settings.model.head.towerLayers
    depths = layers.isEmpty ? settings.model.method.traits.towerDepths : []
  }
}
