import Datasets
import Foundation
import Training

/// The options for the cache of frozen layers' features, for commands that train.
struct CacheOptions: OptionGroup {
  let folder = Option.optional(
    "cache", "DIR", .file, remark: "OUT/cache, removed at the end",
    "the cache of frozen layers' features, which commands can share")
  let limit = Option.value(
    "cache-limit", "BYTES", .bytes, default: FeatureCache.standardLimit,
    "the largest size of that folder, such as 4GiB; 0 writes nothing")
  let keep = Option.flag("keep-cache", "keep OUT/cache at the end")
  let images = Option.optional(
    "image-memory", "BYTES", .bytes, remark: "a quarter of the machine's memory, at most 16GiB",
    "the memory for decoded images, such as 4GiB; others are decoded at each use, which changes no result")
}

/// The cache of one command.
struct CommandCache {
  let cache: FeatureCache
  private let isRemoved: Bool

  /// Makes the cache of a command's options, by default in its output folder.
  init(_ arguments: Arguments<CacheOptions>, in folder: URL, _ console: Console) throws {
    if let size = try arguments.images { ImageMemory.shared.limit = size }
    let shared = try arguments.folder
    cache = FeatureCache(
      shared ?? folder.appendingPathComponent("cache"), limit: try arguments.limit
    ) { text in
      console.progress("")
      console.note(text)
    }
    isRemoved = try shared == nil && !arguments.keep
  }

  /// Notes how to cache features if layers are frozen but see other augmentations in each step.
  static func advise(_ settings: RunConfiguration, _ console: Console) {
    var fixed = settings
    fixed.augmentation.fixed = 1
    guard fixed.cachesFeatures, !settings.cachesFeatures else { return }
    console.note(
      "note: each step draws new augmentations, so the frozen layers run in each step. "
        + "--set augmentation.fixed=4 draws four of each image and encodes them once.")
  }

  /// Removes the cache unless it is shared or the options keep it.
  ///
  /// An interrupted command needs the cache when it runs again, so call this at the end of the
  /// work.
  func finish() { if isRemoved { cache.remove() } }
}
