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
    var walk = FolderWalk(source)
    var (count, isFound) = (0, false)
    try? walk.files { entry in
      count += 1
      isFound = entry.kind == .file && DICOMFile.isDICOM(source.appendingPathComponent(entry.path))
      return !isFound && count < looked
    }
    return isFound
  }

  package static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    let files = try files(of: source)
    var objects = DICOMObjects(limits: options.limits)
    for (index, file) in files.enumerated() {
      if index % 200 == 199 { options.progress?("looking at file \(index + 1) of \(files.count)") }
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

  /// Lists the files by their paths relative to the source.
  private static func files(of source: URL) throws -> [(url: URL, path: String)] {
    switch FileSystem.kind(of: source) {
    case .file: return [(source, source.lastPathComponent)]
    case .folder: break
    case nil, .other:
      throw ImportError.malformed(
        source, reason: "no such file or folder; give a DICOM file or a folder of them")
    }
    var walk = FolderWalk(source)
    var paths: [String] = []
    try walk.files { entry in
      if entry.kind == .file { paths.append(entry.path) }
      return true
    }
    return paths.map { (source.appendingPathComponent($0), $0) }
  }
}
