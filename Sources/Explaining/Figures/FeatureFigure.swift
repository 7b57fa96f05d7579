import Statistics
import Training

/// Where the images of all sites lie in a model's representation, before and after the intervention; `figures/features.json`.
package struct FeatureFigure: Codable, Equatable, Sendable {
  /// One image.
  package struct Item: Codable, Equatable, Sendable {
    /// Its site.
    package let site: String
    /// Its name within the site.
    package let image: String
    /// Its lesion class; nil where none is stated.
    package let lesionClass: String?
    /// Whether its site was held out.
    package let heldOut: Bool

    /// Joins the parts.
    package init(site: String, image: String, lesionClass: String?, heldOut: Bool) {
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
  package struct Map: Codable, Equatable, Sendable {
    /// Places by t-SNE, in the order of the images; the unit means nothing.
    package let x: [Double]
    /// Places by t-SNE, in the order of the images.
    package let y: [Double]
    /// The Kullback–Leibler divergence that t-SNE was left with, in nats.
    package let divergence: Double
    /// How many of an image's nearest neighbours in the representation are from its site.
    package let sitePurity: NeighbourPurity?
    /// How many of an image's nearest neighbours are of its class, over the images that state one.
    package let classPurity: NeighbourPurity?

    /// Joins the parts.
    package init(
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
  package let fingerprint: String
  /// The method of the model.
  package let method: String
  /// The model's seed.
  package let seed: UInt64
  /// The site that the model was not trained on.
  package let heldOut: String
  /// Images of all sites, of which `items` are a part.
  package let total: Int
  /// The perplexity of t-SNE.
  package let perplexity: Double
  /// The images.
  package let items: [Item]
  /// F, the mean over its positions.
  package let before: Map
  /// F_ca, the mean over its positions; nil without an intervention.
  package let after: Map?

  /// Joins the parts.
  package init(
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
