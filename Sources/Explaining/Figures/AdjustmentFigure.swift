import Metrics
import Storage

/// How far one pass over averaged features is from the adjustment itself; `figures/adjustment.json`.
///
/// The adjustment asks for E_z[H(A(F, z))], the mean of the predictions under each confounder; the method computes H(E_z[A(F, z)]). Each
/// site under the models that did not see it.
package struct AdjustmentFigure: Codable, Equatable, Sendable {
  /// One way of carrying out the sum, beside E_z[H(A(F, z))].
  package struct Form: Codable, Equatable, Sendable {
    /// `attention`, `prior` or `exact`, the last averaging features.
    package let name: String
    /// Whether the model was trained with it.
    package let trained: Bool
    /// The mean absolute difference of the probabilities, over pixels, then images.
    package let difference: Double
    /// Its standard deviation over images; nil for one image.
    @Nullable package private(set) var deviation: Double?
    /// The mean Dice between the two predicted masks.
    package let agreement: Double
    /// The mean Dice against the reference.
    package let dice: Double

    /// Joins the parts.
    package init(
      name: String, trained: Bool, difference: Double, deviation: Double?, agreement: Double, dice: Double
    ) {
      self.name = name
      self.trained = trained
      self.difference = difference
      _deviation = Nullable(wrappedValue: deviation)
      self.agreement = agreement
      self.dice = dice
    }

    enum CodingKeys: String, CodingKey {
      case name, trained, difference, agreement, dice
      case deviation = "difference_sd"
    }
  }

  /// One model at its held-out site.
  package struct Row: Codable, Equatable, Sendable {
    /// The method.
    package let method: String
    /// The model's seed.
    package let seed: UInt64
    /// The site.
    package let site: String
    /// Its images.
    package let count: Int
    /// P(z), M.
    package let prior: [Double]
    /// The mean Dice of E_z[H(A(F, z))] against the reference.
    package let dice: Double
    /// One for each way.
    package let forms: [Form]

    /// Joins the parts.
    package init(
      method: String, seed: UInt64, site: String, count: Int, prior: [Double], dice: Double, forms: [Form]
    ) {
      self.method = method
      self.seed = seed
      self.site = site
      self.count = count
      self.prior = prior
      self.dice = dice
      self.forms = forms
    }

    enum CodingKeys: String, CodingKey {
      case method, seed, site, prior, dice, forms
      case count = "n"
    }
  }

  /// What it was computed from.
  package let fingerprint: String
  /// The most images of a site, evenly spread.
  package let limit: Int
  /// The side that images and references were compared at, pixels.
  package let imageSize: Int
  /// One a model.
  package let rows: [Row]

  /// Joins the parts.
  package init(fingerprint: String, limit: Int, imageSize: Int, rows: [Row]) {
    self.fingerprint = fingerprint
    self.limit = limit
    self.imageSize = imageSize
    self.rows = rows
  }

  enum CodingKeys: String, CodingKey {
    case fingerprint, limit, rows
    case imageSize = "image_size"
  }
}
