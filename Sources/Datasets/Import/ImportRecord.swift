import Foundation
import Storage

/// The record of an import, `import.json` in the folder of the site.
///
/// It names every file of the source that was looked at, relative to the source.
package struct ImportRecord: Codable, Equatable, Sendable {
  /// An image of the site.
  package struct Image: Codable, Equatable, Sendable {
    /// The image, relative to the site.
    package var image: String
    /// The mask, relative to the site.
    package var mask: String
    /// The image in the source.
    package var from: String
    /// The masks or the annotation file in the source; empty for an image without a lesion.
    package var maskFrom: [String]
    /// The patient or sequence.
    package var group: String?
    /// The lesion class.
    package var lesionClass: String?
    /// The changes to the image and the mask, one sentence each.
    package var repairs: [String]

    enum CodingKeys: String, CodingKey {
      case image, mask, from, group, repairs
      case maskFrom = "mask_from"
      case lesionClass = "class"
    }
  }

  /// An image without a mask.
  package struct Unlabelled: Codable, Equatable, Sendable {
    /// The image, relative to the site.
    package var image: String
    /// The image in the source.
    package var from: String
    /// The patient or sequence.
    package var group: String?
  }

  /// The choices of the user.
  package struct Options: Codable, Equatable, Sendable {
    package var images: String?
    package var masks: String?
    package var lesions: [String]
    package var labels: [String: Int]
    package var colours: [String: [UInt8]]
    package var groupBy: String?
    package var part: String?
    package var lesionClass: String?
    package var resizeMasks: Bool
    package var every: Double?
    package var difference: Double?

    enum CodingKeys: String, CodingKey {
      case images, masks, lesions, labels, colours, part, every, difference
      case groupBy = "group_by"
      case lesionClass = "class"
      case resizeMasks = "resize_masks"
    }

    init(_ options: ImportOptions, part: String?) {
      (images, masks, lesions) = (options.images, options.masks, options.lesions)
      (labels, colours) = (options.labels, options.colours)
      (lesionClass, resizeMasks) = (options.lesionClass, options.resizesMasks)
      (every, difference) = (options.every, options.difference)
      self.part = part
      groupBy =
        switch options.grouping {
        case .source: nil
        case .folder: "folder"
        case .none: "none"
        case .pattern(let text): text
        }
    }
  }

  /// The version of this package.
  package var version = packageVersion
  /// The kind of source.
  package var kind: String
  /// The name of the source's folder or file, without its path.
  package var source: String
  /// The site.
  package var site: String
  /// The choices of the user.
  package var options: Options
  /// The keys of the site's entry in `sites.json5` that the import states.
  package var states: [String] = []
  /// Facts about the source.
  package var notes: [String]
  /// The images of the site.
  package var images: [Image] = []
  /// The images without a mask, which are in `unlabelled/`.
  package var unlabelled: [Unlabelled] = []
  /// The files that are left out, and why.
  package var leftOut: [ImportListing.LeftOut]

  enum CodingKeys: String, CodingKey {
    case version, kind, source, site, options, states, notes, images, unlabelled
    case leftOut = "left_out"
  }

  /// The name of the file.
  package static let fileName = "import.json"

  /// Reads the record of a site; nil if there is none.
  ///
  /// - Throws: `FileError`, or `ImportError.malformed` that names a damaged record and the fix.
  static func stored(in folder: URL) throws -> ImportRecord? {
    let url = folder.appendingPathComponent(fileName)
    guard FileSystem.kind(of: url) != nil else { return nil }
    let data = try Data(file: url)
    do {
      return try JSONDecoder().decode(ImportRecord.self, from: data)
    } catch {
      throw ImportError.malformed(
        url,
        reason: "is no record of an import: \(explanation(of: error)); restore it, or remove it and the "
          + "site's entry in sites.json5, and import again")
    }
  }
}
