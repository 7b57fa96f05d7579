import CLIP
import Confounders
import Foundation
import Storage
import Torch
import Training

/// The files of a run that a model card is made from, read once.
struct CardFacts {
  let folder: RunFolder
  let configuration: RunConfiguration
  let prompts: PromptSet
  /// The architecture of the image tower.
  let tower: String
  let provenance: Provenance?
  let fingerprint: Fingerprint?
  /// The metrics of the finished epochs; empty before the first.
  let history: [EpochMetrics]
  let validation: ValidationReport?
  /// Mean validation Dice by arithmetic; empty if not measured.
  let precisions: [String: Double]
  let weights: ModelCard.Model.Weights?
  /// Whether inference intervenes; nil if the method has no intervention.
  let intervenes: Bool?
  let evaluations: [ModelCard.Evaluation]
  let certainty: ModelCard.Certainty?
  /// The runs that were joined into this one; nil for a run of its own.
  let members: CardMembers?
  /// Whether training stopped before its last epoch because the score did not rise.
  let stoppedEarly: Bool
  /// The number of runs whose weights this one continues from, in turn.
  let ancestors: Int

  /// Reads a run.
  ///
  /// - Throws: an error that names the damaged file.
  init(_ run: Run) throws {
    folder = run.folder
    configuration = run.configuration
    prompts = run.prompts
    let clip = try ClipDescription(folder)
    tower = try ImageTower.unset(clip.geometry.vision, projectionSize: clip.geometry.projectionSize).name
    members = try CardMembers(folder)
    provenance = try Provenance.stored(in: folder) ?? members?.provenance
    fingerprint = try folder.fingerprint()
    let hasMetrics = FileSystem.kind(of: folder.metricsFile) != nil
    history = hasMetrics ? try folder.history() : []
    let lines =
      hasMetrics
      ? try JSONLines.read(folder.metricsFile, as: JSONValue.self, expected: "the metrics of an epoch") : []
    stoppedEarly = lines.last?.members?["stopped"] == .bool(true)
    // The file was read above.
    let start = (try? JSONValue(json5File: folder.fingerprintFile))?.members
    if case .array(let runs)? = start?["ancestors"] { ancestors = runs.count } else { ancestors = 0 }
    certainty = try ModelCard.Certainty(folder)
    validation = try ValidationReport.stored(in: folder)
    precisions = try PrecisionCheck.stored(in: folder)?.dice ?? [:]
    let hasWeights = FileSystem.kind(of: folder.weightsFile) != nil
    weights = hasWeights ? try ModelCard.Model.Weights(folder.weightsFile) : nil
    intervenes =
      hasWeights && configuration.model.method.traits.intervenes ? try run.intervenes() : nil
    let settings = configuration
    evaluations = try folder.evaluationFiles().map { try ModelCard.Evaluation($0, settings) }
      .sorted { $0.site < $1.site }
  }

  var model: ModelCard.Model { get throws { try ModelCard.Model(self) } }
  var training: ModelCard.Training { get throws { try ModelCard.Training(self) } }

  /// The heading of a card without another: the method and the sites.
  var title: String {
    "Segmentation of lesions: \(configuration.model.method.name), trained on "
      + (configuration.sources.isEmpty ? "all sites" : list(configuration.sources))
  }

  /// The training sites, as far as the run knows them.
  var sites: [ModelCard.Site] {
    let known = provenance?.sites ?? []
    return configuration.sources.map { name in
      let hash = fingerprint?.data[name]
      guard let site = known.first(where: { $0.name == name }) else {
        return ModelCard.Site(name: name, images: fingerprint?.images?[name]?.count, hash: hash)
      }
      return ModelCard.Site(
        name: name, images: site.images, groups: site.statesGroups ? site.groups : nil,
        withoutLesion: site.withoutLesion, masks: site.masks, classes: site.classes,
        licence: site.origin.licence, source: site.origin.source, citation: site.origin.citation, hash: hash)
    }
  }

  /// What the CLIP folder states about the licences of its weights.
  var weightLicences: [ModelCard.Licence] {
    (provenance?.weights.licences ?? []).map {
      ModelCard.Licence(name: "\($0.part), \($0.file)", licence: $0.licence)
    }
  }

  /// Every setting, without the folders of data and CLIP model, which are places on a machine.
  var settings: [String: JSONValue] {
    get throws {
      var leaves = try JSONValue(encoding: configuration.resolved).leaves
      leaves["data"] = nil
      leaves["clip"] = configuration.clip.map { .string(WeightsOrigin.shortName($0)) }
      return leaves
    }
  }
}

/// Returns names in a row, with "and" before the last.
func list(_ names: [String]) -> String {
  guard let last = names.last, names.count > 1 else { return names.first ?? "" }
  return names.dropLast().joined(separator: ", ") + " and " + last
}

extension ModelCard.Model.Weights {
  /// Counts and hashes the weights of a run.
  ///
  /// - Throws: `SafetensorsError` or `FileError` that names the file.
  init(_ url: URL) throws {
    let entries = try SafetensorsFile(url).entries
    func count(_ belongs: (String) -> Bool) -> Int {
      // The sizes of a file that opens fit an integer.
      entries.filter { belongs($0.key) }.reduce(0) { $0 + $1.value.shape.reduce(1, *) }
    }
    tower = count { $0.hasPrefix("tower.") }
    // The embedded prompts are no weights.
    head = count { !$0.hasPrefix("tower.") && !$0.hasPrefix("text.") }
    let file = try OpenFile(url)
    let mapping = try FileMapping(file, 0..<file.size)
    var hash = StableHash()
    withExtendedLifetime(mapping) { hash.combine(mapping.bytes) }
    (bytes, self.hash) = (file.size, hash.text)
  }
}
