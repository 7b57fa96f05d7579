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
    try requireLayers(configuration, of: clip.vision)
  }

  /// Checks that an image tower has as many layers as are to be trained.
  ///
  /// - Throws: `RunError.tooManyLayers`.
  static func requireLayers(_ configuration: RunConfiguration, of tower: ImageTower) throws {
    let layers = tower.hiddenWidths.count
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

  /// Checks that the CLIP model has words if the settings read them.
  ///
  /// - Throws: `RunError.trunkWithoutWords`.
  static func requireWords(_ configuration: RunConfiguration, of clip: CLIPModel) throws {
    guard !clip.hasWords, let reader = configuration.readerOfWords else { return }
    throw RunError.trunkWithoutWords(try configuration.clipOfSite ?? "clip", reader: reader)
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
  ///   - configuration: the settings with, optionally, the held-out site and the sources.
  ///   - lists: the images of the run; its sites have these images alone.
  /// - Returns: at least one site.
  /// - Throws: `RunError`, `DatasetError` or `SettingsError` that names the site.
  package static func sources(
    _ catalog: SiteCatalog, _ configuration: RunConfiguration, _ lists: ImageLists? = nil
  ) throws -> [Site] {
    let heldOut = try configuration.holdOut.map { try catalog.site($0).name }
    let all = lists?.sites ?? catalog.sites.map(\.name).filter { $0 != heldOut }
    let names = configuration.sources.isEmpty ? all : configuration.sources
    if let heldOut {
      guard !names.contains(heldOut) else { throw RunError.heldOutIsSource(heldOut) }
      guard !names.isEmpty else { throw RunError.noSources(catalog.folder, heldOut: heldOut) }
    } else if configuration.interventions.prior == .heldOut {
      throw SettingsError.outOfRange(
        "interventions.prior", value: Prior.heldOut.rawValue,
        wanted: "uniform, estimated or described, because the run holds no site out")
    }
    let sites = try names.map { try catalog.site($0).training(on: configuration.scenes) }
    guard let lists else { return sites }
    guard configuration.scenes == .observed else {
      throw SettingsError.outOfRange(
        "scenes", value: configuration.scenes.rawValue, wanted: "observed with lists of images")
    }
    guard Set(names) == Set(all) else {
      throw SettingsError.outOfRange(
        "sources", value: names.joined(separator: ","),
        wanted: "the sites of the lists: \(all.joined(separator: ","))")
    }
    return sites.map(lists.restricted)
  }
}

extension Run {
  /// Returns the sites that the run trains on, with their images of training and validation.
  ///
  /// - Throws: `RunError` or `DatasetError` that names the site.
  package func sources(_ catalog: SiteCatalog) throws -> [Site] {
    try RunChecks.sources(catalog, configuration, lists)
  }

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
