import Foundation

/// Differences between sites that no entry of a dictionary covers; `suggestions.json`.
package struct Suggestions: Codable, Equatable, Sendable {
  /// A text, and the correlations of its cosine with the score of a direction over images.
  package struct Word: Codable, Equatable, Sendable {
    /// The phrase, or the name of the entry.
    package let text: String
    /// Pearson's correlation; above 0, the text belongs to the high side of the direction.
    package let correlation: Double
    /// The same after the mean of each site is taken away from both.
    ///
    /// Scores and cosines both differ between sites, and a few sites agree by chance. Images of one
    /// site do so less easily.
    package let within: Double

    /// The smaller size of both correlations, with their sign; 0 if their signs differ.
    package var least: Double {
      guard correlation * within > 0 else { return 0 }
      return correlation > 0 ? min(correlation, within) : max(correlation, within)
    }

    enum CodingKeys: String, CodingKey {
      case text, correlation
      case within = "within_sites"
    }
  }

  /// One site on a direction.
  package struct Place: Codable, Equatable, Sendable {
    /// The site.
    package let site: String
    /// The mean score, in deviations within sites.
    package let score: Double
    /// The cross-validated AUC of the site against the others; nil for one patient or sequence.
    package let area: Double?

    enum CodingKeys: String, CodingKey {
      case site, score
      case area = "auc"
    }
  }

  /// One image at an end of a direction.
  package struct Picture: Codable, Equatable, Sendable {
    /// The site.
    package let site: String
    /// The path of the image file.
    package let image: String
    /// The score, in deviations within sites.
    package let score: Double
  }

  /// One direction.
  package struct Direction: Codable, Equatable, Sendable {
    /// The share of the variance between sites that the entries leave.
    package let share: Double
    /// Whether at least one site has the AUC that tells it apart, `CoverageFigure.toldApart`.
    package let tellsApart: Bool
    /// The sites, the lowest score first.
    package let sites: [Place]
    /// The nearest phrases, by decreasing size of the smaller correlation.
    package let phrases: [Word]
    /// The nearest entries, by decreasing size of the correlation with the score before their part is
    /// taken away.
    package let entries: [Word]
    /// The images of the lowest scores, the lowest first.
    package let lowest: [Picture]
    /// The images of the highest scores, the highest first.
    package let highest: [Picture]

    enum CodingKeys: String, CodingKey {
      case share, sites, phrases, entries, lowest, highest
      case tellsApart = "tells_apart"
    }

    /// Returns the phrases of one side whose correlations are above that of chance, also within sites.
    package func words(high: Bool, above chance: Double) -> [Word] {
      phrases.filter { high ? $0.least > chance : $0.least < -chance }
    }
  }

  /// The number of images by site.
  package let images: [String: Int]
  /// The site that took no part; nil if all did.
  package let heldOut: String?
  /// The number of tower layers before the statistics.
  package let depth: Int
  /// The number of channels of that layer.
  package let channels: Int
  /// The number of entries M.
  package let entries: Int
  /// The number of candidate phrases.
  package let phrases: Int
  /// The share of the variance between sites that the entries explain, from 0 to 1.
  ///
  /// It is nil if the sites do not differ by more than chance, or fewer than two have two patients
  /// each; see `UncoveredDirections.covered`.
  package let covered: Double?
  /// The shrinkage of the covariance within sites.
  package let shrinkage: Double
  /// The largest correlation within sites of a phrase that chance alone gives, about.
  ///
  /// It takes the images of a site as independent, so it is too low for many images of one patient.
  package let chance: Double
  /// The directions, the one with most variance between sites first.
  package let directions: [Direction]

  enum CodingKeys: String, CodingKey {
    case images, depth, channels, entries, phrases, covered, shrinkage, directions
    case heldOut = "held_out"
    case chance = "chance_correlation"
  }
}
