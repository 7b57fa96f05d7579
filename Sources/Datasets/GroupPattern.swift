import Foundation

/// A regular expression of a site on the names of images: it finds groups, or chooses images.
struct GroupPattern {
  private let site: String
  private let text: String
  /// The key in the catalogue, for errors.
  private let key: SiteManifest.Entry.CodingKeys
  private let manifest: URL
  private let expression: NSRegularExpression

  /// Makes the pattern.
  ///
  /// - Parameters:
  ///   - text: the expression.
  ///   - site: the site that states it.
  ///   - manifest: the catalogue that states it, for errors.
  ///   - key: the key in the catalogue.
  /// - Throws: `DatasetError.badCatalog` if the text is not a regular expression.
  init(
    _ text: String, of site: String, statedIn manifest: URL,
    key: SiteManifest.Entry.CodingKeys = .groupPattern
  ) throws {
    (self.site, self.text, self.manifest, self.key) = (site, text, manifest, key)
    do {
      expression = try NSRegularExpression(pattern: text)
    } catch {
      throw DatasetError.badCatalog(
        manifest, reason: "site \(site): \(key.rawValue) \"\(text)\" is not a regular expression")
    }
  }

  /// Finds the group: what the first parentheses match, or else the whole match.
  ///
  /// - Parameter stem: the name of an image, without its ending.
  /// - Returns: the group; nil without a match.
  /// - Throws: `DatasetError.badCatalog` if the search takes more than a million steps.
  func group(of stem: String) throws -> String? {
    switch expression.boundedMatch(in: stem) {
    case .nothing: return nil
    case .found(let found):
      let range = found.numberOfRanges > 1 ? found.range(at: 1) : found.range
      return Range(range, in: stem).map { String(stem[$0]) }
    case .tooLong:
      throw DatasetError.badCatalog(
        manifest,
        reason: "site \(site): \(key.rawValue) \"\(text)\" takes too long on the image \(stem); write it "
          + "without repetitions inside of repetitions"
          + (key == .groupPattern ? ", or name the groups under groups" : ""))
    }
  }

  /// Requires that the pattern finds a group in at least one image.
  ///
  /// - Parameter stems: the names of the images of the site.
  /// - Throws: `DatasetError.badCatalog` otherwise.
  func requireMatch(in stems: [String]) throws {
    guard let first = stems.first, try !stems.contains(where: { try group(of: $0) != nil }) else { return }
    throw DatasetError.badCatalog(
      manifest,
      reason: "site \(site): \(key.rawValue) \"\(text)\" matches none of its images, such as \(first)")
  }
}
