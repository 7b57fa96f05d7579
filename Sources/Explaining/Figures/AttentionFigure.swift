/// The weight of each confounder in the intervention, by held-out site; `figures/attention.json`.
///
/// Each site is measured with the model that did not see it. The weight of a confounder at a
/// position is the softmax attention, mean over heads and layers. The weight in an image is the
/// mean over its positions; the weight at a site is the mean over its images.
package struct AttentionFigure: Codable, Equatable, Sendable {
  /// One site.
  package struct Row: Codable, Equatable, Sendable {
    /// The site.
    package let site: String
    /// The number of its images.
    package let count: Int
    /// The mean weight of each confounder, M, sums to 1.
    package let mean: [Double]
    /// The standard deviation of each weight over the images, M.
    ///
    /// Near 0, the attention does not depend on the image.
    package let deviation: [Double]

    /// Makes a row from its parts.
    package init(site: String, count: Int, mean: [Double], deviation: [Double]) {
      self.site = site
      self.count = count
      self.mean = mean
      self.deviation = deviation
    }

    enum CodingKeys: String, CodingKey {
      case site, mean
      case count = "n"
      case deviation = "sd"
    }
  }

  /// The fingerprint of the inputs.
  package let fingerprint: String
  /// The method of the models.
  package let method: String
  /// The seed of the models.
  package let seed: UInt64
  /// The confounders, M.
  package let confounders: [String]
  /// The sites.
  package let rows: [Row]

  /// Makes a figure from its parts.
  package init(fingerprint: String, method: String, seed: UInt64, confounders: [String], rows: [Row]) {
    self.fingerprint = fingerprint
    self.method = method
    self.seed = seed
    self.confounders = confounders
    self.rows = rows
  }

  enum CodingKeys: String, CodingKey {
    case fingerprint, method, seed, confounders
    case rows = "sites"
  }
}
