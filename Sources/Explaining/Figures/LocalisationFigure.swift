import Metrics

/// How well the region score finds lesions, by held-out site; `figures/localisation.json`.
///
/// Each site under the model that did not see it. The score needs no more than features and prompts, so a
/// method that selects no regions has one, too: what it would select by.
package struct LocalisationFigure: Codable, Equatable, Sendable {
  /// One site.
  package struct Row: Codable, Equatable, Sendable {
    /// The site.
    package let site: String
    /// How much of the positions the model's settings select, after validation may have chosen them.
    package let fraction: Double
    /// What was found.
    package let found: RegionLocalisation

    /// Joins the parts.
    package init(site: String, fraction: Double, found: RegionLocalisation) {
      self.site = site
      self.fraction = fraction
      self.found = found
    }
  }

  /// What it was computed from.
  package let fingerprint: String
  /// The method of the models.
  package let method: String
  /// The models' seed.
  package let seed: UInt64
  /// What the score is made of, by the setting's name.
  package let score: String
  /// Whether the method selects regions by it.
  package let selects: Bool
  /// The sites.
  package let rows: [Row]

  /// Joins the parts.
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
