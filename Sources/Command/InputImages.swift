import Datasets
import Foundation
import Storage
import Torch
import Training

/// The input images of a command, as files and folders.
enum InputImages {
  /// Finds the images and checks that their results have different names.
  ///
  /// - Parameters:
  ///   - words: the files and folders.
  ///   - target: the output folder.
  ///   - console: receives a note of the files of folders that are no images.
  /// - Returns: at least one file, each with its own stem.
  /// - Throws: an error that names the file or folder and the fix.
  static func files(_ words: some Collection<String>, writingTo target: URL, _ console: Console) throws
    -> [URL]
  {
    var others: [URL] = []
    let urls = words.map(NativePath.url)
    // One missing file does not stop the others: its own reading fails.
    if let first = urls.first, urls.allSatisfy({ FileSystem.kind(of: $0) == nil }) {
      throw FileError.cannotRead(first, reason: "no such file or folder")
    }
    let files = try urls.flatMap { url -> [URL] in
      guard FileSystem.kind(of: url) == .folder else { return [url] }
      let folder = try ImageFolder(url)
      others += folder.others
      return folder.images.sorted { $0.key < $1.key }.map(\.value)
    }
    let folders = others.filter { FileSystem.kind(of: $0) == .folder }
    if let first = folders.first {
      console.note(
        "left out: " + counted(folders.count, "folder")
          + ", such as \(first.shownPath) (folders in a folder are not searched); give DATA/SITE/images")
    }
    let rest = others.filter { FileSystem.kind(of: $0) != .folder }
    if let first = rest.first {
      console.note(
        "left out: " + counted(rest.count, "file")
          + " without the ending of an image, such as \(first.shownPath)")
    }
    guard !files.isEmpty else { throw WorkError.noImages(urls[0], wanted: "images, or a folder of images") }
    let stems = Dictionary(grouping: files) { $0.deletingPathExtension().lastPathComponent }
    if let twice = stems.first(where: { $0.value.count > 1 }) {
      throw WorkError.sameStem(twice.value[0], twice.value[1])
    }
    try requireApart(files, from: target)
    return files
  }

  /// Checks that results, which have the names of their images, do not replace them.
  static func requireApart(_ files: [URL], from target: URL) throws {
    let path = FileSystem.resolved
    let place = path(target)
    if let input = files.first(where: { path($0.deletingLastPathComponent()) == place }) {
      throw UsageError.wouldOverwrite(input: input, in: target)
    }
  }
}
