import Datasets

/// The part of a site in a run's training.
package enum SiteRole: Sendable {
  /// It is the run's own held-out site.
  case heldOut
  /// It is another site that the run never saw.
  case unseen
  /// The run was trained on images of it.
  case source
  /// Only its name is that of a training site; it shares no image with the training.
  case namesake

  /// The role in words.
  package var text: String {
    switch self {
    case .heldOut: "held out"
    case .unseen: "not in training"
    case .source: "trained on"
    case .namesake: "same name as a training site, no shared image: treated as unseen"
    }
  }
}

extension Run {
  /// Returns the part of a site in the training.
  ///
  /// A site with the name of a training site may be of other data. It is that site if it has an
  /// image, by its bytes, that training or validation read. A run of an earlier version stores no
  /// images, so there the name decides.
  ///
  /// - Parameter site: a site of any data set.
  /// - Returns: the role.
  /// - Throws: an error that names an image that cannot be read.
  package func role(of site: Site) throws -> SiteRole {
    guard configuration.sources.contains(site.name) else {
      return site.name == configuration.holdOut ? .heldOut : .unseen
    }
    guard let images = try folder.fingerprint()?.images?[site.name] else { return .source }
    let known = Set(images)
    let isShared = try trained(site).allSamples.contains { try known.contains(DataHashes.hash(of: $0)) }
    return isShared ? .source : .namesake
  }

  /// Returns the images of a site that score the run.
  ///
  /// - Parameters:
  ///   - site: the site.
  ///   - role: its part in the training.
  /// - Returns: the test images; of a training site all images.
  package func scored(_ site: Site, as role: SiteRole) -> [Sample] {
    role == .source ? trained(site).samples : site.testSamples
  }

  /// Returns a site with the scenes that the run trains on, if the site has them.
  func trained(_ site: Site) -> Site { (try? site.training(on: configuration.scenes)) ?? site }
}
