import Datasets
import Foundation
import Storage
import Torch

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
  /// The run has a test list, and its images of the site score.
  case listed(trained: Int, of: Int)
  /// It is a training site, and its validation images score.
  case validation(of: Int)

  /// Whether the run was trained on none of the images that score.
  package var isUnseen: Bool {
    switch self {
    case .heldOut, .unseen, .namesake: true
    case .source, .partly, .validation: false
    case .listed(let trained, _): trained == 0
    }
  }

  /// The number of images that the run was trained on, among all that score.
  func trainedCount(of count: Int) -> Int {
    switch self {
    case .heldOut, .unseen, .namesake, .validation: 0
    case .source: count
    case .partly(let trained, _), .listed(let trained, _): trained
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
    case .listed(let trained, let count):
      "test list, \(counted(count, "image"))"
        + (trained > 0 ? ", \(trained) of them \(trained == 1 ? "was" : "were") trained on" : "")
    case .validation(let count):
      "familiar: \(counted(count, "validation image")) of a site that was trained on"
    }
  }

  /// The role in one word, for `evaluation-SITE.json`.
  var word: String {
    switch self {
    case .heldOut: "held-out"
    case .unseen: "unseen"
    case .source: "trained"
    case .partly: "partly-trained"
    case .namesake: "namesake"
    case .listed: "test-list"
    case .validation: "validation"
    }
  }
}

/// The hashes of images by their bytes; each file is read once.
package final class ImageHashes: @unchecked Sendable {
  private let lock = NSLock()
  private var known: [URL: String] = [:]

  /// Makes an empty memory.
  package init() {}

  /// Reads images in several processes, each a part; one alone reads an image when it is asked for.
  ///
  /// - Parameters:
  ///   - samples: the images.
  ///   - processes: the processes.
  /// - Throws: `FileError` that names the file.
  package func read(_ samples: [Sample], _ processes: Processes) throws {
    guard processes.areSeveral else { return }
    let found = try processes.inParts(count: samples.count) { part in
      try samples[part].map { try hash(of: $0) }
    }
    lock.withLock { for (sample, hash) in zip(samples, found) { known[sample.image] = hash } }
  }

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
  /// no images, so there the name decides. Images that a run trained on from which this one continues
  /// count as well. A site of the run's test list has the role of its listed images.
  ///
  /// - Parameters:
  ///   - site: a site of any data set.
  ///   - hashes: keeps the hashes for other runs at the same site.
  /// - Returns: the role.
  /// - Throws: an error that names an image that cannot be read.
  package func role(of site: Site, _ hashes: ImageHashes = ImageHashes()) throws -> SiteRole {
    let isNamed = trains(on: site.name)
    guard let fingerprint = try folder.fingerprint(), let known = fingerprint.known else {
      return isNamed ? .source : site.name == configuration.holdOut ? .heldOut : .unseen
    }
    if let listed = lists?.tested(site), try listed.map(hashes.hash) == fingerprint.tests?[site.name] {
      return .listed(trained: try listed.count { try known.contains(hashes.hash(of: $0)) }, of: listed.count)
    }
    // A training site is scored on its own images; other test images do not make it another site.
    for samples in isNamed ? [trained(site).samples, site.testSamples] : [site.testSamples] {
      let count = try samples.count { try known.contains(hashes.hash(of: $0)) }
      if count > 0 { return count == samples.count ? .source : .partly(trained: count, of: samples.count) }
    }
    return isNamed ? .namesake : site.name == configuration.holdOut ? .heldOut : .unseen
  }

  /// Returns the part in the training of other images of a site than those that score the run alone.
  ///
  /// - Parameters:
  ///   - site: the site.
  ///   - samples: the images of it that score, such as those that several runs share.
  ///   - role: the part of the site for this run alone.
  ///   - hashes: keeps the hashes for other runs at the same site.
  /// - Returns: the part of these images; that of the site if they are those of the run alone, or if a
  ///   run of an earlier version stores no images.
  /// - Throws: an error that names an image that cannot be read.
  package func role(
    of site: Site, on samples: [Sample], alone role: SiteRole, _ hashes: ImageHashes
  ) throws -> SiteRole {
    let own = Set(scored(site, as: role).map(\.image))
    guard own != Set(samples.map(\.image)), let known = try folder.fingerprint()?.known else { return role }
    let isPart = samples.allSatisfy { own.contains($0.image) }
    if isPart, case .validation = role { return .validation(of: samples.count) }
    let count = try samples.count { try known.contains(hashes.hash(of: $0)) }
    if isPart, case .listed = role { return .listed(trained: count, of: samples.count) }
    if count > 0 { return count == samples.count ? .source : .partly(trained: count, of: samples.count) }
    return trains(on: site.name) ? .namesake : site.name == configuration.holdOut ? .heldOut : .unseen
  }

  /// Returns the images of a site that score the run.
  ///
  /// - Parameters:
  ///   - site: the site.
  ///   - role: its part in the training.
  /// - Returns: the test images, or those of the test list; of a training site all images, or those of
  ///   the validation.
  package func scored(_ site: Site, as role: SiteRole) -> [Sample] {
    switch role {
    case .listed: return lists?.tested(site) ?? []
    case .validation: return validation(of: site)
    case .heldOut, .unseen, .source, .partly, .namesake:
      return !role.isUnseen && trains(on: site.name) ? trained(site).samples : site.testSamples
    }
  }

  /// Returns the validation images of one of the run's training sites.
  package func validation(of site: Site) -> [Sample] {
    let own = lists.map { $0.restricted(site) } ?? trained(site)
    return (try? divided([own]))?.validation ?? []
  }

  /// Returns the sites of the run's own data that score a run which holds no site out.
  ///
  /// These are the sites of its test list. Without one they are the training sites with validation
  /// images, which score there: the run did not train on them, but knows their sites, and they may
  /// have chosen the epoch.
  ///
  /// - Parameter catalog: the run's own data.
  /// - Returns: the sites, and the role of each; nil lets the images decide.
  /// - Throws: `DatasetError` that names a missing site.
  package func familiarSites(_ catalog: SiteCatalog) throws -> [(site: Site, role: SiteRole?)] {
    if let tests = lists?.testSites, !tests.isEmpty { return try tests.map { (try catalog.site($0), nil) } }
    return try configuration.sources.map(catalog.site).compactMap { site in
      let count = validation(of: site).count
      return count > 0 ? (site, .validation(of: count)) : nil
    }
  }

  /// Whether the run trains on a site of this name, or a run that it continues from did.
  private func trains(on site: String) -> Bool {
    configuration.sources.contains(site)
      || (try? folder.fingerprint())??.ancestors?.contains { $0.images[site] != nil } == true
  }

  /// Returns a site with the scenes that the run trains on, if the site has them.
  func trained(_ site: Site) -> Site { (try? site.training(on: configuration.scenes)) ?? site }
}
