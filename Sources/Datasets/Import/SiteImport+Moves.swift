import Foundation
import Storage

extension SiteImport {
  /// The files of `unlabelled/` of an earlier import of this kind whose images now have a mask.
  ///
  /// - Parameters:
  ///   - earlier: the record of the earlier import.
  ///   - planned: the stems of the images with a mask.
  /// - Returns: the paths relative to the site.
  func moves(from earlier: ImportRecord?, to planned: Set<String>) -> Set<String> {
    guard let earlier, earlier.kind == kind else { return [] }
    return Set(earlier.unlabelled.map(\.image).filter { planned.contains(DistinctStems.stem($0)) })
  }

  /// Refuses to move a file that is not the image as it was written.
  func requireUnchanged(_ path: String, now image: String) throws {
    guard try Data(file: place(path)) != Data(file: place(image)) else { return }
    throw ImportError.siteInUse(
      place(path),
      reason: "differs from \(image), which has a mask now; remove the file, or choose another --site")
  }

  /// Removes files of `unlabelled/` whose images are in `images/`, and the folder if it is empty.
  ///
  /// - Throws: `FileError.cannotWrite` for a file that cannot be removed.
  func remove(_ moved: [String], leavesNone: Bool) throws {
    for path in moved {
      guard place(path).withNativePath({ unlink($0) }) != 0, errno != ENOENT else { continue }
      throw FileError.cannotWrite(place(path), reason: String(cString: strerror(errno)))
    }
    // A folder that holds something else stays.
    if leavesNone { _ = place(Self.unlabelled).withNativePath { rmdir($0) } }
  }
}
