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

    /// Reads the calibration of a run; nil if it has none.
    ///
    /// - Throws: `CalibrationError` that names the file if it is damaged or of other weights.
    init?(_ run: RunFolder) throws {
      guard let stored = try Calibration.stored(in: run) else { return nil }
      sites = stored.sites.map {
        Site(site: $0.site, count: $0.images, before: $0.errorBefore, after: $0.errorAfter)
      }
      notes = stored.notes
      images = stored.images
      ranking = stored.uncertainty.rawValue
      estimate = stored.dice.method.rawValue
      estimateError = stored.dice.error
      warning = stored.warning?.auroc
    }
  }
}
