import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import Torch

/// The features of an image tower's frozen part, cached by a `FeatureCache`.
///
/// Each image is encoded once; folds, methods and seeds share the features.
///
/// Every image is encoded alone and on one thread. So its features depend neither on other images
/// nor on interruptions of the work. An image takes 4·h·w·(d + the widths of the head's layers)
/// bytes under a fully frozen tower, and 4·(1 + h·w)·c if the last layers are trained. A drawn
/// image takes 4·S² more.
package struct FeatureStore: Sendable {
  /// The encoder of images that are not cached.
  package let encoder: FrozenEncoder
  /// The features of one image, which show the kind of features.
  private let template: FrozenFeatures
  private let group: ContentHash
  private let plain: FeatureRows
  private var drawn: FeatureRows?
  /// The content of each image at S×S, with its mask.
  private var contents: [URL: Content]
  private var pictures: FixedPictures?

  /// Hashes of an image and its mask at S×S.
  private struct Content: Codable, Sendable {
    let image: ContentHash
    let pair: ContentHash

    init(_ pair: (image: Tensor, mask: Tensor)) throws {
      var hash = ContentHash()
      try pair.image.withBytes { hash.combine($0) }
      image = hash
      try pair.mask.withBytes { hash.combine($0) }
      self.pair = hash
    }
  }

  /// Finds or computes the features of the unchanged images of a bank.
  ///
  /// - Parameters:
  ///   - bank: the images.
  ///   - system: the system whose tower and settings are used. Part of its tower must be frozen.
  ///   - cache: the cache of the features. If they do not fit, the result is nil.
  ///   - workers: the number of images that are encoded in parallel.
  ///   - processes: the processes that encode the images, each a part of them.
  ///   - progress: called with the number of encoded images among the uncached ones, from any
  ///     thread.
  /// - Throws: `RunError` if the whole tower is trained, `TrainingError.noImages`, or the errors of
  ///   encoding.
  package init?(
    _ bank: SampleBank, system: SegmentationSystem, cache: FeatureCache, workers: Int = 1,
    _ processes: Processes = .alone,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    guard !bank.samples.isEmpty else { throw TrainingError.noImages }
    guard let encoder = try system.frozenEncoder() else {
      throw RunError.nothingFrozen
    }
    let template = try encoder.features(bank.pair(0).image.expandedDimension(0))
    let contents = try processes.inParts(count: bank.samples.count) { part in
      try concurrentMap(count: part.count, threads: workers) {
        try Content(bank.pair(part.lowerBound + $0))
      }
    }
    let group = try system.frozenHash()
    guard
      let rows = try cache.rows(
        contents.map(\.image), group: group.text + "-" + Self.columns(template).signature,
        columns: Self.columns(template),
        what: "features of the frozen layers", workers: workers, processes, progress: progress,
        make: { try encoder.features(bank.pair($0).image.expandedDimension(0)).tensors })
    else { return nil }
    self.encoder = encoder
    self.template = template
    self.group = group
    plain = rows
    self.contents = Dictionary(
      zip(bank.samples.map(\.image), contents), uniquingKeysWith: { first, _ in first })
  }

  /// Finds or computes the features of all images that a run sees in every epoch.
  ///
  /// - Parameters:
  ///   - bank: all images: those for training, and those for validation and scores.
  ///   - training: the training images, from which fixed images are drawn.
  ///   - settings: the settings of the run.
  ///   - prompts: the prompts, with as many confounders as the run has.
  ///   - system: the system of the run, before or after training.
  ///   - cache: the cache of the features. If those of the unchanged images do not fit, the result
  ///     is nil. If those of the fixed images do not fit, they are left out.
  ///   - workers: the number of images that are encoded in parallel.
  ///   - processes: the processes that encode the images, each a part of them.
  ///   - progress: called with the number of encoded images among the uncached ones, from any
  ///     thread.
  /// - Throws: the errors of encoding.
  package init?(
    _ bank: SampleBank, drawing training: SampleBank, _ settings: RunConfiguration, _ prompts: PromptSet,
    system: SegmentationSystem, cache: FeatureCache, workers: Int = 1, _ processes: Processes = .alone,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    guard
      let plain = try FeatureStore(
        bank, system: system, cache: cache, workers: workers, processes, progress: progress)
    else { return nil }
    self = plain
    try draw(
      training, FixedPictures(settings, prompts), cache: cache, workers: workers, processes,
      progress: progress)
  }

  /// Finds or computes fixed images of a bank's samples with their features.
  ///
  /// If they do not fit, nothing is cached.
  ///
  /// - Parameters:
  ///   - bank: samples whose unchanged images are already cached.
  ///   - pictures: the fixed images to draw.
  ///   - cache: the cache of the features.
  ///   - workers: the number of images that are drawn and encoded in parallel.
  ///   - processes: those that share the work.
  ///   - progress: called with the number of finished images among the uncached ones, from any
  ///     thread.
  /// - Throws: the errors of drawing and encoding.
  private mutating func draw(
    _ bank: SampleBank, _ pictures: FixedPictures, cache: FeatureCache, workers: Int = 1,
    _ processes: Processes,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    let kinds = pictures.kinds
    let all = bank.samples.indices.flatMap { row in kinds.map { (row, $0) } }
    guard let (row, kind) = all.first else { return }
    let first = try pictures.picture(kind, of: bank.samples[row], bank.pair(row))
    let keys = try all.map { row, kind in
      pictures.key(kind, of: bank.samples[row], content: try content(of: bank.samples[row]).pair)
    }
    let names = ["picture.image", "picture.mask", "picture.applied", "picture.moved"]
    let encoder = encoder
    let columns =
      Self.columns(template)
      + zip(names, first.tensors).map { .init($0, $1.dtype, Array($1.shape.dropFirst())) }
    drawn = try cache.rows(
      keys, group: group.text + "-drawn-" + columns.signature, columns: columns,
      what: "fixed images with features of the frozen layers", workers: workers, processes,
      progress: progress,
      make: { index in
        let (row, kind) = all[index]
        let picture = try pictures.picture(kind, of: bank.samples[row], bank.pair(row))
        return try encoder.features(picture.images).tensors + picture.tensors
      })
    self.pictures = pictures
  }

  /// Returns the features of some samples' unchanged images, in their order.
  ///
  /// - Throws: `RunError` that names an image that was not encoded.
  package func cached(_ samples: [Sample]) throws -> FrozenFeatures {
    let keys = try samples.map { try content(of: $0).image }
    guard let tensors = try plain.tensors(keys) else {
      throw samples.first.map { RunError.notCached($0.image) } ?? RunError.featuresChange
    }
    return try template.replacing(tensors)
  }

  /// Returns fixed images of some samples, in their order, with their features.
  ///
  /// - Parameters:
  ///   - kinds: the kind of the image of each sample.
  ///   - samples: the samples.
  /// - Returns: the images; nil if one is not cached.
  /// - Throws: `RunError` that names an image that was not encoded.
  func drawn(
    _ kinds: [FixedPictures.Kind], of samples: [Sample]
  ) throws -> (pictures: Pictures, cached: FrozenFeatures)? {
    guard let drawn, let pictures else { return nil }
    let keys = try zip(kinds, samples).map { kind, sample in
      pictures.key(kind, of: sample, content: try content(of: sample).pair)
    }
    guard let tensors = try drawn.tensors(keys) else { return nil }
    let count = template.tensors.count
    let picture = Array(tensors[count...])
    return (
      Pictures(images: picture[0], masks: picture[1], applied: picture[2], moved: picture[3]),
      try template.replacing(Array(tensors[..<count]))
    )
  }

  private func content(of sample: Sample) throws -> Content {
    guard let content = contents[sample.image] else {
      throw RunError.notCached(sample.image)
    }
    return content
  }

  private static func columns(_ template: FrozenFeatures) -> [SafetensorsRows.Column] {
    template.tensors.enumerated().map { .init("frozen.\($0)", $1.dtype, Array($1.shape.dropFirst())) }
  }
}

extension [SafetensorsRows.Column] {
  /// A hash of the columns' names, types and shapes, 32 hexadecimal digits.
  ///
  /// Files of other columns are in another folder.
  fileprivate var signature: String {
    var hash = ContentHash()
    for column in self { hash.combine("\(column.name) \(column.dtype) \(column.shape)") }
    return hash.text
  }
}

extension FrozenEncoder {
  /// Computes features of images, uint8 B×3×S×S, on the CPU.
  ///
  /// They are the same for every number of threads.
  fileprivate func features(_ pictures: Tensor) throws -> FrozenFeatures {
    // Several threads would split sums differently than one thread.
    try Machine.withThreads(1) {
      try withoutGradients {
        try self(pictures.to(.float32) / 255).map { try $0.to(.cpu).contiguous() }
      }
    }
  }
}
