/// Shifts between sites that no entry of the dictionary explains; `figures/coverage.json`.
///
/// Every number is an AUC of a linear probe that tells a site from all others (0.5: not at all). One row for each model that attends
/// to a dictionary, at the images of all sites.
public struct CoverageFigure: Codable, Equatable, Sendable {
  /// How well sites are told apart when an entry is taken out of the dictionary.
  public struct Entry: Codable, Equatable, Sendable {
    /// The entry.
    public let name: String
    /// The mean AUC over sites, of F_ca without the entry.
    public let area: Double
    /// That less the AUC with all entries: above 0, the entry helps to hide the site.
    public let change: Double
    /// The change by site.
    public let bySite: [String: Double]

    /// Joins the parts.
    public init(name: String, area: Double, change: Double, bySite: [String: Double]) {
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
  public struct Neighbour: Codable, Equatable, Sendable {
    /// The entry.
    public let name: String
    /// The mean of cos(image, z) at the site less that at the others, in standard deviations.
    public let shift: Double

    /// Joins both.
    public init(name: String, shift: Double) {
      self.name = name
      self.shift = shift
    }
  }

  /// What tells one site from the others.
  public struct Place: Codable, Equatable, Sendable {
    /// The site.
    public let site: String
    /// From F.
    public let before: Double
    /// From F_ca, with all entries.
    public let features: Double
    /// From the image-level embedding, all d numbers.
    public let embedding: Double
    /// From the dictionary's own coordinates, the M cosines of image and entries.
    public let coordinates: Double
    /// The entries by falling size of their shift.
    public let nearest: [Neighbour]

    /// Joins the parts.
    public init(
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
  public struct Row: Codable, Equatable, Sendable {
    /// The method.
    public let method: String
    /// The model's seed.
    public let seed: UInt64
    /// The site that it was not trained on.
    public let heldOut: String
    /// Images of all sites.
    public let count: Int
    /// By site.
    public let sites: [Place]
    /// By entry, in the dictionary's order.
    public let entries: [Entry]

    /// Joins the parts.
    public init(
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
  public let fingerprint: String
  /// Which images were taken, in words.
  public let images: String
  /// One a model.
  public let rows: [Row]

  /// Joins the parts.
  public init(fingerprint: String, images: String, rows: [Row]) {
    self.fingerprint = fingerprint
    self.images = images
    self.rows = rows
  }

  /// The methods, in their order.
  public var methods: [String] { rows.map(\.method).uniqued }
}
