import CLIP
import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import Torch

/// Builds what a run needs from its settings: to train anew, to resume, or to use a finished one.
package enum RunAssembly {
  /// A system with the weights that training starts from, on the device of the settings.
  ///
  /// - Parameters:
  ///   - configuration: the settings.
  ///   - prompts: the words; as many confounders as the settings say are taken.
  ///   - clip: the CLIP model that `configuration.clip` names.
  /// - Returns: the system, not yet trained.
  /// - Throws: `CLIPError`, `TorchError`, `ConfigurationError` that name the file or setting.
  package static func fresh(
    _ configuration: RunConfiguration, prompts: PromptSet, clip: CLIPModel
  ) throws -> SegmentationSystem {
    let layers = clip.vision.hiddenWidths.count
    if case .last(let count) = configuration.tune, count > layers {
      throw ConfigurationError(
        "tune: \(configuration.tune) asks for more layers than the image tower's \(layers); use last-1 to "
          + "last-\(layers), or all")
    }
    let text = try TextEmbeddings(prompts.limited(to: configuration.confounders)) {
      try clip.textFeatures($0)
    }
    let system = try SegmentationSystem(
      tower: clip.vision, mean: clip.preparation.mean, deviation: clip.preparation.deviation, text: text,
      configuration: configuration)
    try system.move(to: configuration.device)
    return system
  }

  /// Checks that every lesion class that the data states has words.
  ///
  /// - Parameters:
  ///   - sites: the sites.
  ///   - prompts: the words.
  ///   - folder: where the sites are, for the message.
  /// - Throws: `ConfigurationError` that names a class without words.
  package static func requireClasses(_ sites: [Site], _ prompts: PromptSet, in folder: URL) throws {
    let stated = Set(sites.flatMap(\.samples).compactMap(\.lesionClass))
    if let stranger = stated.subtracting(prompts.classes).min() {
      throw ConfigurationError(
        "\(folder.path): the lesion class \"\(stranger)\" is not among the prompts' classes "
          + "(\(prompts.classes.joined(separator: ", "))); change the data or the prompt file")
    }
  }

  /// Checks that a run which is to train on interventions has something to do to an image.
  ///
  /// - Parameters:
  ///   - configuration: the settings.
  ///   - prompts: the words; as many confounders as the settings say are taken.
  ///   - source: the prompt file, for the message.
  ///   - arm: whose settings these are in a study, for the message.
  /// - Throws: `ConfigurationError` that names the file and both ways out, or `PromptSizeError`.
  package static func requireMechanisms(
    _ configuration: RunConfiguration, _ prompts: PromptSet, in source: String, arm: String? = nil
  ) throws {
    guard configuration.interventions.share > 0,
      try Interventions(prompts.limited(to: configuration.confounders)).available.isEmpty
    else { return }
    let limit = configuration.confounders > 0 ? " of the \(configuration.confounders) that are taken" : ""
    let owner = arm.map { "\($0) is" } ?? "this run is"
    throw ConfigurationError(
      "\(source): no confounder\(limit) has a mechanism, but \(owner) to be trained on interventions; give at least "
        + "one a mechanism, such as mechanism: \"blur\" (docs/prompts.md), or train without: --set interventions.share=0"
    )
  }

  /// The system of a finished run, with the weights that validation chose; needs no CLIP folder.
  ///
  /// - Parameters:
  ///   - run: the run folder.
  ///   - device: where to compute, whatever it was trained on.
  ///   - lazily: whether weights stay in the run's file until they are used; `Module.adopt` says what that asks of it.
  /// - Returns: the system in evaluation mode, and its settings.
  /// - Throws: an error that names the file of the run that is missing or does not fit.
  package static func trained(
    _ run: RunDirectory, on device: Device = .cpu, lazily: Bool = false
  ) throws -> (system: SegmentationSystem, configuration: RunConfiguration) {
    let configuration = try run.configuration()
    let description = try ClipDescription(run)
    guard FileManager.default.fileExists(atPath: run.weightsFile.path) else {
      throw ConfigurationError(
        "\(run.weightsFile.path): not found; no epoch of this run is finished, continue with mcdrl train --resume"
      )
    }
    let system = try system(run.weightsFile, description, configuration, lazily: lazily)
    try system.move(to: device)
    return (system, configuration)
  }

  /// The system that a file holds the weights of, in evaluation mode, on the CPU.
  ///
  /// - Parameters:
  ///   - weights: a run's file.
  ///   - description: its CLIP model.
  ///   - configuration: its settings.
  ///   - lazily: whether weights stay in the file until they are used; `Module.adopt` says what that asks of it.
  /// - Returns: the system.
  /// - Throws: an error that names the file.
  package static func system(
    _ weights: URL, _ description: ClipDescription, _ configuration: RunConfiguration, lazily: Bool
  ) throws -> SegmentationSystem {
    let tensors = try SafetensorsFile(weights).tensors()
    // Not among the module's parameters, so nothing copies them later.
    let words = try tensors.filter { $0.key.hasPrefix("text.") }.mapValues { try $0.copy() }
    guard let text = TextEmbeddings(tensors: words) else {
      throw ConfigurationError("\(weights.path): holds no embedded prompts; train the run again")
    }
    let tower = try ImageTower.unset(
      description.geometry.vision, projectionSize: description.geometry.projectionSize)
    let system = try SegmentationSystem(
      tower: tower, mean: description.preparation.mean, deviation: description.preparation.deviation,
      text: text, configuration: configuration)
    let take = lazily ? system.adopt : system.load
    try take(tensors, weights.path) { $0.hasPrefix("text.") }
    try system.adoptPrior()
    system.train(false)
    return system
  }
}

/// The CLIP model of a run: geometry and preparation; `clip.json`.
package struct ClipDescription: Codable, Sendable {
  /// The geometry.
  package let geometry: CLIPConfiguration
  /// How pixels become input.
  package let preparation: ImagePreparation

  /// Describes a model.
  package init(_ clip: CLIPModel) {
    self.init(geometry: clip.configuration, preparation: clip.preparation)
  }

  /// Describes a model that there may not be yet.
  package init(geometry: CLIPConfiguration, preparation: ImagePreparation) {
    self.geometry = geometry
    self.preparation = preparation
  }

  /// Reads the description that a run holds.
  ///
  /// - Throws: `ConfigurationError` that names the file.
  package init(_ run: RunDirectory) throws {
    do {
      self = try JSONDecoder().decode(ClipDescription.self, from: Data(contentsOf: run.clipFile))
    } catch {
      throw ConfigurationError("\(run.clipFile.path): cannot be read; train the run again")
    }
  }
}

/// What went into a run, so that two runs can be told apart; `fingerprint.json`.
package struct Fingerprint: Codable, Equatable, Sendable {
  /// FNV-1a over names, sizes and bytes of all images and masks and what is stated of them, by site.
  package let data: [String: String]
  /// FNV-1a over the values of the weights that training started from.
  package let weights: String
  /// The version of this software.
  package let version: String
  /// The version of libtorch.
  package let libtorch: String

  /// Reads every file once.
  package init(sites: [Site], system: SegmentationSystem, version: String) throws {
    try self.init(data: Self.data(sites), system: system, version: version)
  }

  /// Joins the hashes of data that were read before with those of a system's weights.
  package init(data: [String: String], system: SegmentationSystem, version: String) throws {
    self.data = data
    weights = try Self.hash(of: system)
    self.version = version
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
