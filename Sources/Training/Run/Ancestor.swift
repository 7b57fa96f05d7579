import CLIP
import Datasets
import Foundation
import Metrics
import Segmentation
import Storage
import Torch

/// A trained run that another run continues from, in its fingerprint.
package struct Ancestor: Codable, Equatable, Sendable {
  /// The folder that held it.
  package let run: String
  /// A hash of its weights, with the embedded prompts.
  package let weights: String
  /// The FNV-1a hash of each image that its training and validation read, by site.
  package let images: [String: [String]]
}

extension Run {
  /// Returns the settings with which another run continues from this one.
  ///
  /// They are those of this run, without its data. The intervention of MCDRL is on from the first
  /// epoch if the weights were trained with it. A rule of masks that validation chose for the weights
  /// becomes the default.
  ///
  /// - Throws: an error that names the file of weights.
  package func continuation() throws -> RunConfiguration {
    var settings = configuration
    settings.clip = try configuration.clipOfSite
    (settings.data, settings.holdOut, settings.sources) = (nil, nil, [])
    (settings.scenes, settings.restarts) = (.observed, [])
    if FileManager.default.fileExists(atPath: folder.maskRuleFile.path) {
      settings.inference.rule = MaskRule(0.5)
    }
    if settings.mcdrl != nil, try intervenes() { try settings.changeMCDRL { $0.start = 0 } }
    return settings
  }

  /// Returns this run and those that it continues from, the nearest first.
  ///
  /// - Throws: `RunError` if one of them does not list its images, or has no weights.
  func lineage() throws -> [Ancestor] {
    guard let fingerprint = try folder.fingerprint(), let images = fingerprint.images else {
      throw RunError.unlistedImages(folder.fingerprintFile)
    }
    let own = Ancestor(
      run: folder.url.path, weights: try Self.hash(ofWeights: folder.weightsFile), images: images)
    return [own] + (fingerprint.ancestors ?? [])
  }

  /// Returns a hash of the tensors of a file of weights.
  ///
  /// - Throws: `RunError.noWeights`, or an error that names the damaged file.
  private static func hash(ofWeights file: URL) throws -> String {
    guard FileManager.default.fileExists(atPath: file.path) else { throw RunError.noWeights(file) }
    return try ContentHash(of: SafetensorsFile(file).tensors()).text
  }

  /// Whether the run continues from the weights that another run holds now.
  ///
  /// - Throws: an error that names the file of the other run.
  package func continues(_ other: Run) throws -> Bool {
    let weights = try Self.hash(ofWeights: other.folder.weightsFile)
    return try folder.fingerprint()?.ancestors?.first?.weights == weights
  }

  /// Checks that another run can continue from this one with its settings.
  ///
  /// - Parameter settings: the settings of the other run.
  /// - Throws: `RunError.cannotChange` that names the setting, or the errors of the tower's layers.
  package func requireContinuation(_ settings: RunConfiguration) throws {
    if let ensemble = try ensemble(), ensemble.average == .outputs {
      throw EnsembleError.severalModels(folder.url, count: ensemble.members.count)
    }
    var own = configuration
    own.clip = try configuration.clipOfSite
    let description = try ClipDescription(folder)
    if !description.hasWords, let reader = settings.readerOfWords {
      throw RunError.trunkWithoutWords(own.clip ?? "clip", reader: reader)
    }
    let tower = try ImageTower.unset(
      description.geometry.vision, projectionSize: description.geometry.projectionSize)
    var fixed = ["clip", "confounders", "model.method", "model.dense"]
    if tower.hasPositionEmbeddings, !own.model.method.traits.ignoresTower { fixed.append("imageSize") }
    // P(z) comes with the weights. That of a description is made with the text tower, which a
    // continued run does not load; one that is estimated from images is estimated anew.
    switch settings.interventions.prior {
    case .described: fixed += ["interventions.prior", "interventions.description"]
    case .uniform: fixed.append("interventions.prior")
    case .estimated, .heldOut: break
    }
    let changed = try own.resolved.differences(from: settings.resolved).first { setting in
      fixed.contains(setting.name) || setting.name.hasPrefix("model.head.")
    }
    if let changed {
      throw RunError.cannotChange(folder.url, setting: changed.name, own: changed.value.text)
    }
    try RunChecks.requireLayers(settings, of: tower)
    try RunChecks.requireScales(settings, of: tower)
  }

  /// Checks that neither this run nor those that it continues from were trained on images of a site.
  ///
  /// - Parameter site: the site that a run which continues from this one holds out, or is scored on.
  /// - Throws: `RunError.ancestorKnowsSite` that names this run and the site.
  package func requireUnseen(_ site: Site) throws {
    guard let known = try folder.fingerprint()?.known else {
      throw RunError.unlistedImages(folder.fingerprintFile)
    }
    let count = try site.allSamples.filter { try known.contains(DataHashes.hash(of: $0)) }.count
    if count > 0 { throw RunError.ancestorKnowsSite(folder.url, site: site.name, images: count) }
  }
}

extension SegmentationSystem {
  /// Loads the system of a trained run's weights file, to be trained further, on the settings' device.
  ///
  /// - Parameters:
  ///   - weights: the weights file.
  ///   - description: the CLIP model of the trained run.
  ///   - configuration: the settings to train with.
  ///   - clip: loads the CLIP model for a method that needs the text tower.
  /// - Returns: the system.
  /// - Throws: `RunError.cannotContinue` if the weights do not fit the settings, or an error that
  ///   names the file.
  static func continuing(
    _ weights: URL, _ description: ClipDescription, _ configuration: RunConfiguration, clip: ClipLoader
  ) throws -> SegmentationSystem {
    let text = configuration.model.method.traits.needsTextTower ? TextEncoder(try clip(configuration)) : nil
    // A tower that began with random weights has no statistics of its own.
    let learns = configuration.statistics == .batch || configuration.clip?.hasPrefix("random:") == true
    let system: SegmentationSystem
    do {
      system = try stored(
        weights, description, configuration, lazily: false, textEncoder: text, learnsStatistics: learns)
    } catch RunError.impossibleModel(_, let reason) {
      throw RunError.cannotContinue(weights, reason: reason)
    } catch let error as TorchError {
      throw RunError.cannotContinue(weights, reason: "\(error)")
    }
    system.intervenes = true
    try system.move(to: configuration.device)
    return system
  }
}
