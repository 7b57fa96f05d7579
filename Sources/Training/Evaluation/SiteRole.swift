import Datasets
import Foundation
import Storage

/// The part of a site in a run's training.
package enum SiteRole: Equatable, Sendable {
  /// It has the name of the run's own held-out site, and the run was trained on none of its images.
  case heldOut
  /// It is another site that the run never saw.
  case unseen
  /// The run was trained on it: on each image that scores.
  case source
  /// The run was trained on some of the images that score.
  case partly(trained: Int, of: Int)
  /// Only its name is that of a training site; it shares no image with the training.
  case namesake

  /// Whether the run was trained on none of the images that score.
  package var isUnseen: Bool {
    switch self {
    case .heldOut, .unseen, .namesake: true
    case .source, .partly: false
    }
  }

  /// The number of images that the run was trained on, among all that score.
  func trainedCount(of count: Int) -> Int {
    switch self {
    case .heldOut, .unseen, .namesake: 0
    case .source: count
    case .partly(let trained, _): trained
    }
  }

  /// The role in words.
  package var text: String {
    switch self {
    case .heldOut: "held out"
    case .unseen: "not in training"
    case .source: "trained on"
    case .partly(let trained, let count):
      "\(trained) of \(counted(count, "image")) \(trained == 1 ? "was" : "were") trained on"
    case .namesake: "same name as a training site, no shared image: treated as unseen"
    }
  }
}

/// The hashes of images by their bytes; each file is read once.
package final class ImageHashes: @unchecked Sendable {
  private let lock = NSLock()
  private var known: [URL: String] = [:]

  /// Makes an empty memory.
  package init() {}

  /// Returns the hash of an image.
  ///
  /// - Throws: `FileError` that names the file.
  func hash(of sample: Sample) throws -> String {
    if let hash = lock.withLock({ known[sample.image] }) { return hash }
    let hash = try DataHashes.hash(of: sample)
    lock.withLock { known[sample.image] = hash }
    return hash
  }
}

extension Run {
  /// Returns the part of a site in the training.
  ///
  /// A site of other data may have images of the training, whatever its name. They are found by
  /// their bytes among those that training or validation read. A run of an earlier version stores
  /// no images, so there the name decides.
  ///
  /// - Parameters:
  ///   - site: a site of any data set.
  ///   - hashes: keeps the hashes for other runs at the same site.
  /// - Returns: the role.
  /// - Throws: an error that names an image that cannot be read.
  package func role(of site: Site, _ hashes: ImageHashes = ImageHashes()) throws -> SiteRole {
    let isNamed = configuration.sources.contains(site.name)
    guard let images = try folder.fingerprint()?.images else {
      return isNamed ? .source : site.name == configuration.holdOut ? .heldOut : .unseen
    }
    let known = Set(images.values.joined())
    // A training site is scored on its own images; other test images do not make it another site.
    for samples in isNamed ? [trained(site).samples, site.testSamples] : [site.testSamples] {
      let count = try samples.count { try known.contains(hashes.hash(of: $0)) }
      if count > 0 { return count == samples.count ? .source : .partly(trained: count, of: samples.count) }
    }
    return isNamed ? .namesake : site.name == configuration.holdOut ? .heldOut : .unseen
  }

  /// Returns the images of a site that score the run.
  ///
  /// - Parameters:
  ///   - site: the site.
  ///   - role: its part in the training.
  /// - Returns: the test images; of a training site all images.
  package func scored(_ site: Site, as role: SiteRole) -> [Sample] {
    !role.isUnseen && configuration.sources.contains(site.name) ? trained(site).samples : site.testSamples
  }

  /// Returns a site with the scenes that the run trains on, if the site has them.
  func trained(_ site: Site) -> Site { (try? site.training(on: configuration.scenes)) ?? site }
}
