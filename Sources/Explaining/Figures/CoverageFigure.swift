/// Shifts between sites that no entry of the dictionary explains; `figures/coverage.json`.
///
/// Every value is the AUC of a linear probe that separates a site from all others (0.5: no
/// separation). There is one row for each model with attention to a dictionary, over the images of
/// all sites.
package struct CoverageFigure: Codable, Equatable, Sendable {
  /// The separation of sites without one entry of the dictionary.
  package struct Entry: Codable, Equatable, Sendable {
    /// The entry.
    package let name: String
    /// The mean AUC over sites, from F_ca without the entry.
    package let area: Double
    /// This AUC minus the AUC with all entries: above 0, the entry helps to hide the site.
    package let change: Double
    /// The change by site.
    package let bySite: [String: Double]

    /// Makes an entry from its parts.
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

  /// An entry whose similarity to images differs between a site and the others.
  package struct Neighbour: Codable, Equatable, Sendable {
    /// The entry.
    package let name: String
    /// The mean of cos(image, z) at the site minus the mean at the others, in standard deviations.
    package let shift: Double

    /// Makes a value from both.
    package init(name: String, shift: Double) {
      self.name = name
      self.shift = shift
    }
  }

  /// An entry of the dictionary, and how well it tells a site apart without the other entries.
  package struct EntryArea: Codable, Equatable, Sendable {
    /// The entry.
    package let name: String
    /// The AUC of the site against the others, from the cosine with this entry alone.
    package let area: Double

    /// Makes a value from both.
    package init(name: String, area: Double) {
      self.name = name
      self.area = area
    }

    enum CodingKeys: String, CodingKey {
      case name
      case area = "auc"
    }
  }

  /// The AUC of one site against the others, from four sources.
  package struct Place: Codable, Equatable, Sendable {
    /// The site.
    package let site: String
    /// The AUC from F.
    package let before: Double
    /// The AUC from F_ca, with all entries.
    package let features: Double
    /// The AUC from the image-level embedding, all d numbers.
    package let embedding: Double
    /// The AUC from the dictionary's own coordinates, the M cosines of image and entries.
    package let coordinates: Double
    /// The entries by decreasing size of their shift.
    package let nearest: [Neighbour]
    /// The entries by decreasing AUC of each alone; nil if an earlier version made the figure.
    package let entriesAlone: [EntryArea]?

    /// Makes a value from its parts.
    package init(
      site: String, before: Double, features: Double, embedding: Double, coordinates: Double,
      nearest: [Neighbour], entriesAlone: [EntryArea]? = nil
    ) {
      self.site = site
      self.before = before
      self.features = features
      self.embedding = embedding
      self.coordinates = coordinates
      self.nearest = nearest
      self.entriesAlone = entriesAlone
    }

    enum CodingKeys: String, CodingKey {
      case site, before, features, embedding, coordinates, nearest
      case entriesAlone = "entries_alone"
    }
  }

  /// One model.
  package struct Row: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// The seed of the model.
    package let seed: UInt64
    /// The site that was not in training.
    package let heldOut: String
    /// The number of images of all sites.
    package let count: Int
    /// One value per site.
    package let sites: [Place]
    /// One value per entry, in the order of the dictionary.
    package let entries: [Entry]

    /// Makes a row from its parts.
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

  /// The fingerprint of the inputs.
  package let fingerprint: String
  /// The selection of images, in words.
  package let images: String
  /// One row per model.
  package let rows: [Row]

  /// Makes a figure from its parts.
  package init(fingerprint: String, images: String, rows: [Row]) {
    self.fingerprint = fingerprint
    self.images = images
    self.rows = rows
  }

  /// The methods, in their order.
  package var methods: [String] { rows.map(\.method).uniqued }
}
