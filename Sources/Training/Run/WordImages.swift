import Datasets
import Foundation
import Storage

/// The hashes of the images that words of a CLIP folder were trained on, by site.
///
/// `mcdrl clip pretrain` writes them to `training-images.json` when it trains on sites. A study must
/// not score a site whose images taught the words.
package struct WordImages: Codable, Equatable, Sendable {
  /// The name of the file in a CLIP folder.
  package static let fileName = "training-images.json"

  /// The FNV-1a hash of each image, by site.
  package let sites: [String: [String]]

  /// Hashes the images of sites.
  ///
  /// - Parameter sites: the sites.
  /// - Throws: `FileError` that names a file.
  package init(_ sites: [Site]) throws {
    self.sites = try DataHashes(sites, .training).images
  }

  /// Reads the hashes of a CLIP folder; nil if its words were trained on no sites.
  ///
  /// - Parameter clip: the CLIP folder.
  /// - Throws: `RunError.unreadable` that names the file.
  package init?(clip: URL) throws {
    let file = clip.appendingPathComponent(Self.fileName)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    do {
      self = try JSONDecoder().decode(WordImages.self, from: Data(file: file))
    } catch {
      throw RunError.unreadable(file)
    }
  }

  /// Checks that no image of a held-out site taught the words.
  ///
  /// - Parameters:
  ///   - site: the held-out site.
  ///   - clip: the CLIP folder.
  /// - Throws: `RunError.wordsKnowSite` that names the folder and the site.
  package static func requireUnseen(_ site: Site, by clip: URL) throws {
    guard let seen = try WordImages(clip: clip) else { return }
    let known = Set(seen.sites.values.joined())
    let count = try site.allSamples.filter { try known.contains(DataHashes.hash(of: $0)) }.count
    if count > 0 { throw RunError.wordsKnowSite(clip, site: site.name, images: count) }
  }
}
