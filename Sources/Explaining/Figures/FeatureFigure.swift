import Statistics
import Training

/// The images of all sites in the representation of a model; `figures/features.json`.
///
/// It shows them before and after the intervention.
package struct FeatureFigure: Codable, Equatable, Sendable {
  /// One image.
  package struct Item: Codable, Equatable, Sendable {
    /// Its site.
    package let site: String
    /// Its name within the site.
    package let image: String
    /// Its lesion class; nil if none is stated.
    package let lesionClass: String?
    /// Whether its site was held out.
    package let heldOut: Bool

    /// Makes an item from its parts.
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

  /// A map of the images in the plane, and the measures of the representation behind it.
  package struct Map: Codable, Equatable, Sendable {
    /// Horizontal t-SNE coordinates, in the order of the images; the unit has no meaning.
    package let x: [Double]
    /// Vertical t-SNE coordinates, in the order of the images.
    package let y: [Double]
    /// The final Kullback–Leibler divergence of t-SNE, in nats.
    package let divergence: Double
    /// How many of an image's nearest neighbours in the representation are from its site.
    package let sitePurity: NeighbourPurity?
    /// How many of an image's nearest neighbours are of its class, over images with a stated class.
    package let classPurity: NeighbourPurity?

    /// Makes a map from its parts.
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

  /// The fingerprint of the inputs.
  package let fingerprint: String
  /// The method of the model.
  package let method: String
  /// The seed of the model.
  package let seed: UInt64
  /// The site that was not in training.
  package let heldOut: String
  /// The number of images of all sites; `items` are a part of them.
  package let total: Int
  /// The perplexity of t-SNE.
  package let perplexity: Double
  /// The images.
  package let items: [Item]
  /// F, the mean over its positions.
  package let before: Map
  /// F_ca, the mean over its positions; nil without an intervention.
  package let after: Map?

  /// Makes a figure from its parts.
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
