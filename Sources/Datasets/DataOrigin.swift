import Foundation

/// The origin of the images of a site as a data folder states it (`sites.json5`).
///
/// The texts are the owner's words. Nothing here checks them.
public struct DataOrigin: Codable, Equatable, Sendable {
  /// The licence or the terms of use; nil if none are stated.
  public let licence: String?
  /// Where the images are from: a name, an address; nil if it is not stated.
  public let source: String?
  /// The work to cite; nil if it is not stated.
  public let citation: String?

  /// A warning for users of the site, such as that its images were held out before; nil for none.
  public let note: String?

  /// Makes the statements of a site; a blank text counts as none.
  ///
  /// - Parameters:
  ///   - licence: the licence or the terms of use.
  ///   - source: where the images are from.
  ///   - citation: what to cite.
  ///   - note: a warning for users of the site.
  public init(licence: String? = nil, source: String? = nil, citation: String? = nil, note: String? = nil) {
    func text(_ stated: String?) -> String? {
      let text = stated?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
      return text.isEmpty ? nil : text
    }
    self.licence = text(licence)
    self.source = text(source)
    self.citation = text(citation)
    self.note = text(note)
  }
}
