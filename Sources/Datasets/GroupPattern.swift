import Foundation

/// A regular expression of a site on the names of images: it finds groups, or chooses images.
struct GroupPattern {
  private let site: String
  private let text: String
  /// The key in the catalogue, for errors.
  private let key: SiteManifest.Entry.CodingKeys
  private let manifest: URL
  private let expression: NSRegularExpression

  /// The largest number of reports of progress in one search.
  ///
  /// One comes about every 10,000 steps. A search in the name of a file takes a few hundred, unless
  /// the expression is made so that they double with every letter.
  private static let patience = 100

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
    var (found, reports) = (NSTextCheckingResult?.none, 0)
    expression.enumerateMatches(
      in: stem, options: .reportProgress, range: NSRange(stem.startIndex..., in: stem)
    ) { match, _, stop in
      found = match
      reports += 1
      if match != nil || reports > Self.patience { stop.pointee = true }
    }
    guard found != nil || reports <= Self.patience else {
      throw DatasetError.badCatalog(
        manifest,
        reason: "site \(site): \(key.rawValue) \"\(text)\" takes too long on the image \(stem); write it "
          + "without repetitions inside of repetitions"
          + (key == .groupPattern ? ", or name the groups under groups" : ""))
    }
    guard let found else { return nil }
    let range = found.numberOfRanges > 1 ? found.range(at: 1) : found.range
    return Range(range, in: stem).map { String(stem[$0]) }
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
