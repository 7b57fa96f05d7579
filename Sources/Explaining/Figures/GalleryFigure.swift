import Metrics
import Statistics
import Studies
import Torch
import Training

/// Pictures selected by their scores at held-out sites; `figures/gallery.json` and JPEG files.
package struct GalleryFigure: Codable, Equatable, Sendable {
  /// One picture of a row.
  package struct Picture: Codable, Equatable, Sendable {
    /// Its content, such as `image` or `mcdrl, Dice 0.81`.
    package let label: String
    /// Its file in the folder `figures`.
    package let file: String
    /// The width in pixels.
    package let width: Int
    /// The height in pixels.
    package let height: Int

    /// Makes a picture from its parts.
    package init(label: String, file: String, width: Int, height: Int) {
      self.label = label
      self.file = file
      self.width = width
      self.height = height
    }
  }

  /// The reason for the selection of an image.
  package enum Choice: String, Codable, Sendable, CaseIterable {
    /// The highest Dice of a method.
    case best
    /// The median Dice of a method.
    case median
    /// The lowest Dice of a method.
    case worst
    /// The largest lead of the candidate over another method.
    case ahead
    /// The largest lag of the candidate behind another method.
    case behind
  }

  /// One image with the predictions of the models.
  package struct Row: Codable, Equatable, Sendable {
    /// The reason for its selection.
    package let choice: Choice
    /// The method, or the two that disagree, with the candidate first.
    package let methods: [String]
    /// The site of the image, held out from the models.
    package let site: String
    /// The name of the image.
    package let image: String
    /// Its lesion class, if stated.
    package let lesionClass: String?
    /// Dice by method, in the order of `methods`.
    package let dice: [Double]
    /// The arithmetic of each method's prediction, in the order of `methods`; nil in an earlier file.
    package let precision: [Precision]?
    /// The decoding of the image for each method, in the order of `methods`; nil in an earlier file.
    package let decoding: [Predictor.Decoding]?
    /// The number of images that the same score would have selected, with this one.
    package let ties: Int
    /// Image and reference, and prediction and error map of each method.
    package let pictures: [Picture]

    /// Makes a row from its parts.
    package init(
      choice: Choice, methods: [String], site: String, image: String, lesionClass: String?, dice: [Double],
      precision: [Precision]? = nil, decoding: [Predictor.Decoding]? = nil, ties: Int, pictures: [Picture]
    ) {
      self.choice = choice
      self.methods = methods
      self.site = site
      self.image = image
      self.lesionClass = lesionClass
      self.dice = dice
      self.precision = precision
      self.decoding = decoding
      self.ties = ties
      self.pictures = pictures
    }

    enum CodingKeys: String, CodingKey {
      case choice, methods, site, image, dice, precision, decoding, ties, pictures
      case lesionClass = "class"
    }
  }

  /// The fingerprint of the inputs.
  package let fingerprint: String
  /// The seed of the models.
  package let seed: UInt64
  /// The rule of the selection, in words.
  package let rule: String
  /// The images.
  package let rows: [Row]

  /// Makes a figure from its parts.
  package init(fingerprint: String, seed: UInt64, rule: String, rows: [Row]) {
    self.fingerprint = fingerprint
    self.seed = seed
    self.rule = rule
    self.rows = rows
  }
}
