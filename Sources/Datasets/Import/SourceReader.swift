import Foundation
import Imaging
import Storage

/// A reader of one kind of source: a layout of folders, an annotation format, DICOM or video.
///
/// It lists what the source holds and decodes no picture. `SiteImport` reads and writes the files. A
/// new reader gets a line in `ImportKind.all`.
package protocol SourceReader: Sendable {
  /// The word after `mcdrl data import`, such as `kvasir-seg`.
  static var name: String { get }
  /// A short description of the source, for the help; one line without a full stop.
  static var summary: String { get }

  /// The options by which a user may choose labels; the others of them are refused.
  static var labelChoices: Set<LabelChoice> { get }

  /// Returns whether a source looks like this kind, for `data import auto`.
  ///
  /// It looks at names and the first bytes of a few files. It must be quick and may not fail. At most
  /// one reader should claim a source, so a reader claims only what has the marks of its own kind.
  static func recognises(_ source: URL) -> Bool

  /// Lists the images and masks of a source, in the order in which they are written.
  ///
  /// - Parameters:
  ///   - source: the folder or file.
  ///   - options: what the user chose. `grouping` is applied later, by `ImportKind`.
  /// - Returns: the listing; the stems of a part differ (see `DistinctStems`).
  /// - Throws: `ImportError` or `FileError` that names the file and the fix.
  static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing
}

extension SourceReader {
  /// No option, because the source has one kind of lesion.
  package static var labelChoices: Set<LabelChoice> { [] }
}

/// An option by which a user chooses the labels of an import.
package enum LabelChoice: Sendable {
  /// `--labels NAME=VALUE`.
  case values
  /// `--labels NAME=#rrggbb`.
  case colours
  /// `--lesions NAME,…`.
  case lesions
}

/// The choices of a user for an import.
package struct ImportOptions: Sendable {
  /// How images are grouped by patient or sequence.
  package enum Grouping: Sendable, Equatable {
    /// As the source says.
    case source
    /// By the folder of the image file.
    case folder
    /// Each image by itself.
    case none
    /// By a regular expression on the path of the image relative to the source, without its ending.
    ///
    /// The group is the text of the first parentheses, or else of the whole match.
    case pattern(String)
  }

  /// The pattern of the image files (`--images`); only `folder` uses it.
  package var images: String?
  /// The pattern of the mask files (`--masks`); only `folder` uses it.
  package var masks: String?
  /// The labels or classes that become lesions, by the names of the source; empty for all.
  package var lesions: [String] = []
  /// The values of label maps by name (`--labels`); empty for those of the source.
  package var labels: [String: Int] = [:]
  /// The colours of label maps by name, red, green and blue (`--labels polyp=#ff0000`).
  package var colours: [String: [UInt8]] = [:]
  /// The parts of the source to import (`--part`); empty for all.
  package var parts: [String] = []
  /// The lesion class of all images with a lesion (`--class`); nil for that of the source.
  package var lesionClass: String?
  /// The least number of seconds between frames of a video (`--every`); only `video` uses it.
  package var every: Double?
  /// The least difference between frames of a video, above 0 to 1 (`--difference`); only `video` uses it.
  package var difference: Double?
  /// The grouping (`--group-by`).
  package var grouping = Grouping.source
  /// Whether a mask of another size is brought to that of the image.
  package var resizesMasks = false
  /// The largest image that is read.
  package var limits = ImageLimits.default
  /// The data folder, which may lie beside an annotation file; readers do not look into it.
  package var data: URL?
  /// Receives notes of progress of a slow listing, such as "looking at file 200 of 4,000".
  package var progress: (@Sendable (String) -> Void)?

  package init() {}
}

/// A source that cannot be imported; each message names the file or option and the fix.
package enum ImportError: Error, Equatable, CustomStringConvertible {
  /// A source does not have the layout of its kind.
  case wrongLayout(URL, kind: String, reason: String)
  /// A file of the source cannot be used.
  case malformed(URL, reason: String)
  /// An option is missing or wrong; `option` has its hyphens.
  case option(String, reason: String)
  /// The source holds nothing to import.
  case nothing(URL, kind: String, reason: String)
  /// The kind is not known.
  case unknownKind(String, known: [String])
  /// `auto` found no kind, or several.
  case undecided(URL, fitting: [String])
  /// The values of the masks do not say what is lesion.
  case maskValues(MaskConventionError)
  /// The source is an archive.
  case archive(URL)
  /// A fault of a source in an archive, whose whole message names the archive.
  case inArchive(String)
  /// Files of the site exist with other content; `files` are relative to the data folder.
  case differs(site: URL, files: [String])
  /// The site exists, and no import wrote it, or one of another source.
  case siteInUse(URL, reason: String)

  /// One to three lines.
  package var description: String {
    switch self {
    case .wrongLayout(let url, let kind, let reason):
      "\(url.shownPath): cannot be read as \(kind): \(reason); "
        + "see docs/reference/data-sets.md, or use the kind folder with --images and --masks"
    case .malformed(let url, let reason): "\(url.shownPath): \(reason)"
    case .option(let option, let reason): "\(option): \(reason)"
    case .nothing(let url, let kind, let reason): "\(url.shownPath): holds nothing of \(kind): \(reason)"
    case .unknownKind(let name, let known):
      "\"\(name)\" is no kind of source; use auto, " + known.joined(separator: ", ")
        + Spelling.suggestion(for: name, among: known)
    case .undecided(let url, let fitting):
      fitting.isEmpty
        ? "\(url.shownPath): fits no kind of source; name the kind, such as mcdrl data import folder "
          + "SOURCE --images 'images/*.jpg' --masks 'masks/*.png'"
        : "\(url.shownPath): fits \(fitting.joined(separator: " and ")); write one of them in place of auto"
    case .maskValues(let error):
      "\(error)\n(here: --labels NAME=VALUE … with the values of the masks, and --lesions "
        + "NAME,… if only some are "
        + "lesion)"
    case .archive(let url):
      "\(url.shownPath): is an archive; unpack it (unzip, or tar -xf) and give the folder"
    case .inArchive(let text): text
    case .differs(let site, let files):
      "\(site.shownPath): \(counted(files.count, "file")) of an earlier import "
        + "\(files.count == 1 ? "has" : "have") other content, such as "
        + files.prefix(3).map { NativePath.shown($0) }.joined(separator: ", ")
        + "; choose another --site, or remove images/ and masks/ of this one (not import.json) to import "
        + "it anew"
    case .siteInUse(let url, let reason): "\(url.shownPath): \(reason)"
    }
  }
}
