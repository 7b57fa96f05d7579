import Confounders
import Datasets
import Foundation
import Storage
import Torch

/// Hashes of the data and the weights that a run began with, so that two runs can be told apart; `fingerprint.json`.
package struct Fingerprint: Codable, Equatable, Sendable {
  /// FNV-1a over names, sizes and bytes of all images and masks and what is stated of them, by site.
  package let data: [String: String]
  /// FNV-1a over the values of the weights that training started from.
  package let weights: String
  /// The version of this software.
  package let version: String
  /// The version of libtorch.
  package let libtorch: String

  /// Joins the hashes of data that were read before with those of a system's weights.
  package init(data: [String: String], system: SegmentationSystem) throws {
    self.data = data
    weights = try Self.hash(of: system)
    version = packageVersion
    libtorch = Machine.libtorchVersion
  }

  /// FNV-1a over names, sizes and bytes of all images and masks and what is stated of them, by site.
  package static func data(_ sites: [Site]) throws -> [String: String] {
    try Dictionary(
      uniqueKeysWithValues: sites.map { site in
        var hash = StableHash()
        for (index, sample) in site.allSamples.enumerated() {
          // What the catalogue says of an image is data, too: its group, class, labels, and whether it only scores.
          let labels = sample.lesionLabels?.map(String.init).joined(separator: ",") ?? "-"
          let stated = [sample.group, sample.lesionClass ?? "-", labels, "\(index < site.samples.count)"]
          hash.combine(Data(stated.joined(separator: "\n").utf8))
          for url in [sample.image, sample.mask].compactMap({ $0 }) {
            hash.combine(Data(url.lastPathComponent.utf8))
            hash.combine(try Data(file: url, options: .mappedIfSafe))
          }
        }
        return (site.name, hash.text)
      })
  }

  /// FNV-1a over the words.
  package static func hash(of prompts: PromptSet) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var hash = StableHash()
    hash.combine(try encoder.encode(prompts))
    return hash.text
  }

  /// FNV-1a over keys and values of a module's tensors.
  package static func hash(of module: Module) throws -> String {
    var hash = StableHash()
    for (key, tensor) in module.state().sorted(by: { $0.key < $1.key }) {
      hash.combine(Data(key.utf8))
      try tensor.withBytes { hash.combine($0) }
    }
    return hash.text
  }
}
