import Foundation
import Storage

/// The files of an export of an annotation tool: annotation files and images.
struct AnnotationFiles {
  /// The source as the user gave it.
  let source: URL
  /// The folder in which images are looked for.
  let root: URL
  /// The annotation files, in the order of their paths.
  var annotations: [URL]
  /// The files of the same ending that are of another kind, by their paths relative to `root`.
  let strangers: [String]
  /// The paths of the images relative to `root`.
  private let images: PathIndex

  /// The largest annotation file that is read.
  static let largestFile = 256 << 20
  private static let mostFiles = 1_000_000
  /// A look at a source stops after so many files.
  private static let mostLooked = 20_000
  private static let deepest = 16
  private static let headBytes = 1 << 16

  /// Finds the files of a source.
  ///
  /// - Parameters:
  ///   - source: an annotation file, or a folder that holds some.
  ///   - kind: the kind, for messages.
  ///   - ending: the ending of annotation files, in lower case.
  ///   - wanted: what an annotation file of this kind is, for messages.
  ///   - data: the data folder of the import; its images are no part of the source.
  ///   - fits: whether the first bytes of a file in the folder are those of the kind.
  /// - Throws: `ImportError` if there is no annotation file, `FileError` for a folder that cannot be read.
  init(
    _ source: URL, kind: String, ending: String, wanted: String, besides data: URL?,
    where fits: (String) -> Bool
  ) throws {
    self.source = source
    switch FileSystem.kind(of: source) {
    case .file:
      if ["zip", "tar", "gz", "tgz", "7z", "rar"].contains(source.pathExtension.lowercased()) {
        throw ImportError.archive(source)
      }
      let folder = source.deletingLastPathComponent()
      root =
        folder.lastPathComponent.lowercased() == "annotations" ? folder.deletingLastPathComponent() : folder
    case .folder: root = source
    case .other: throw FileError.notRegular(source)
    case nil: throw FileError.cannotRead(source, reason: "no such file or folder")
    }
    if let data, FileSystem.resolved(data) == FileSystem.resolved(root) {
      throw ImportError.option(
        "--out",
        reason: "\(data.shownPath) is searched for the images of \(source.lastPathComponent); choose another "
          + "folder, or put the annotations and their images into a folder of their own")
    }
    var walk = FolderWalk(root, deepest: Self.deepest, mostFiles: Self.mostFiles, besides: data)
    var paths: [String] = []
    try walk.files { entry in
      paths.append(entry.path)
      return true
    }
    paths.sort()
    images = PathIndex(paths.filter { ImageFolder.isImage($0) })
    if root == source {
      let candidates = paths.filter { ($0 as NSString).pathExtension.lowercased() == ending }
      let fitting = Set(candidates.filter { fits(Self.head(of: source.appendingPathComponent($0))) })
      annotations = candidates.filter(fitting.contains).map(source.appendingPathComponent)
      strangers = candidates.filter { !fitting.contains($0) }
    } else {
      (annotations, strangers) = ([source], [])
    }
    guard !annotations.isEmpty else {
      throw ImportError.wrongLayout(source, kind: kind, reason: "it holds no \(wanted)")
    }
  }

  /// Returns whether a source looks like an export, by the first bytes of a few files.
  static func look(at source: URL, ending: String, where fits: (String) -> Bool) -> Bool {
    switch FileSystem.kind(of: source) {
    case .file: return source.pathExtension.lowercased() == ending && fits(head(of: source))
    case .folder:
      var walk = FolderWalk(source, deepest: deepest)
      var (looked, candidates) = (0, 0)
      var isFitting = false
      try? walk.files { entry in
        looked += 1
        if (entry.name as NSString).pathExtension.lowercased() == ending {
          candidates += 1
          isFitting = fits(head(of: source.appendingPathComponent(entry.path)))
        }
        return !isFitting && looked < mostLooked && candidates < 8
      }
      return isFitting
    default: return false
    }
  }

  /// Finds an image.
  ///
  /// - Parameter names: names as the annotation file has them, the best first; a name may have folders.
  /// - Returns: the path relative to `root`, or why there is none; a path that fits exactly is best.
  func image(_ names: [String]) -> Result<String, LookupFault> {
    var fault = LookupFault(
      reason: "the image is not in the source; put it into the folder that is imported, at any depth")
    for name in names {
      let name = name.replacingOccurrences(of: "\\", with: "/")
      let parts = name.split(separator: "/").filter { $0 != "." && $0 != ".." }
      // The more of its folders fit, the better; no path has more parts than the deepest one.
      for count in stride(from: min(parts.count, Self.deepest + 1), to: 0, by: -1) {
        let found = images.paths(endingIn: Array(parts.suffix(count)))
        if let only = found.first.first, found.count == 1 { return .success(only) }
        if count == parts.count, let exact = images.path(of: parts) { return .success(exact) }
        if found.count > 1 {
          fault = LookupFault(
            reason:
              "several images have this name (\(found.first.joined(separator: ", "))); keep one of them")
          break
        }
      }
    }
    return .failure(fault)
  }

  /// Why an image is not found.
  struct LookupFault: Error {
    let reason: String
  }

  /// A path relative to the source, for messages.
  func relative(_ url: URL) -> String {
    let folder = root.path.hasSuffix("/") ? root.path : root.path + "/"
    if url.path == root.path || url.path + "/" == folder { return "" }
    return url.path.hasPrefix(folder) ? String(url.path.dropFirst(folder.count)) : url.lastPathComponent
  }

  /// The first bytes of a file as text; empty if it cannot be read.
  private static func head(of url: URL) -> String {
    guard FileSystem.kind(of: url) == .file, let handle = try? FileHandle(forReadingFrom: url) else {
      return ""
    }
    defer { try? handle.close() }
    return String(decoding: (try? handle.read(upToCount: headBytes)) ?? Data(), as: UTF8.self)
  }

  /// Reads an annotation file of JSON.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - type: its content.
  ///   - wanted: what it must be, for messages.
  /// - Returns: the content.
  /// - Throws: `ImportError.malformed`, or `FileError`.
  static func json<Value: Decodable>(_ url: URL, as type: Value.Type, wanted: String) throws -> Value {
    let data = try Data(file: url, limit: largestFile)
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw ImportError.malformed(url, reason: "it is not \(wanted): \(explanation(of: error))")
    }
  }
}

/// A number or a text of JSON that names something.
struct AnnotationID: Decodable, Hashable, CustomStringConvertible {
  let description: String

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Int.self) {
      description = "\(number)"
    } else {
      description = try container.decode(String.self)
    }
  }
}
