import Metrics
import Storage

/// The error of one pass over averaged features against the adjustment; `figures/adjustment.json`.
///
/// The adjustment is E_z[H(A(F, z))], the mean of the predictions under each confounder. The method
/// computes H(E_z[A(F, z)]). Each site is measured with the models that did not see it.
package struct AdjustmentFigure: Codable, Equatable, Sendable {
  /// One computation of the sum, compared with E_z[H(A(F, z))].
  package struct Form: Codable, Equatable, Sendable {
    /// `attention`, `prior` or `exact`; the last one averages features.
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

    /// Makes a value from its parts.
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
    /// The seed of the model.
    package let seed: UInt64
    /// The site.
    package let site: String
    /// The number of its images.
    package let count: Int
    /// P(z), M.
    package let prior: [Double]
    /// The mean Dice of E_z[H(A(F, z))] against the reference.
    package let dice: Double
    /// One for each computation.
    package let forms: [Form]

    /// Makes a row from its parts.
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

  /// The fingerprint of the inputs.
  package let fingerprint: String
  /// The maximum number of images per site, evenly spread.
  package let limit: Int
  /// The side at which images and references were compared, in pixels.
  package let imageSize: Int
  /// One row per model.
  package let rows: [Row]

  /// Makes a figure from its parts.
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
