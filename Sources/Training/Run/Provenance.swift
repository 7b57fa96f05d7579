import Datasets
import Foundation
import Storage

/// What a run was made from, in numbers and words; `provenance.json`.
///
/// Nothing of it changes the training. It is for people who get the run without its data and its
/// CLIP folder, and for its model card. A run of an earlier version has none.
package struct Provenance: Codable, Equatable, Sendable {
  /// The images of one training site.
  package struct Site: Codable, Equatable, Sendable {
    /// The name.
    package let name: String
    /// The number of images, with those of validation.
    package let images: Int
    /// The number of patients or sequences; that of the images where none are stated.
    package let groups: Int
    /// Whether the data state patients or sequences.
    package let statesGroups: Bool
    /// The number of images without a lesion; nil if a mask could not be read.
    @Nullable package private(set) var withoutLesion: Int?
    /// The values of the masks that are lesion, in words; nil without masks.
    @Nullable package private(set) var masks: String?
    /// The number of images by lesion class.
    package let classes: [String: Int]
    /// What the data folder states of their origin.
    package let origin: DataOrigin

    enum CodingKeys: String, CodingKey {
      case name, images, groups, masks, classes, origin
      case statesGroups = "stated_groups"
      case withoutLesion = "without_lesion"
    }

    /// Makes the value from its parts.
    package init(
      name: String, images: Int, groups: Int, statesGroups: Bool = false, withoutLesion: Int? = nil,
      masks: String? = nil, classes: [String: Int] = [:], origin: DataOrigin = DataOrigin()
    ) {
      (self.name, self.images, self.groups, self.statesGroups) = (name, images, groups, statesGroups)
      (self.classes, self.origin) = (classes, origin)
      self.withoutLesion = withoutLesion
      self.masks = masks
    }
  }

  /// The sites to train on, in the order of the settings.
  package let sites: [Site]
  /// The result of the search for the same patient or image at the held-out site; nil without one.
  @Nullable package var leakage: String?
  /// Where the number of epochs is from, in words; nil if the settings state it.
  package var epochsFrom: String?
  /// What the CLIP folder states about its weights.
  package let weights: WeightsOrigin

  enum CodingKeys: String, CodingKey {
    case sites, leakage, weights
    case epochsFrom = "epochs_from"
  }

  /// Makes the value from its parts.
  package init(sites: [Site], leakage: String? = nil, epochsFrom: String? = nil, weights: WeightsOrigin) {
    (self.sites, self.weights) = (sites, weights)
    self.leakage = leakage
    self.epochsFrom = epochsFrom
  }

  /// Describes the data and the CLIP model of a new run.
  ///
  /// It looks at the values of the masks, which the checks of a new run have read already.
  ///
  /// - Parameters:
  ///   - sites: the sites to train on, with the scenes that the run trains on.
  ///   - configuration: the settings.
  ///   - clip: the loader of the CLIP model, which knows its folder.
  /// - Throws: `MaskConventionError` for masks whose values are unclear.
  package init(_ sites: [Datasets.Site], _ configuration: RunConfiguration, clip: ClipLoader) throws {
    let limits = configuration.reader.limits
    // The values of label maps stand in `sites.json5`.
    let isOneMask = !configuration.segmentsClasses
    self.init(
      sites: try sites.map { site in
        Site(
          name: site.name, images: site.samples.count, groups: Set(site.samples.map(\.group)).count,
          statesGroups: site.statesGroups,
          withoutLesion: try isOneMask ? site.countWithoutLesion(limits: limits) : nil,
          masks: try isOneMask ? site.survey?.found(limits: limits).statement : nil,
          classes: Dictionary(grouping: site.samples.compactMap(\.lesionClass)) { $0 }.mapValues(\.count),
          origin: site.origin)
      },
      weights: WeightsOrigin(
        (try? configuration.clipOfSite) ?? configuration.clip ?? "", folder: clip.folder(configuration)))
  }

  /// Reads the file of a run; nil for a run of an earlier version.
  ///
  /// - Throws: `FileError` that names the file if it is damaged.
  package static func stored(in run: RunFolder) throws -> Provenance? {
    guard FileManager.default.fileExists(atPath: run.provenanceFile.path) else { return nil }
    let data = try Data(file: run.provenanceFile, limit: Data.documentLimit)
    do { return try JSONDecoder().decode(Provenance.self, from: data) } catch {
      throw FileError.malformed(
        run.provenanceFile,
        reason: "is not what training writes: \(explanation(of: error)); bring the file back, or delete it")
    }
  }
}

extension Run {
  /// Adds what the command found out to `provenance.json`.
  ///
  /// - Parameters:
  ///   - leakage: the result in a few words; nil if no site is scored.
  ///   - epochsFrom: where the number of epochs is from, in words; nil if the settings state it.
  /// - Throws: `FileError` that names the file.
  package func record(leakage: String?, epochsFrom: String? = nil) throws {
    guard leakage != nil || epochsFrom != nil, var provenance = try Provenance.stored(in: folder) else {
      return
    }
    provenance.leakage = leakage ?? provenance.leakage
    provenance.epochsFrom = epochsFrom ?? provenance.epochsFrom
    try folder.write(provenance, to: folder.provenanceFile)
  }
}
