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
    package let url: URL
    /// The values.
    package let values: Result<MaskValues, any Error>
  }

  private let urls: [URL]
  private let lesions: [Int]?
  /// All stated values; nil if none are stated.
  package let labels: [Int]?
  private let lock = NSLock()
  private var measured: [File]?
  private var answer: Result<FoundConvention, any Error>?

  /// Prepares to look at masks; it reads none.
  ///
  /// - Parameters:
  ///   - urls: the masks.
  ///   - lesions: the stated values of lesions; nil to find them.
  ///   - labels: all stated values.
  package init(_ urls: [URL], lesions: [Int]? = nil, labels: [Int]? = nil) {
    (self.urls, self.lesions, self.labels) = (urls, lesions, labels)
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
    let known = files.compactMap { file in (try? file.values.get()).map { (file.url, $0) } }
    return try lesions.map { try FoundConvention(known, lesions: $0) } ?? FoundConvention(known)
  }

  private func measure(_ limits: ImageLimits) throws -> [File] {
    if let measured { return measured }
    let (urls, meaning) = (urls, lesions == nil ? MaskFile.Meaning.grey : .indices)
    let files = try concurrentMap(count: urls.count) { index in
      File(
        url: urls[index],
        values: Result { try MaskValues(reading: urls[index], as: meaning, limits: limits) })
    }
    measured = files
    return files
  }
}
