import Datasets
import Foundation
import Training

/// The hashes of the data of a study, so that it reads each file once.
final class KnownHashes: @unchecked Sendable {
  private struct Key: Hashable {
    let scenes: TrainingScenes
    let classes: [String]
  }

  private let lock = NSLock()
  private var found: [Key: DataHashes] = [:]

  /// Returns the hashes of all images of some sites.
  ///
  /// - Parameters:
  ///   - scenes: the scenes to train on.
  ///   - classes: the segmented classes.
  ///   - sites: the sites with these scenes.
  /// - Returns: the hashes, computed at the first request.
  /// - Throws: `FileError` that names the file, or the error of `sites`.
  func callAsFunction(
    _ scenes: TrainingScenes, _ classes: [String], _ sites: () throws -> [Site]
  ) throws -> DataHashes {
    try lock.withLock {
      let key = Key(scenes: scenes, classes: classes)
      let hashes = try found[key] ?? DataHashes(sites(), .all, classes: classes)
      found[key] = hashes
      return hashes
    }
  }
}
