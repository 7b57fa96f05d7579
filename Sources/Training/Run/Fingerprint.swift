import Confounders
import Datasets
import Foundation
import Storage
import Torch

/// Hashes of the initial data and weights of a run, which distinguish runs; `fingerprint.json`.
package struct Fingerprint: Codable, Equatable, Sendable {
  /// The FNV-1a hash of each site's data, by site.
  ///
  /// It covers names, sizes and bytes of all images and masks, and their catalogue entries.
  package let data: [String: String]
  /// The FNV-1a hash of the initial weights.
  package let weights: String
  /// The version of this software.
  package let version: String
  /// The version of libtorch.
  package let libtorch: String

  /// Makes a fingerprint from the hashes of data and the weights of a system.
  package init(data: [String: String], system: SegmentationSystem) throws {
    self.data = data
    weights = try Self.hash(of: system)
    version = packageVersion
    libtorch = Machine.libtorchVersion
  }

  /// Returns the FNV-1a hash of each site's data, by site.
  ///
  /// It covers names, sizes and bytes of all images and masks, and their catalogue entries.
  package static func data(_ sites: [Site]) throws -> [String: String] {
    try Dictionary(
      uniqueKeysWithValues: sites.map { site in
        var hash = StableHash()
        for (index, sample) in site.allSamples.enumerated() {
          // The catalogue entries of an image are data, too: its group, class, labels and whether
          // it only scores.
          let labels = sample.lesionLabels?.map(String.init).joined(separator: ",") ?? "-"
          let stated = [sample.group, sample.lesionClass ?? "-", labels, "\(index < site.samples.count)"]
          hash.combine(Data(stated.joined(separator: "\n").utf8))
          for url in [sample.image, sample.mask].compactMap({ $0 }) {
            hash.combine(Data(url.lastPathComponent.utf8))
            hash.combine(try Data(file: url))
          }
        }
        return (site.name, hash.text)
      })
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
