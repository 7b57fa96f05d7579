import CLIP
import Datasets
import Foundation
import MCDRL
import Torch

/// The decoded images of a study and, where towers are frozen, their features: made once, shared by all folds.
struct StudyInputs: Sendable {
  private var banks: [SampleReader: SampleBank] = [:]
  private var stores: [FeatureKey: FeatureStore] = [:]
  private var drawn: [InterventionKey: InterventionBank] = [:]

  /// Bytes of features and interventions that are kept in all; where features of further arms do not fit, they run their
  /// tower in each step instead.
  private static let featureLimit = 4 << 30

  /// Decodes all images and encodes them for every kind of features that is met.
  ///
  /// - Parameters:
  ///   - settings: those of every run.
  ///   - samples: all images.
  ///   - sources: those that some fold trains on, which interventions are drawn of.
  ///   - clip: loads the CLIP model that settings name.
  ///   - prompts: the words.
  ///   - workers: batches that are encoded side by side.
  ///   - progress: told how many images are encoded, of all.
  /// - Throws: an error that names the file, or `ConfigurationError` when features are kept but the interventions do not
  ///   fit: drawing anew in each step would make an arm another one.
  init(
    _ settings: [RunConfiguration], samples: [Sample], sources: [Sample],
    clip: @Sendable (_ settings: RunConfiguration) throws -> CLIPModel, prompts: PromptSet, workers: Int,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
  ) throws {
    var left = Self.featureLimit
    var tooLarge = Set<FeatureKey>()
    for settings in settings {
      let bank = try banks[settings.reader] ?? SampleBank(samples, reader: settings.reader)
      banks[settings.reader] = bank
      guard let key = FeatureKey(settings) else { continue }
      if stores[key] == nil, !tooLarge.contains(key) {
        let system = try RunAssembly.fresh(settings, prompts: prompts, clip: clip(settings))
        stores[key] = try FeatureStore(
          bank, system: system, memoryLimit: left, workers: workers,
          progress: { progress($0, samples.count) })
        left -= stores[key]?.bytes ?? 0
        if stores[key] == nil { tooLarge.insert(key) }
      }
      guard let set = InterventionKey(settings), drawn[set] == nil, stores[key] != nil else { continue }
      drawn[set] = try InterventionBank(
        SampleBank(sources, sharing: bank),
        interventions: Interventions(prompts.limited(to: settings.confounders)),
        variants: settings.interventions.variants, count: settings.interventions.count,
        system: RunAssembly.fresh(settings, prompts: prompts, clip: clip(settings)), memoryLimit: left,
        workers: workers, progress: { progress($0, sources.count) })
      left -= drawn[set]?.bytes ?? 0
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

  /// The interventions that a run trains on; nil where they are drawn anew in each step.
  func interventions(_ settings: RunConfiguration) -> InterventionBank? {
    InterventionKey(settings).flatMap { drawn[$0] }
  }
}

/// What kept interventions depend on; nil for settings that draw none or draw anew.
private struct InterventionKey: Hashable {
  let features: FeatureKey
  let confounders: Int
  let variants: Int
  let count: Int

  init?(_ settings: RunConfiguration) {
    guard settings.interventions.share > 0, let features = FeatureKey(settings) else { return nil }
    self.features = features
    confounders = settings.confounders
    variants = settings.interventions.variants
    count = settings.interventions.count
  }
}

/// What the features of a frozen tower depend on; nil for settings under which they cannot be kept.
struct FeatureKey: Hashable {
  let clip: String
  /// Of random weights; trained ones are the same under every seed.
  let seed: UInt64?
  let reader: SampleReader
  let precision: Precision
  let dense: String
  let layers: [Int]
  /// Where these name none, those that a method needs.
  let depths: [Double]

  init?(_ settings: RunConfiguration) {
    guard settings.keepsFeatures else { return nil }
    clip = settings.clip
    seed = settings.clip.hasPrefix("random:") ? settings.seed : nil
    reader = settings.reader
    precision = settings.precision
    dense = settings.model.dense
    layers = settings.model.head.towerLayers
    depths = layers.isEmpty ? settings.model.method.plugin?.towerDepths ?? [] : []
  }
}
