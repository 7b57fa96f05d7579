/// Shifts between sites that no entry of the dictionary explains; `figures/coverage.json`.
///
/// Every number is an AUC of a linear probe that tells a site from all others (0.5: not at all). One row for each model that attends
/// to a dictionary, at the images of all sites.
package struct CoverageFigure: Codable, Equatable, Sendable {
  /// How well sites are told apart when an entry is taken out of the dictionary.
  package struct Entry: Codable, Equatable, Sendable {
    /// The entry.
    package let name: String
    /// The mean AUC over sites, of F_ca without the entry.
    package let area: Double
    /// That less the AUC with all entries: above 0, the entry helps to hide the site.
    package let change: Double
    /// The change by site.
    package let bySite: [String: Double]

    /// Joins the parts.
    package init(name: String, area: Double, change: Double, bySite: [String: Double]) {
      self.name = name
      self.area = area
      self.change = change
      self.bySite = bySite
    }

    enum CodingKeys: String, CodingKey {
      case name, change
      case area = "auc"
      case bySite = "by_site"
    }
  }

  /// An entry whose likeness to images differs between a site and the others.
  package struct Neighbour: Codable, Equatable, Sendable {
    /// The entry.
    package let name: String
    /// The mean of cos(image, z) at the site less that at the others, in standard deviations.
    package let shift: Double

    /// Joins both.
    package init(name: String, shift: Double) {
      self.name = name
      self.shift = shift
    }
  }

  /// What tells one site from the others.
  package struct Place: Codable, Equatable, Sendable {
    /// The site.
    package let site: String
    /// From F.
    package let before: Double
    /// From F_ca, with all entries.
    package let features: Double
    /// From the image-level embedding, all d numbers.
    package let embedding: Double
    /// From the dictionary's own coordinates, the M cosines of image and entries.
    package let coordinates: Double
    /// The entries by falling size of their shift.
    package let nearest: [Neighbour]

    /// Joins the parts.
    package init(
      site: String, before: Double, features: Double, embedding: Double, coordinates: Double,
      nearest: [Neighbour]
    ) {
      self.site = site
      self.before = before
      self.features = features
      self.embedding = embedding
      self.coordinates = coordinates
      self.nearest = nearest
    }
  }

  /// One model.
  package struct Row: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// The model's seed.
    package let seed: UInt64
    /// The site that it was not trained on.
    package let heldOut: String
    /// Images of all sites.
    package let count: Int
    /// By site.
    package let sites: [Place]
    /// By entry, in the dictionary's order.
    package let entries: [Entry]

    /// Joins the parts.
    package init(
      method: String, seed: UInt64, heldOut: String, count: Int, sites: [Place], entries: [Entry]
    ) {
      self.method = method
      self.seed = seed
      self.heldOut = heldOut
      self.count = count
      self.sites = sites
      self.entries = entries
    }

    enum CodingKeys: String, CodingKey {
      case method, seed, sites, entries
      case heldOut = "held_out"
      case count = "n"
    }
  }

  /// What it was computed from.
  package let fingerprint: String
  /// Which images were taken, in words.
  package let images: String
  /// One a model.
  package let rows: [Row]

  /// Joins the parts.
  package init(fingerprint: String, images: String, rows: [Row]) {
    self.fingerprint = fingerprint
    self.images = images
    self.rows = rows
  }

  /// The methods, in their order.
  package var methods: [String] { rows.map(\.method).uniqued }
}
