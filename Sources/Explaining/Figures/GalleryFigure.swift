import Metrics
import Statistics
import Studies
import Training

/// Pictures that were chosen by their scores at held-out sites; `figures/gallery.json` and JPEG files beside it.
package struct GalleryFigure: Codable, Equatable, Sendable {
  /// One picture of a row.
  package struct Picture: Codable, Equatable, Sendable {
    /// What it shows, such as `image` or `mcdrl, Dice 0.81`.
    package let label: String
    /// Its file in the folder `figures`.
    package let file: String
    /// Pixels across.
    package let width: Int
    /// Pixels down.
    package let height: Int

    /// Joins the parts.
    package init(label: String, file: String, width: Int, height: Int) {
      self.label = label
      self.file = file
      self.width = width
      self.height = height
    }
  }

  /// Why an image was chosen.
  package enum Choice: String, Codable, Sendable, CaseIterable {
    /// The highest Dice of a method.
    case best
    /// The middle one.
    case median
    /// The lowest Dice of a method.
    case worst
    /// The candidate is further ahead of another method than anywhere else.
    case ahead
    /// The candidate is further behind another method than anywhere else.
    case behind
  }

  /// One image with what the models make of it.
  package struct Row: Codable, Equatable, Sendable {
    /// Why it was chosen.
    package let choice: Choice
    /// The method, or the two that disagree, the candidate first.
    package let methods: [String]
    /// The image's site, held out from the models.
    package let site: String
    /// The image's name.
    package let image: String
    /// Its lesion class, where one is stated.
    package let lesionClass: String?
    /// Dice by method, in the order of `methods`.
    package let dice: [Double]
    /// Images, this one included, that the same score would have chosen.
    package let ties: Int
    /// Image, reference, and of each method prediction and error map.
    package let pictures: [Picture]

    /// Joins the parts.
    package init(
      choice: Choice, methods: [String], site: String, image: String, lesionClass: String?, dice: [Double],
      ties: Int, pictures: [Picture]
    ) {
      self.choice = choice
      self.methods = methods
      self.site = site
      self.image = image
      self.lesionClass = lesionClass
      self.dice = dice
      self.ties = ties
      self.pictures = pictures
    }

    enum CodingKeys: String, CodingKey {
      case choice, methods, site, image, dice, ties, pictures
      case lesionClass = "class"
    }
  }

  /// What it was computed from.
  package let fingerprint: String
  /// The models' seed.
  package let seed: UInt64
  /// How images were chosen, in words.
  package let rule: String
  /// The images.
  package let rows: [Row]

  /// Joins the parts.
  package init(fingerprint: String, seed: UInt64, rule: String, rows: [Row]) {
    self.fingerprint = fingerprint
    self.seed = seed
    self.rule = rule
    self.rows = rows
  }
}
