import Foundation
import Storage

/// The files of a folder of images or masks.
package struct ImageFolder: Sendable {
  /// The folder.
  let folder: URL
  /// The names of the image files, by stem.
  private(set) var names: [String: String] = [:]
  /// Files of another kind and folders, by name.
  package private(set) var others: [URL] = []

  /// The endings of the files that the codecs read, in lower case.
  package static let endings: Set<String> = [
    "jpg", "jpeg", "jpe", "jfif", "jif", "png", "tif", "tiff", "bmp", "dib",
  ]

  /// Files that systems leave in folders, in lower case; hidden files are such, too.
  private static let systemFiles: Set<String> = ["thumbs.db", "desktop.ini", "__macosx"]

  /// Lists a folder, or the folder that a link leads to; it reads no file.
  ///
  /// - Parameters:
  ///   - folder: the folder.
  ///   - report: receives `DatasetError.ambiguous` for a stem of two files. If it does not throw,
  ///     the first file counts.
  /// - Throws: `FileError` if the folder cannot be read, or the error of `report`.
  package init(_ folder: URL, onTwice report: (DatasetError) throws -> Void = { throw $0 }) throws {
    self.folder = folder
    for entry in try Self.entries(in: folder) {
      guard !entry.isFolder, let stem = Self.stem(entry.name) else {
        others.append(folder.appendingPathComponent(entry.name, isDirectory: entry.isFolder))
        continue
      }
      if let first = names[stem] {
        try report(
          DatasetError.ambiguous(
            first: ListedFile(first, in: folder).url, second: ListedFile(entry.name, in: folder).url))
      } else {
        names[stem] = entry.name
      }
    }
  }

  /// The image files, by stem.
  package var images: [String: URL] { names.mapValues { ListedFile($0, in: folder).url } }

  /// Returns the image of a stem; nil if there is none.
  func file(_ stem: String) -> ListedFile? { names[stem].map { ListedFile($0, in: folder) } }

  /// Returns whether a name has the ending of an image.
  static func isImage(_ name: String) -> Bool { stem(name) != nil }

  /// Returns the name of an image without its ending; nil for another ending.
  static func stem(_ name: String) -> String? {
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex,
      endings.contains(name[name.index(after: dot)...].lowercased())
    else { return nil }
    return String(name[..<dot])
  }

  /// Returns the sorted names in a folder, without hidden files and those of systems.
  ///
  /// - Throws: `FileError` if the folder cannot be read.
  static func names(in folder: URL) throws -> [String] {
    try entries(in: folder).map(\.name)
  }

  private static func entries(in folder: URL) throws -> [FileSystem.Entry] {
    try FileSystem.entries(of: folder)
      .filter { !$0.name.hasPrefix(".") && !systemFiles.contains($0.name.lowercased()) }
      .sorted { $0.name < $1.name }
  }
}

/// Files of a data folder that take no part, for a reason.
package struct LeftOut: Sendable, Equatable {
  /// The reason.
  package enum Reason: String, Sendable, CaseIterable {
    /// A mask whose stem no image has.
    case maskWithoutImage
    /// A file in a folder of images or masks that is no image by its ending.
    case otherFile
    /// An image outside `images/` and `masks/`.
    case strayImage
    /// A folder that is not read.
    case folder
    /// An image whose stem no site chooses.
    case otherStem

    /// A number of files that were left out for this reason.
    func text(_ count: Int) -> String {
      switch self {
      case .maskWithoutImage: counted(count, "mask") + " without an image"
      case .otherFile: counted(count, "file") + " without the ending of an image"
      case .strayImage: counted(count, "image") + " outside images/"
      case .folder: counted(count, "folder") + " without images/"
      case .otherStem: counted(count, "image") + " that no stems choose"
      }
    }
  }

  /// The reason.
  package let reason: Reason
  /// The file or folder.
  package var url: URL { file.url }
  let file: ListedFile

  /// Describes files in a few words, such as "2 masks without an image"; nil if there are none.
  package static func summary(_ files: [LeftOut]) -> String? {
    guard !files.isEmpty else { return nil }
    return Reason.allCases.compactMap { reason in
      let count = files.count { $0.reason == reason }
      return count == 0 ? nil : reason.text(count)
    }.joined(separator: ", ")
  }
}

extension LeftOut: CustomStringConvertible {
  /// One line with the file and the reason.
  package var description: String {
    switch reason {
    case .maskWithoutImage: "\(url.shownPath): a mask without an image of the same name is left out"
    case .otherFile:
      "\(url.shownPath): is left out; images end in .jpg, .png, .tif, .bmp or their variants"
    case .strayImage: "\(url.shownPath): an image outside images/ is left out"
    case .folder: "\(url.shownPath): a folder without images/ is no site and is left out"
    case .otherStem: "\(url.shownPath): an image that the stems of no site choose is left out"
    }
  }
}
