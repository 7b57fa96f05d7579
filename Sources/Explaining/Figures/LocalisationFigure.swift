import Metrics

/// How well the region score finds lesions, by held-out site; `figures/localisation.json`.
///
/// Each site is measured with the model that did not see it. The score needs only features and
/// prompts. So a method without region selection also has one.
package struct LocalisationFigure: Codable, Equatable, Sendable {
  /// One site.
  package struct Row: Codable, Equatable, Sendable {
    /// The site.
    package let site: String
    /// The share of positions that the model's settings select; validation may have chosen it.
    package let fraction: Double
    /// The localisation.
    package let found: RegionLocalisation

    /// Makes a row from its parts.
    package init(site: String, fraction: Double, found: RegionLocalisation) {
      self.site = site
      self.fraction = fraction
      self.found = found
    }
  }

  /// The fingerprint of the inputs.
  package let fingerprint: String
  /// The method of the models.
  package let method: String
  /// The seed of the models.
  package let seed: UInt64
  /// The formula of the score, by the name of the setting.
  package let score: String
  /// Whether the method selects regions by the score.
  package let selects: Bool
  /// The sites.
  package let rows: [Row]

  /// Makes a figure from its parts.
  package init(
    fingerprint: String, method: String, seed: UInt64, score: String, selects: Bool, rows: [Row]
  ) {
    self.fingerprint = fingerprint
    self.method = method
    self.seed = seed
    self.score = score
    self.selects = selects
    self.rows = rows
  }

  enum CodingKeys: String, CodingKey {
    case fingerprint, method, seed, score, selects
    case rows = "sites"
  }
}
