import CLIP
import Confounders
import Datasets
import Foundation
import Imaging
import Segmentation

/// Checks of data, prompts and settings against each other, before any writing or training.
package enum RunChecks {
  /// Checks that the image tower has as many layers as are to be trained.
  ///
  /// - Throws: `RunError.tooManyLayers`.
  package static func requireLayers(_ configuration: RunConfiguration, of clip: CLIPModel) throws {
    let layers = clip.vision.hiddenWidths.count
    if case .last(let count) = configuration.tune, count > layers {
      throw RunError.tooManyLayers(configuration.tune, available: layers)
    }
  }

  /// Checks that the image tower has the layers that the settings name and can predict at their scales.
  ///
  /// - Throws: `SettingsError` that names the setting.
  package static func requireTower(_ configuration: RunConfiguration, of model: CLIPModel) throws {
    try requireLayers(configuration, of: model)
    try requireScales(configuration, of: model.vision)
  }

  /// Checks that the image tower can predict at all scales of `inference.scales`.
  ///
  /// - Throws: `SettingsError.outOfRange` that names the setting and the tower.
  package static func requireScales(_ configuration: RunConfiguration, of tower: ImageTower) throws {
    guard configuration.inference.scales != [1], tower.hasPositionEmbeddings,
      !configuration.model.method.traits.ignoresTower
    else { return }
    throw SettingsError.outOfRange(
      "inference.scales", value: "\(configuration.inference.scales)",
      wanted: "[1] with the image tower \(tower.name), whose position embeddings belong to one input size")
  }

  /// Checks that SWAD has validation images, by whose scores it finds its epochs.
  ///
  /// - Throws: `SettingsError.outOfRange`.
  static func requireScores(_ configuration: RunConfiguration, _ validation: [Sample]) throws {
    guard configuration.averaging == .swad, validation.isEmpty else { return }
    throw SettingsError.outOfRange(
      "averaging", value: "swad",
      wanted: "a decay, because validation has no image: raise validationShare, or state smaller groups")
  }

  /// Checks that every lesion class of the data has prompts.
  ///
  /// - Parameters:
  ///   - sites: the sites.
  ///   - prompts: the prompts.
  ///   - folder: the folder of the sites, for the message.
  /// - Throws: `RunError.classWithoutWords`.
  package static func requireClasses(_ sites: [Site], _ prompts: PromptSet, in folder: URL) throws {
    let stated = Set(sites.flatMap(\.samples).compactMap(\.lesionClass))
    if let stranger = stated.subtracting(prompts.classes).min() {
      throw RunError.classWithoutWords(folder, name: stranger, known: prompts.classes)
    }
  }

  /// Checks that some site may show a lesion, or each of several classes; it reads the masks once.
  ///
  /// - Parameters:
  ///   - sites: the sites.
  ///   - configuration: the settings, with the segmented classes.
  ///   - folder: the folder of the sites, for the message.
  /// - Throws: `RunError.noLesion`, `ClassError`, or `MaskConventionError` for masks whose values are
  ///   unclear.
  package static func requireLesions(
    _ sites: [Site], _ configuration: RunConfiguration, in folder: URL
  ) throws {
    let (limits, classes) = (configuration.reader.limits, configuration.classes)
    guard classes.isEmpty else {
      for site in sites { try site.requireClasses(classes) }
      let shown = Set(
        try sites.flatMap { try $0.labelCounts(limits: limits) ?? [] }.filter { $0.images > 0 }.map(\.name))
      if let name = classes.first(where: { !shown.contains($0) }) {
        throw ClassError.absent(name, folder: folder, sites: sites.map(\.name))
      }
      return
    }
    let found = try sites.compactMap { try $0.survey?.found(limits: limits) }
    guard found.contains(where: \.hasLesion) || found.isEmpty else {
      throw RunError.noLesion(folder, sites: sites.map(\.name))
    }
  }

  /// Checks that a run with training on interventions has a confounder with a mechanism.
  ///
  /// - Parameters:
  ///   - configuration: the settings.
  ///   - prompts: the prompts, of which the run uses the settings' number of confounders.
  ///   - source: the prompt file, for the message.
  ///   - arm: the arm of a study with these settings, for the message.
  /// - Throws: `RunError.noMechanisms`, or `PromptSizeError`.
  package static func requireMechanisms(
    _ configuration: RunConfiguration, _ prompts: PromptSet, in source: String, arm: String? = nil
  ) throws {
    let prompts = try prompts.limited(to: configuration.confounders)
    let names = prompts.confounders.map(\.name)
    if let stranger = configuration.interventions.without.first(where: { !names.contains($0) }) {
      throw SettingsError.outOfRange(
        "interventions.without", value: stranger,
        wanted: "names of confounders: \(names.joined(separator: ", "))")
    }
    guard configuration.interventionShare > 0,
      Interventions(prompts, of: configuration).available.isEmpty
    else { return }
    throw RunError.noMechanisms(source: source, limit: configuration.confounders, arm: arm)
  }

  /// Checks that a change of settings leaves those that the weights follow from.
  ///
  /// - Parameters:
  ///   - changed: the settings after the change.
  ///   - stored: the settings of the run.
  ///   - run: the run folder, for the message.
  /// - Throws: `RunError.otherSettings`.
  static func requireSameModel(
    _ changed: RunConfiguration, as stored: RunConfiguration, of run: URL
  ) throws {
    var same = changed
    (same.data, same.clip) = (stored.data, stored.clip)
    (same.device, same.maxPixels, same.inference) = (stored.device, stored.maxPixels, stored.inference)
    guard same == stored else {
      throw RunError.otherSettings(run, differences: try same.changes(from: stored))
    }
  }

  /// Checks that the images to train on are those that a run began with.
  ///
  /// - Parameters:
  ///   - sources: the sites that it trains on.
  ///   - stored: the hashes of the run.
  ///   - run: the run folder, for the message.
  ///   - classes: the classes that the run segments.
  /// - Throws: `RunError.otherData`, or an error that names an image that cannot be read.
  static func requireSameData(
    _ sources: [Site], as stored: Fingerprint, of run: URL, classes: [String] = []
  ) throws {
    for site in sources {
      // A study and an earlier version hashed the images that only score, too.
      let scopes = site.testSamples == site.samples ? [DataHashes.Scope.training] : [.training, .all]
      guard
        try scopes.contains(where: {
          try DataHashes([site], $0, classes: classes).sites[site.name] == stored.data[site.name]
        })
      else { throw RunError.otherData(run, site: site.name) }
    }
  }

  /// The sites that a run trains on, with the scenes that it trains on as their images.
  ///
  /// - Parameters:
  ///   - catalog: all sites.
  ///   - configuration: the settings with the held-out site and, optionally, the sources.
  /// - Returns: at least one site.
  /// - Throws: `RunError` or `DatasetError` that names the site.
  package static func sources(_ catalog: SiteCatalog, _ configuration: RunConfiguration) throws -> [Site] {
    guard let name = configuration.holdOut else { throw SettingsError.missing("holdOut") }
    let heldOut = try catalog.site(name)
    let names =
      configuration.sources.isEmpty
      ? catalog.sites.map(\.name).filter { $0 != heldOut.name } : configuration.sources
    guard !names.contains(heldOut.name) else { throw RunError.heldOutIsSource(heldOut.name) }
    guard !names.isEmpty else { throw RunError.noSources(catalog.folder, heldOut: heldOut.name) }
    return try names.map { try catalog.site($0).training(on: configuration.scenes) }
  }
}

extension Run {
  /// Checks that the run's image tower can predict at all scales of `inference.scales`.
  ///
  /// - Throws: `SettingsError.outOfRange`, or an error that names the missing or wrong file of the run.
  package func requireScales() throws {
    let description = try ClipDescription(folder)
    try RunChecks.requireScales(
      configuration,
      of: .unset(description.geometry.vision, projectionSize: description.geometry.projectionSize))
  }
}
