import Foundation

/// Reads frames of DICOM files in any order, and keeps the files open that were read last.
///
/// Frames of one file follow one another, so each file is parsed once. Several threads may share it.
package final class DICOMFrames: @unchecked Sendable {
  /// A file, which is opened when its first frame is read if it is not open.
  private final class Entry: @unchecked Sendable {
    let url: URL
    private let lock = NSLock()
    private var file: DICOMFile?

    init(_ url: URL) { self.url = url }

    init(_ file: DICOMFile) { (url, self.file) = (file.url, file) }

    func frame(_ index: Int, limits: ImageLimits) throws -> Image {
      let open = try lock.withLock {
        let open = try file ?? DICOMFile(url, limits: limits)
        file = open
        return open
      }
      // It may have been opened within other limits.
      guard !limits.refuse(width: open.width, height: open.height) else {
        throw ImagingError.tooManyPixels(
          file: url.path, width: open.width, height: open.height, limit: limits.maximumPixels)
      }
      return try open.frame(index)
    }
  }

  /// The number of files that stay open.
  private let mostOpen: Int
  private let lock = NSLock()
  /// The files that were read last, the latest at the end.
  private var entries: [Entry] = []

  /// Makes a reader without files.
  ///
  /// - Parameter mostOpen: the number of files that stay open; a deflated one is in memory whole.
  package init(mostOpen: Int = 2) { self.mostOpen = mostOpen }

  /// Reads a frame.
  ///
  /// - Parameters:
  ///   - index: the frame, from 0.
  ///   - url: the file.
  ///   - limits: the limits above which it is rejected.
  /// - Returns: the frame.
  /// - Throws: an error that names the file.
  package func frame(_ index: Int, of url: URL, limits: ImageLimits) throws -> Image {
    try entry(url).frame(index, limits: limits)
  }

  /// Takes over a file that is open already, unless as many are open as may be.
  ///
  /// So the first files of a list that was looked through need not be opened again.
  package func keep(_ file: DICOMFile) {
    lock.withLock {
      guard entries.count < mostOpen, !entries.contains(where: { $0.url == file.url }) else { return }
      entries.append(Entry(file))
    }
  }

  private func entry(_ url: URL) -> Entry {
    lock.withLock {
      let place = entries.firstIndex { $0.url == url }
      let entry = place.map { entries.remove(at: $0) } ?? Entry(url)
      entries.append(entry)
      if entries.count > mostOpen { entries.removeFirst() }
      return entry
    }
  }
}
