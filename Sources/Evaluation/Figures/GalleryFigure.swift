/// Pictures that were chosen by their scores at held-out sites; `figures/gallery.json` and JPEG files beside it.
public struct GalleryFigure: Codable, Equatable, Sendable {
  /// One picture of a row.
  public struct Picture: Codable, Equatable, Sendable {
    /// What it shows, such as `image` or `mcdrl, Dice 0.81`.
    public let label: String
    /// Its file in the folder `figures`.
    public let file: String
    /// Pixels across.
    public let width: Int
    /// Pixels down.
    public let height: Int

    /// Joins the parts.
    public init(label: String, file: String, width: Int, height: Int) {
      self.label = label
      self.file = file
      self.width = width
      self.height = height
    }
  }

  /// Why an image was chosen.
  public enum Choice: String, Codable, Sendable, CaseIterable {
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
  public struct Row: Codable, Equatable, Sendable {
    /// Why it was chosen.
    public let choice: Choice
    /// The method, or the two that disagree, the candidate first.
    public let methods: [String]
    /// The image's site, held out from the models.
    public let site: String
    /// The image's name.
    public let image: String
    /// Its lesion class, where one is stated.
    public let lesionClass: String?
    /// Dice by method, in the order of `methods`.
    public let dice: [Double]
    /// Images, this one included, that the same score would have chosen.
    public let ties: Int
    /// Image, reference, and of each method prediction and error map.
    public let pictures: [Picture]

    /// Joins the parts.
    public init(
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
  public let fingerprint: String
  /// The models' seed.
  public let seed: UInt64
  /// How images were chosen, in words.
  public let rule: String
  /// The images.
  public let rows: [Row]

  /// Joins the parts.
  public init(fingerprint: String, seed: UInt64, rule: String, rows: [Row]) {
    self.fingerprint = fingerprint
    self.seed = seed
    self.rule = rule
    self.rows = rows
  }
}
