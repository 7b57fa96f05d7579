import Confounders
import Datasets
import Foundation
import Storage
import Torch

/// Hashes of the initial data and weights of a run, which distinguish runs; `fingerprint.json`.
package struct Fingerprint: Codable, Equatable, Sendable {
  /// The FNV-1a hash of each site's data, by site.
  ///
  /// It covers names, sizes and bytes of images and masks, and their catalogue entries: of those that
  /// training and validation read, in a study also of those that only score.
  package let data: [String: String]
  /// The FNV-1a hash of each image that training and validation read, by site.
  ///
  /// It is nil in a run of an earlier version.
  package let images: [String: [String]]?
  /// The FNV-1a hash of each image of the test list, by site; nil without a list.
  package let tests: [String: [String]]?
  /// The runs that this one continues from, the nearest first; nil for none.
  package let ancestors: [Ancestor]?
  /// The FNV-1a hash of the initial weights.
  package let weights: String
  /// The version of this software.
  package let version: String
  /// The version of libtorch.
  package let libtorch: String

  /// Makes a fingerprint.
  ///
  /// - Parameters:
  ///   - data: the hashes of the data.
  ///   - sources: the names of the sites to train on.
  ///   - system: the model with its initial weights.
  ///   - tests: the hashes of the images of the test list, by site.
  ///   - ancestors: the runs that this one continues from.
  /// - Throws: `TorchError` if the weights cannot be read.
  package init(
    data: DataHashes, sources: [String], system: SegmentationSystem, tests: [String: [String]]? = nil,
    ancestors: [Ancestor]? = nil
  ) throws {
    self.data = data.sites
    images = data.images.filter { sources.contains($0.key) }
    (self.tests, self.ancestors) = (tests, ancestors)
    weights = try Self.hash(of: system)
    version = packageVersion
    libtorch = Machine.libtorchVersion
  }

  /// The hashes of all images that this run and those that it continues from have read; nil in a run
  /// of an earlier version.
  package var known: Set<String>? {
    images.map { own in
      Set(own.values.joined()).union((ancestors ?? []).flatMap { $0.images.values.joined() })
    }
  }

  /// Returns whether another fingerprint is of the same data, weights and versions.
  ///
  /// `images` adds nothing to `data`, and an earlier version did not store it.
  package func isSame(as other: Fingerprint) -> Bool {
    (data, weights, version, libtorch) == (other.data, other.weights, other.version, other.libtorch)
  }

  /// Returns the FNV-1a hash of the prompts.
  package static func hash(of prompts: PromptSet) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var hash = StableHash()
    hash.combine(try encoder.encode(prompts))
    return hash.text
  }

  /// Returns the FNV-1a hash of the keys and values of a module's tensors.
  package static func hash(of module: Module) throws -> String {
    var hash = StableHash()
    for (key, tensor) in module.state().sorted(by: { $0.key < $1.key }) {
      hash.combine(Data(key.utf8))
      try tensor.withBytes { hash.combine($0) }
    }
    return hash.text
  }
}

/// The FNV-1a hashes of the data of some sites.
package struct DataHashes: Sendable {
  /// The images that count.
  package enum Scope: Sendable {
    /// Those that training and validation read.
    case training
    /// Also those that only score.
    case all
  }

  /// The hash of each site's data, by site: names, sizes and bytes of images and masks, and their
  /// catalogue entries.
  package private(set) var sites: [String: String] = [:]
  /// The hash of the bytes of each image to train on, by site.
  package private(set) var images: [String: [String]] = [:]

  /// Reads the files of some sites.
  ///
  /// - Parameters:
  ///   - sites: the sites.
  ///   - scope: the images that count.
  ///   - classes: the segmented classes, whose values count; empty for one mask of all lesions.
  /// - Throws: `FileError` that names the file.
  package init(_ sites: [Site], _ scope: Scope, classes: [String] = []) throws {
    for site in sites {
      var hash = StableHash()
      let values = site.samples.first?.labels ?? [:]
      for name in classes { hash.combine(Data("\(name)=\(values[name] ?? 0)\n".utf8)) }
      var images: [String] = []
      for (index, sample) in (scope == .all ? site.allSamples : site.samples).enumerated() {
        let trains = index < site.samples.count
        // The catalogue entries of an image are data, too: its group, class, labels and whether it
        // only scores.
        let labels = sample.lesionLabels?.map(String.init).joined(separator: ",") ?? "-"
        let stated = [sample.group, sample.lesionClass ?? "-", labels, "\(trains)"]
        hash.combine(Data(stated.joined(separator: "\n").utf8))
        for url in [sample.image, sample.mask].compactMap({ $0 }) {
          let data = try Data(file: url)
          if trains, url == sample.image { images.append(Self.hash(data)) }
          hash.combine(Data(url.lastPathComponent.utf8))
          hash.combine(data)
        }
      }
      self.sites[site.name] = hash.text
      self.images[site.name] = images
    }
  }

  /// Returns the hash of the bytes of an image file.
  ///
  /// - Throws: `FileError` that names the file.
  package static func hash(of sample: Sample) throws -> String { hash(try Data(file: sample.image)) }

  private static func hash(_ data: Data) -> String {
    var hash = StableHash()
    hash.combine(data)
    return hash.text
  }
}
