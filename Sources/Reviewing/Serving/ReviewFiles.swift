import Foundation
import Storage

/// The files of a review that a browser may read.
///
/// A path is not resolved but recognised: it must be one of a few forms, whose names have no other
/// characters than those of an ID. So it holds no `..` and no escape. The folder is open, and no link
/// in it is followed.
final class ReviewFiles: Sendable {
  private let folder: Int32

  /// Opens the folder.
  ///
  /// - Throws: `FileError.cannotRead` that names it.
  init(_ url: URL) throws {
    folder = url.withNativePath { path in uninterrupted { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } }
    guard folder >= 0 else { throw FileError.cannotRead(url, reason: FileError.systemReason()) }
  }

  deinit { close(folder) }

  /// The kinds of files, by the ending of the name.
  private static let types = [
    "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "png": "image/png",
    "jpg": "image/jpeg",
  ]
  /// The endings of the files in each folder.
  private static let folders = [
    "items": ["js"], "videos": ["js"], "images": ["png", "jpg"], "thumbnails": ["jpg"],
  ]

  /// Opens a file.
  ///
  /// - Parameter parts: the parts of its path.
  /// - Returns: the open file, its size and its media type; nil if there is no such file to read.
  func opened(_ parts: [Substring]) -> (descriptor: Int32, size: Int, type: String)? {
    switch parts.count {
    case 1 where parts[0] == "" || parts[0] == "index.html": return opened("index.html", in: folder)
    case 1 where parts[0] == "review.js" || parts[0] == "queue.js":
      return opened(String(parts[0]), in: folder)
    case 2:
      guard let endings = Self.folders[String(parts[0])],
        let dot = parts[1].lastIndex(of: "."), ReviewID.isValid(parts[1][..<dot]),
        endings.contains(String(parts[1][parts[1].index(after: dot)...]))
      else { return nil }
      let inner = uninterrupted {
        openat(folder, String(parts[0]), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      }
      guard inner >= 0 else { return nil }
      defer { close(inner) }
      return opened(String(parts[1]), in: inner)
    default: return nil
    }
  }

  private func opened(_ name: String, in folder: Int32) -> (descriptor: Int32, size: Int, type: String)? {
    let descriptor = uninterrupted { openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      let type = name.split(separator: ".").last.flatMap({ Self.types[String($0)] })
    else {
      close(descriptor)
      return nil
    }
    return (descriptor, Int(status.st_size), type)
  }
}
