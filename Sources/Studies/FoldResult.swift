import Metrics
import Storage
import Torch
import Training

/// What one fold came to; `fold.json`.
public struct FoldResult: Codable, Equatable, Sendable {
  /// One image of the held-out site.
  public struct Image: Codable, Equatable, Sendable {
    /// Its name.
    public let image: String
    /// Its patient or sequence.
    public let group: String
    /// Its lesion class.
    public let lesionClass: String?
    /// Its scores at its own size.
    public let scores: ImageScores

    /// Joins the parts.
    public init(image: String, group: String, lesionClass: String?, scores: ImageScores) {
      self.image = image
      self.group = group
      self.lesionClass = lesionClass
      self.scores = scores
    }

    enum CodingKeys: String, CodingKey {
      case image, group, scores
      case lesionClass = "class"
    }
  }

  /// Settings that validation chose among, and how they did there.
  public struct Candidate: Codable, Equatable, Sendable {
    /// Assignments by dotted name.
    public let settings: [String]
    /// Mean Dice of the chosen epoch on the source sites' validation split; nil without a split.
    @Nullable package private(set) var validationDice: Double?

    /// Joins the parts.
    public init(settings: [String], validationDice: Double?) {
      self.settings = settings
      self.validationDice = validationDice
    }

    enum CodingKeys: String, CodingKey {
      case settings
      case validationDice = "validation_dice"
    }
  }

  /// The held-out site.
  public let site: String
  /// The method or arm, by name.
  public let method: String
  /// The seed.
  public let seed: UInt64
  /// The epoch that was chosen: highest mean Dice on the source sites' validation split.
  public let epoch: Int
  /// That Dice; nil without a validation split.
  public let validationDice: Double?
  /// The settings that validation chose; empty when there was nothing to choose.
  public let chosen: [String]
  /// What they were chosen from.
  public let candidates: [Candidate]
  /// From which probability on a pixel was lesion.
  public let threshold: Double
  /// Seconds of training; the only entry that differs between equal runs, with `waited`.
  public let seconds: Double
  /// Seconds of them in which the network waited for images; nil where that was not measured.
  public let waited: Double?
  /// The held-out site by the polyp protocol, which averages over thresholds; nil when it was not taken.
  public let polyp: PolypProtocol?
  /// The held-out site's pixels by how sure the model was of them; nil when that was not taken.
  public let reliability: Reliability?
  /// The images of the held-out site.
  public let images: [Image]

  /// Mean Dice over the images.
  public var dice: Double { images.reduce(0) { $0 + $1.scores.dice } / Double(max(1, images.count)) }

  /// Joins the parts.
  public init(
    site: String, method: String, seed: UInt64, epoch: Int, validationDice: Double?,
    chosen: [String] = [], candidates: [Candidate] = [], threshold: Double = 0.5, seconds: Double,
    waited: Double? = nil,
    polyp: PolypProtocol? = nil, reliability: Reliability? = nil, images: [Image]
  ) {
    self.site = site
    self.method = method
    self.seed = seed
    self.epoch = epoch
    self.validationDice = validationDice
    self.chosen = chosen
    self.candidates = candidates
    self.threshold = threshold
    self.seconds = seconds
    self.waited = waited
    self.polyp = polyp
    self.reliability = reliability
    self.images = images
  }

  enum CodingKeys: String, CodingKey {
    case site, method, seed, epoch, chosen, candidates, threshold, seconds, waited, polyp, reliability, images
    case validationDice = "validation_dice"
  }
}
