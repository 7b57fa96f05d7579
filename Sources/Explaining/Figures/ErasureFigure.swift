import Storage

/// How much the head uses of each confounder: Dice with it erased from the features; `figures/erasure.json`.
///
/// The words measure the confounder: the cosine of the image embedding with its entry. LEACE takes
/// from the tower's outputs what a linear map reads of this measure (Belrose et al., NeurIPS 2023).
/// Each site is measured with the models that did not see it.
package struct ErasureFigure: Codable, Equatable, Sendable {
  /// One confounder.
  package struct Entry: Codable, Equatable, Sendable {
    /// Its name.
    package let name: String
    /// The mean Dice with it erased.
    package let dice: Double
    /// The share of the features' variance that the erasure took, mean over the tower's outputs.
    package let taken: Double

    /// Makes an entry from its parts.
    package init(name: String, dice: Double, taken: Double) {
      self.name = name
      self.dice = dice
      self.taken = taken
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
    /// The mean Dice with nothing erased.
    package let dice: Double
    /// Every confounder alone.
    package let entries: [Entry]
    /// All confounders together.
    package let all: Entry
    /// A random direction in the place of an entry: what any erasure of one direction costs.
    package let random: Entry

    /// Makes a row from its parts.
    package init(
      method: String, seed: UInt64, site: String, count: Int, dice: Double, entries: [Entry], all: Entry,
      random: Entry
    ) {
      self.method = method
      self.seed = seed
      self.site = site
      self.count = count
      self.dice = dice
      self.entries = entries
      self.all = all
      self.random = random
    }

    enum CodingKeys: String, CodingKey {
      case method, seed, site, dice, entries, all, random
      case count = "n"
    }
  }

  /// The fingerprint of the inputs.
  package let fingerprint: String
  /// The maximum number of images per site that the erasures are fitted to.
  package let limit: Int
  /// The maximum number of images of the held-out site that are scored, evenly spread.
  package let scored: Int
  /// The side at which images and references were compared, in pixels.
  package let imageSize: Int
  /// One row per model.
  package let rows: [Row]

  /// Makes a figure from its parts.
  package init(fingerprint: String, limit: Int, scored: Int, imageSize: Int, rows: [Row]) {
    self.fingerprint = fingerprint
    self.limit = limit
    self.scored = scored
    self.imageSize = imageSize
    self.rows = rows
  }

  enum CodingKeys: String, CodingKey {
    case fingerprint, limit, scored, rows
    case imageSize = "image_size"
  }

  /// The methods, in the order of the rows.
  package var methods: [String] { rows.map(\.method).uniqued }
}
