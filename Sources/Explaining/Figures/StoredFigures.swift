import Foundation
import Storage
import Torch

/// The figures in the folder of a study; those that were not computed are nil.
package struct StoredFigures: Sendable {
  /// The folder `figures` of the study, with the pictures of the gallery.
  package let folder: URL
  /// The representation before and after the intervention.
  package let features: FeatureFigure?
  /// The attention over the confounders by site.
  package let attention: AttentionFigure?
  /// How well the region score finds lesions, by site.
  package let localisation: LocalisationFigure?
  /// The gallery.
  package let gallery: GalleryFigure?
  /// Parameters and latency.
  package let cost: CostFigure?
  /// The scores of the probes on the features.
  package let probes: ProbeFigure?
  /// The error of the method's sum over confounders against the exact sum.
  package let adjustment: AdjustmentFigure?
  /// The shifts between sites that the dictionary explains.
  package let coverage: CoverageFigure?

  /// What the head uses of each confounder.
  package let erasure: ErasureFigure?

  /// Reads the figures in the folder of a study.
  ///
  /// - Parameter study: the folder of the study.
  /// - Throws: `FileError` that names an existing file that cannot be read.
  package init(study: URL) throws {
    folder = study.appendingPathComponent("figures")
    features = try Self.read(FigureFile.features, in: folder)
    attention = try Self.read(FigureFile.attention, in: folder)
    localisation = try Self.read(FigureFile.localisation, in: folder)
    gallery = try Self.read(FigureFile.gallery, in: folder)
    cost = try Self.read(FigureFile.cost, in: folder)
    probes = try Self.read(FigureFile.probes, in: folder)
    adjustment = try Self.read(FigureFile.adjustment, in: folder)
    coverage = try Self.read(FigureFile.coverage, in: folder)
    erasure = try Self.read(FigureFile.erasure, in: folder)
  }

  private static func read<Value: Decodable>(_ file: FigureFile, in folder: URL) throws -> Value? {
    let url = folder.appendingPathComponent(file.rawValue)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    do {
      return try JSONDecoder().decode(Value.self, from: Data(file: url))
    } catch let error as DecodingError {
      throw FileError.cannotRead(url, reason: "\(explanation(of: error)); remove it, it will be made again")
    }
  }
}

/// The files of the folder `figures`, besides the pictures.
package enum FigureFile: String, Sendable, CaseIterable {
  case features = "features.json"
  case attention = "attention.json"
  case localisation = "localisation.json"
  case gallery = "gallery.json"
  case cost = "cost.json"
  case probes = "probes.json"
  case adjustment = "adjustment.json"
  case coverage = "coverage.json"
  case erasure = "erasure.json"
}
