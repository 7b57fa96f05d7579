import Foundation
import Imaging
import Storage

/// DICOM files: a file, or a folder with all that it holds, by content.
///
/// Each frame becomes an image. Names of images come from hashes of the objects' UIDs, because names
/// of files and UIDs can lead to a patient. Groups come from the hash of the patient's identifier.
package enum DICOMSource: SourceReader {
  package static let name = "dicom"
  package static let summary = "DICOM files in folders of any layout; groups from a hash of the patient"
  package static let labelChoices: Set<LabelChoice> = [.values, .lesions]

  /// The number of files that `recognises` looks at.
  private static let looked = 64

  package static func recognises(_ source: URL) -> Bool {
    if FileSystem.kind(of: source) == .file { return DICOMFile.isDICOM(source) }
    var tree = DICOMTree(root: source, mostFiles: looked)
    try? tree.list()
    return tree.files.contains { DICOMFile.isDICOM($0.url) }
  }

  package static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    var tree = DICOMTree(root: source, mostFiles: 2_000_000)
    try tree.list()
    var objects = DICOMObjects(limits: options.limits)
    for (index, file) in tree.files.enumerated() {
      if index % 200 == 199 { options.progress?("looking at file \(index + 1) of \(tree.files.count)") }
      objects.add(file.url, path: file.path)
    }
    var listing = objects.listing
    guard !listing.items.isEmpty else {
      throw ImportError.nothing(
        source, kind: name,
        reason: listing.leftOut.first.map { "\($0.file): \($0.reason)" } ?? "it has no files")
    }
    try listing.chooseLabels(options, of: source)
    return listing
  }
}

/// The files of a folder and of its folders, by their paths relative to it.
private struct DICOMTree {
  let root: URL
  let mostFiles: Int
  var files: [(url: URL, path: String)] = []
  private var seen: Set<String> = []

  init(root: URL, mostFiles: Int) { (self.root, self.mostFiles) = (root, mostFiles) }

  /// Lists the files in the order of their names; each folder once, also where links lead back.
  mutating func list() throws {
    switch FileSystem.kind(of: root) {
    case .file: files = [(root, root.lastPathComponent)]
    case .folder: try list(root, path: "", depth: 0)
    case nil, .other:
      throw ImportError.malformed(
        root, reason: "no such file or folder; give a DICOM file or a folder of them")
    }
  }

  private mutating func list(_ folder: URL, path: String, depth: Int) throws {
    guard depth <= 32, seen.insert(FileSystem.resolved(folder)).inserted else { return }
    for entry in try FileSystem.contents(of: folder) where files.count < mostFiles {
      let name = path.isEmpty ? entry.lastPathComponent : "\(path)/\(entry.lastPathComponent)"
      switch FileSystem.kind(of: entry) {
      case .folder: try list(entry, path: name, depth: depth + 1)
      case .file where !entry.lastPathComponent.hasPrefix("."): files.append((entry, name))
      default: break
      }
    }
  }
}
