import Foundation
import Imaging
import Torch

/// The masks of one site, or of one side of a comparison, whose values are looked at once.
///
/// One mask does not tell its convention: 0 and 1 may be a mask of black and white or a faint grey.
/// So all masks are read when the convention is first asked for, on all cores. A mask that cannot be
/// read does not count; it is an error where it is used.
package final class MaskSurvey: @unchecked Sendable {
  /// A mask with its values, or the reason why it cannot be read.
  package struct File: Sendable {
    /// The mask.
    package var url: URL { listed.url }
    let listed: ListedFile
    /// The values.
    package let values: Result<MaskValues, any Error>
  }

  private let masks: [ListedFile]
  private let lesions: [Int]?
  /// All stated values; nil if none are stated.
  package let labels: [Int]?
  private let lock = NSLock()
  private var measured: [Result<MaskValues, any Error>]?
  private var answer: Result<FoundConvention, any Error>?

  /// Prepares to look at masks; it reads none.
  ///
  /// - Parameters:
  ///   - urls: the masks.
  ///   - lesions: the stated values of lesions; nil to find them.
  ///   - labels: all stated values.
  package convenience init(_ urls: [URL], lesions: [Int]? = nil, labels: [Int]? = nil) {
    self.init(urls.map { ListedFile($0) }, lesions: lesions, labels: labels)
  }

  /// Prepares to look at masks of listed folders; it reads none.
  init(_ masks: [ListedFile], lesions: [Int]? = nil, labels: [Int]? = nil) {
    (self.masks, self.lesions, self.labels) = (masks, lesions, labels)
  }

  /// Returns the convention of the masks.
  ///
  /// - Throws: `MaskConventionError`.
  package func found(limits: ImageLimits = .default) throws -> FoundConvention {
    try lock.withLock {
      let result = answer ?? Result { try find(limits) }
      answer = result
      return try result.get()
    }
  }

  /// Returns the values of each mask, in order.
  package func files(limits: ImageLimits = .default) throws -> [File] {
    try lock.withLock { try measure(limits) }
  }

  /// Returns the convention; a stated one needs no look at the masks.
  func convention(limits: ImageLimits) throws -> MaskConvention {
    if let lesions { return .values(lesions, as: .indices) }
    return try found(limits: limits).convention
  }

  private func find(_ limits: ImageLimits) throws -> FoundConvention {
    let files = try measure(limits)
    for file in files {
      if case .failure(ImagingError.colouredMask(_, _, let indices?)) = file.values {
        throw MaskConventionError.palette(file.url, indices: indices)
      }
    }
    let known = files.compactMap { file in (try? file.values.get()).map { (file.listed, $0) } }
    return try lesions.map { try FoundConvention(known, lesions: $0) } ?? FoundConvention(known)
  }

  private func measure(_ limits: ImageLimits) throws -> [File] {
    let (masks, meaning) = (masks, lesions == nil ? MaskFile.Meaning.grey : .indices)
    let values =
      try measured
      ?? concurrentMap(count: masks.count) { index in
        Result { try MaskValues(reading: masks[index].url, as: meaning, limits: limits) }
      }
    measured = values
    return zip(masks, values).map { File(listed: $0, values: $1) }
  }
}
