/// Where the images of all sites lie in a model's representation, before and after the intervention; `figures/features.json`.
public struct FeatureFigure: Codable, Equatable, Sendable {
  /// One image.
  public struct Item: Codable, Equatable, Sendable {
    /// Its site.
    public let site: String
    /// Its name within the site.
    public let image: String
    /// Its lesion class; nil where none is stated.
    public let lesionClass: String?
    /// Whether its site was held out.
    public let heldOut: Bool

    /// Joins the parts.
    public init(site: String, image: String, lesionClass: String?, heldOut: Bool) {
      self.site = site
      self.image = image
      self.lesionClass = lesionClass
      self.heldOut = heldOut
    }

    enum CodingKeys: String, CodingKey {
      case site, image
      case lesionClass = "class"
      case heldOut = "held_out"
    }
  }

  /// A map of the images in the plane, and what was measured where it was made from.
  public struct Map: Codable, Equatable, Sendable {
    /// Places by t-SNE, in the order of the images; the unit means nothing.
    public let x: [Double]
    /// Places by t-SNE, in the order of the images.
    public let y: [Double]
    /// The Kullback–Leibler divergence that t-SNE was left with, in nats.
    public let divergence: Double
    /// How many of an image's nearest neighbours in the representation are from its site.
    public let sitePurity: NeighbourPurity?
    /// How many of an image's nearest neighbours are of its class, over the images that state one.
    public let classPurity: NeighbourPurity?

    /// Joins the parts.
    public init(
      x: [Double], y: [Double], divergence: Double, sitePurity: NeighbourPurity?,
      classPurity: NeighbourPurity?
    ) {
      self.x = x
      self.y = y
      self.divergence = divergence
      self.sitePurity = sitePurity
      self.classPurity = classPurity
    }

    enum CodingKeys: String, CodingKey {
      case x, y
      case divergence = "kl_divergence"
      case sitePurity = "site_purity"
      case classPurity = "class_purity"
    }
  }

  /// What it was computed from.
  public let fingerprint: String
  /// The method of the model.
  public let method: String
  /// The model's seed.
  public let seed: UInt64
  /// The site that the model was not trained on.
  public let heldOut: String
  /// Images of all sites, of which `items` are a part.
  public let total: Int
  /// The perplexity of t-SNE.
  public let perplexity: Double
  /// The images.
  public let items: [Item]
  /// F, the mean over its positions.
  public let before: Map
  /// F_ca, the mean over its positions; nil without an intervention.
  public let after: Map?

  /// Joins the parts.
  public init(
    fingerprint: String, method: String, seed: UInt64, heldOut: String, total: Int, perplexity: Double,
    items: [Item], before: Map, after: Map?
  ) {
    self.fingerprint = fingerprint
    self.method = method
    self.seed = seed
    self.heldOut = heldOut
    self.total = total
    self.perplexity = perplexity
    self.items = items
    self.before = before
    self.after = after
  }

  enum CodingKeys: String, CodingKey {
    case fingerprint, method, seed, total, perplexity, before, after
    case heldOut = "held_out"
    case items = "images"
  }
}
