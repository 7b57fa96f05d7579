import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import Torch

/// What the frozen part of an image tower makes of pictures, kept by a `FeatureCache`: encoded once, shared by folds, methods
/// and seeds.
///
/// Every picture is encoded alone and on one thread, so that what is kept of it depends neither on the pictures beside
/// it nor on how often the work was interrupted. A picture takes 4·h·w·(d + the widths of the layers that the head uses) bytes under a
/// tower that is frozen whole, 4·(1 + h·w)·c where its last layers are trained; one that is drawn 4·S² more.
package struct FeatureStore: Sendable {
  /// Encodes pictures that are not cached.
  package let encoder: FrozenEncoder
  /// Features of one picture, which say what kind they are.
  private let template: FrozenFeatures
  private let group: ContentHash
  private let plain: FeatureRows
  private var drawn: FeatureRows?
  /// Of each image at S×S, with its mask.
  private var contents: [URL: Content]
  private var pictures: FixedPictures?

  /// Hashes of what is at S×S.
  private struct Content {
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

  /// Finds or makes the features of the pictures of a bank, as they are.
  ///
  /// - Parameters:
  ///   - bank: the pictures.
  ///   - system: whose tower and settings are used; not all of its tower may be trained.
  ///   - cache: where they are kept; nil is returned when they do not fit.
  ///   - workers: pictures that are encoded side by side.
  ///   - progress: told how many are encoded, of those that were not kept yet, from any thread.
  /// - Throws: `RunError` when all of the tower is trained, `TrainingError.noImages`, or what encoding throws.
  package init?(
    _ bank: SampleBank, system: SegmentationSystem, cache: FeatureCache, workers: Int = 1,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    guard !bank.samples.isEmpty else { throw TrainingError.noImages }
    guard let encoder = try system.frozenEncoder() else {
      throw RunError.nothingFrozen
    }
    let template = try encoder.features(bank.pair(0).image.expandedDimension(0))
    let contents = try concurrentMap(count: bank.samples.count, threads: workers) {
      try Content(bank.pair($0))
    }
    let group = try system.frozenHash()
    guard
      let rows = try cache.rows(
        contents.map(\.image), group: group.text + "-" + Self.columns(template).signature,
        columns: Self.columns(template),
        what: "features of the frozen layers", workers: workers, progress: progress,
        make: { try encoder.features(bank.pair($0).image.expandedDimension(0)).tensors })
    else { return nil }
    self.encoder = encoder
    self.template = template
    self.group = group
    plain = rows
    self.contents = Dictionary(
      zip(bank.samples.map(\.image), contents), uniquingKeysWith: { first, _ in first })
  }

  /// Finds or makes the features of all pictures that a run with some settings sees in every epoch.
  ///
  /// - Parameters:
  ///   - bank: all images: those that are trained on, and those that choose and score.
  ///   - training: those that are trained on, of which fixed pictures are drawn.
  ///   - settings: of the run.
  ///   - prompts: the words, as many confounders as the run has.
  ///   - system: of the run, before it is trained or after.
  ///   - cache: where they are kept; nil is returned when those of the images do not fit, and where those of fixed pictures
  ///     do not fit they are left out.
  ///   - workers: pictures that are encoded side by side.
  ///   - progress: told how many are encoded, of those that were not kept yet, from any thread.
  /// - Throws: as encoding does.
  package init?(
    _ bank: SampleBank, drawing training: SampleBank, _ settings: RunConfiguration, _ prompts: PromptSet,
    system: SegmentationSystem, cache: FeatureCache, workers: Int = 1,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    guard
      let plain = try FeatureStore(bank, system: system, cache: cache, workers: workers, progress: progress)
    else { return nil }
    self = plain
    try draw(
      training, FixedPictures(settings, prompts), cache: cache, workers: workers, progress: progress)
  }

  /// Finds or makes fixed pictures of the samples of a bank, with their features; nothing is kept when they do not fit.
  ///
  /// - Parameters:
  ///   - bank: samples whose pictures as they are have been kept.
  ///   - pictures: which.
  ///   - cache: where they are kept.
  ///   - workers: pictures that are drawn and encoded side by side.
  ///   - progress: told how many are done, of those that were not kept yet, from any thread.
  /// - Throws: what drawing and encoding throw.
  private mutating func draw(
    _ bank: SampleBank, _ pictures: FixedPictures, cache: FeatureCache, workers: Int = 1,
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
      what: "fixed images with features of the frozen layers", workers: workers, progress: progress,
      make: { index in
        let (row, kind) = all[index]
        let picture = try pictures.picture(kind, of: bank.samples[row], bank.pair(row))
        return try encoder.features(picture.images).tensors + picture.tensors
      })
    self.pictures = pictures
  }

  /// The features of some samples' images as they are, in their order.
  ///
  /// - Throws: `RunError` that names a picture that was not encoded.
  package func cached(_ samples: [Sample]) throws -> FrozenFeatures {
    let keys = try samples.map { try content(of: $0).image }
    guard let tensors = try plain.tensors(keys) else {
      throw samples.first.map { RunError.notCached($0.image) } ?? RunError.featuresChange
    }
    return try template.replacing(tensors)
  }

  /// Fixed pictures of some samples, in their order, with their features.
  ///
  /// - Parameters:
  ///   - kinds: which picture of each.
  ///   - samples: the samples.
  /// - Returns: the pictures; nil when one is not kept.
  /// - Throws: `RunError` that names a picture that was not encoded.
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
  /// What names, types and shapes come to, 32 hexadecimal digits: files of other columns lie in another folder.
  fileprivate var signature: String {
    var hash = ContentHash()
    for column in self { hash.combine("\(column.name) \(column.dtype) \(column.shape)") }
    return hash.text
  }
}

extension FrozenEncoder {
  /// Features of pictures, uint8 B×3×S×S, on the CPU; the same on every number of threads.
  fileprivate func features(_ pictures: Tensor) throws -> FrozenFeatures {
    // Several threads would divide sums otherwise than one does.
    try Machine.withThreads(1) {
      try withoutGradients {
        try self(pictures.to(.float32) / 255).map { try $0.to(.cpu).contiguous() }
      }
    }
  }
}
