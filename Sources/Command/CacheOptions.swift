import Foundation
import Training

/// Where a command that trains keeps what frozen layers make of pictures.
struct CacheOptions {
  static let all: [Option] = [
    .one(
      "cache", "DIR",
      "keep what frozen layers compute here, to be shared between commands (OUT/cache, removed at the end)"),
    .one("cache-limit", "BYTES", "how large that folder may get, such as 4GiB; 0 to write nothing (16GiB)"),
    .flag("keep-cache", "leave OUT/cache where it is at the end"),
  ]

  /// The cache that the options ask for.
  let cache: FeatureCache
  private let isRemoved: Bool

  /// Reads the options.
  ///
  /// - Parameters:
  ///   - arguments: of the command.
  ///   - folder: what the command writes to.
  ///   - console: where notes go.
  /// - Throws: `UsageError` for a size that cannot be read.
  init(_ arguments: Arguments, in folder: URL, _ console: Console) throws {
    let shared = arguments.last("cache").map { URL(fileURLWithPath: $0) }
    cache = FeatureCache(
      shared ?? folder.appendingPathComponent("cache"),
      limit: try arguments.bytes("cache-limit") ?? FeatureCache.standardLimit
    ) { text in
      console.progress("")
      console.note(text)
    }
    isRemoved = shared == nil && !arguments.has("keep-cache")
  }

  /// Says so when layers are frozen but see other pictures in each step, so that nothing of them can be kept.
  static func advise(_ settings: RunConfiguration, _ console: Console) {
    var fixed = settings
    fixed.augmentation.fixed = 1
    guard fixed.keepsFeatures, !settings.keepsFeatures else { return }
    console.note(
      "note: images are augmented anew in each step, so the frozen layers run in each; with --set augmentation.fixed=4 four "
        + "augmentations of each image are drawn and encoded once")
  }

  /// Removes what nobody asked to keep; called when the work is done, for what is interrupted goes on with it.
  func finish() { if isRemoved { cache.remove() } }
}

extension Arguments {
  /// A number of bytes: a number, with a unit such as `KiB`, `MiB`, `GiB`, `TiB`, `kB`, `MB`, `GB`, `TB` or without.
  ///
  /// - Throws: `UsageError` that says how to write it.
  func bytes(_ name: String) throws -> Int? {
    guard let text = last(name) else { return nil }
    guard let bytes = Self.bytes(text) else {
      throw UsageError(description: "--\(name) \(text): a size is needed, such as 500MB, 4GiB or 0")
    }
    return bytes
  }

  private static func bytes(_ text: String) -> Int? {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let unit = text.dropFirst(digits.count).trimmingCharacters(in: .whitespaces).lowercased()
    let units: [String: Double] = [
      "": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 0x1p10, "mib": 0x1p20,
      "gib": 0x1p30, "tib": 0x1p40,
    ]
    guard let factor = units[unit], let number = Double(digits) else { return nil }
    return Int(exactly: (number * factor).rounded())
  }
}
