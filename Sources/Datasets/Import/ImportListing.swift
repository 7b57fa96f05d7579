import Foundation
import Imaging
import Storage

/// The images and masks that a source holds, before they become a site.
///
/// A reader of a layout or of an annotation format makes it; `SiteImport` writes it.
package struct ImportListing {
  /// The images that become the site.
  package var items: [ImportItem] = []
  /// The files that do not, each with the reason.
  package var leftOut: [LeftOut] = []
  /// Facts about the source that the user has to know, one sentence each.
  package var notes: [String] = []
  /// The values of the classes of label maps, 1 to 255, by name; empty for one kind of lesion.
  package var labels: [String: Int] = [:]
  /// The terms of use, the source and what to cite, where the set is known.
  package var origin = DataOrigin(licence: nil, source: nil, citation: nil)

  /// A file that is left out.
  package struct LeftOut: Codable, Hashable, Sendable {
    /// The path relative to the source.
    package var file: String
    /// Why, and what would bring it in.
    package var reason: String

    package init(file: String, reason: String) {
      (self.file, self.reason) = (file, reason)
    }

    /// Returns the text of an error without the path, which the entry names already.
    static func reason(_ error: any Error, of url: URL) -> String {
      let (text, prefix) = ("\(error)", url.shownPath + ": ")
      return text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
    }
  }

  /// Whether images without a mask are written, into `unlabelled/` of the site; else they are left out.
  package var keepsUnlabelled = false

  package init() {}
}

/// One image of a source, with its mask.
package struct ImportItem {
  /// The name of the image in the site, without ending; unique in its part of the listing.
  package var stem: String
  /// Where the image comes from.
  package var image: Picture
  /// Where the mask comes from.
  package var mask: Mask
  /// The patient or sequence; nil where the source does not say.
  package var group: String?
  /// The lesion class of the image; nil where the source does not say.
  package var lesionClass: String?
  /// The part of a source of several hospitals or splits, such as `C3`; each part is a site.
  package var part: String?

  package init(
    stem: String, image: Picture, mask: Mask, group: String? = nil, lesionClass: String? = nil,
    part: String? = nil
  ) {
    (self.stem, self.image, self.mask) = (stem, image, mask)
    (self.group, self.lesionClass, self.part) = (group, lesionClass, part)
  }

  /// Where an image comes from.
  package enum Picture {
    /// An image file, taken as it is.
    case file(URL)
    /// The content of an image file inside another file.
    case content(Data, of: URL)
    /// A frame of a DICOM file or a video, read when it is written.
    ///
    /// `name` says which, such as "frame 1", for messages and records; nil for the only one.
    case frame(of: URL, name: String?, read: () throws -> Image)
  }

  /// Where a mask comes from.
  package enum Mask {
    /// A mask file, or several whose union is the mask; `colours` maps RGB to label values.
    case files([URL], colours: [[UInt8]: Int])
    /// Shapes, drawn at the image's size in this order; `source` is the annotation file.
    case shapes([LabelledShape], source: URL)
    /// The source says that there is no lesion.
    case empty
    /// The source has no mask for the image.
    case missing
  }
}

/// A shape of an annotation format with its label.
package struct LabelledShape: Equatable, Sendable {
  /// The name of the label, as in the source.
  package var label: String
  /// The form.
  package var form: Form

  package init(label: String, form: Form) {
    (self.label, self.form) = (label, form)
  }

  /// The form of a shape, in pixels of the image; (0, 0) is the outer corner of the first pixel.
  package enum Form: Equatable, Sendable {
    /// Rings of points; inside is what an odd number of rings encloses.
    case polygon([[Point]])
    /// Pixels of a box, row by row from its top left.
    case pixels(x: Int, y: Int, width: Int, height: Int, values: [Bool])
    /// An axis-aligned ellipse.
    case ellipse(centre: Point, radiusX: Double, radiusY: Double, degrees: Double)
    /// Pixels of a box as lengths of runs, which keep a large mask small.
    case runs(RunLengths)
  }

  /// A point.
  package struct Point: Equatable, Sendable {
    package var x: Double
    package var y: Double

    package init(_ x: Double, _ y: Double) { (self.x, self.y) = (x, y) }
  }
}
