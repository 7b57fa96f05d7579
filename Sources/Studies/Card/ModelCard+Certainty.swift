import Foundation
import Storage
import Training

extension ModelCard {
  /// How sure the model says that it is, measured at its source sites; from `calibration.json`.
  package struct Certainty: Encodable, Equatable, Sendable {
    /// The number of validation images; nil if not stored.
    @Nullable package private(set) var images: Int?
    /// The measure that ranks wrong pixels best; nil if not stored.
    @Nullable package private(set) var ranking: String?
    /// The scores of each source site when it is left out.
    package let sites: [Site]
    /// How the Dice of images without masks is estimated; nil if not stored.
    @Nullable package private(set) var estimate: String?
    /// The root mean squared error of that estimate at left-out source sites; nil if not stored.
    @Nullable package private(set) var estimateError: Double?
    /// The AUROC of source images against junk, of the warning; nil if there is no warning.
    @Nullable package private(set) var warning: Double?
    /// Sentences about the limits of the calibration.
    package let notes: [String]

    enum CodingKeys: String, CodingKey {
      case images, ranking, sites, estimate, notes
      case estimateError = "estimate_error"
      case warning = "warning_auroc"
    }

    /// The calibration error of a source site by what the other source sites say.
    package struct Site: Codable, Equatable, Sendable {
      /// The left-out site.
      package let site: String
      /// The number of its validation images.
      package let count: Int
      /// The expected calibration error before.
      package let before: Double
      /// The expected calibration error with the scaling of the other sites.
      package let after: Double

      enum CodingKeys: String, CodingKey {
        case site
        case count = "n"
        case before = "ece_before"
        case after = "ece_after"
      }
    }

    /// The parts of the file that a card shows.
    private struct Stored: Decodable {
      struct Estimate: Decodable {
        let method: String?
        let errors: [String: Double]?
      }
      struct Familiarity: Decodable {
        let features: String?
        let way: String?
        let auroc: [String: Double]?
      }
      let images: Int?
      let uncertainty: String?
      let dice: Estimate?
      let familiarity: Familiarity?
      let sites: [Site]
      let notes: [String]?
    }

    /// Reads the calibration of a run; nil if it has none.
    ///
    /// - Throws: `FileError` that names the file if it is damaged.
    init?(_ run: RunFolder) throws {
      let file = run.url.appendingPathComponent("calibration.json")
      guard FileSystem.kind(of: file) != nil else { return nil }
      let data = try Data(file: file, limit: Data.documentLimit)
      let stored: Stored
      do { stored = try JSONDecoder().decode(Stored.self, from: data) } catch {
        throw FileError.malformed(
          file, reason: "is no calibration: \(explanation(of: error)); calibrate the run again, or delete it")
      }
      (sites, notes) = (stored.sites, stored.notes ?? [])
      images = stored.images
      ranking = stored.uncertainty
      estimate = stored.dice?.method
      estimateError = stored.dice?.method.flatMap { stored.dice?.errors?[$0] }
      warning = stored.familiarity.flatMap { rule in
        rule.auroc?["\(rule.features ?? "") \(rule.way ?? "")"]
      }
    }
  }
}
