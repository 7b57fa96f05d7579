import Foundation
import Training

/// Where a command that trains caches the features of frozen layers.
struct CacheOptions: OptionGroup {
  let folder = Option.optional(
    "cache", "DIR", .file, remark: "OUT/cache, removed at the end",
    "the cache of frozen layers' features, which commands can share")
  let limit = Option.value(
    "cache-limit", "BYTES", .bytes, default: FeatureCache.standardLimit,
    "the largest size of that folder, such as 4GiB; 0 writes nothing")
  let keep = Option.flag("keep-cache", "keep OUT/cache at the end")
}

/// The cache of one command.
struct CommandCache {
  let cache: FeatureCache
  private let isRemoved: Bool

  /// Makes the cache that the options of a command ask for, by default in its output folder.
  init(_ arguments: Arguments<CacheOptions>, in folder: URL, _ console: Console) throws {
    let shared = try arguments.folder
    cache = FeatureCache(
      shared ?? folder.appendingPathComponent("cache"), limit: try arguments.limit
    ) { text in
      console.progress("")
      console.note(text)
    }
    isRemoved = try shared == nil && !arguments.keep
  }

  /// Says how to cache features when layers are frozen but see other augmentations in each step.
  static func advise(_ settings: RunConfiguration, _ console: Console) {
    var fixed = settings
    fixed.augmentation.fixed = 1
    guard fixed.cachesFeatures, !settings.cachesFeatures else { return }
    console.note(
      "note: each step draws new augmentations, so the frozen layers run in each step. "
        + "--set augmentation.fixed=4 draws four of each image and encodes them once.")
  }

  /// Removes the cache unless it is shared or kept.
  ///
  /// An interrupted command needs the cache when it is called again, so call this at the end of the work.
  func finish() { if isRemoved { cache.remove() } }
}
