import Metrics
import Storage
import Torch
import Training

/// The result of one fold; `fold.json`.
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

    /// Makes an image from its parts.
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

  /// Candidate settings of the validation, and their score.
  public struct Candidate: Codable, Equatable, Sendable {
    /// The assignments by dotted name.
    public let settings: [String]
    /// The mean Dice of the chosen epoch on the source sites' validation split; nil without one.
    @Nullable package private(set) var validationDice: Double?

    /// Makes a candidate from its parts.
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
  /// The name of the method or arm.
  public let method: String
  /// The seed.
  public let seed: UInt64
  /// The chosen epoch: the highest mean Dice on the validation split of the source sites.
  public let epoch: Int
  /// This Dice; nil without a validation split.
  public let validationDice: Double?
  /// The settings that validation chose; empty without a choice.
  public let chosen: [String]
  /// The candidates of the choice.
  public let candidates: [Candidate]
  /// The lowest probability of a lesion pixel.
  public let threshold: Double
  /// The arithmetic of the scored predictions; nil if an earlier version did not record it.
  public let precision: Precision?
  /// The decoding of the scored images; nil if an earlier version did not record it.
  public let decoding: Predictor.Decoding?
  /// The seconds of training; with `waited`, the only entry that differs between equal runs.
  public let seconds: Double
  /// The seconds in which the network waited for images; nil if not measured.
  public let waited: Double?
  /// The polyp protocol at the held-out site, which averages over thresholds; nil if not measured.
  public let polyp: PolypProtocol?
  /// The calibration of the pixels of the held-out site; nil if not measured.
  public let reliability: Reliability?
  /// The images of the held-out site.
  public let images: [Image]

  /// The mean Dice over the images.
  public var dice: Double { images.reduce(0) { $0 + $1.scores.dice } / Double(max(1, images.count)) }

  /// Makes a result from its parts.
  public init(
    site: String, method: String, seed: UInt64, epoch: Int, validationDice: Double?,
    chosen: [String] = [], candidates: [Candidate] = [], threshold: Double = 0.5,
    precision: Precision? = nil, decoding: Predictor.Decoding? = nil, seconds: Double,
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
    self.precision = precision
    self.decoding = decoding
    self.seconds = seconds
    self.waited = waited
    self.polyp = polyp
    self.reliability = reliability
    self.images = images
  }

  enum CodingKeys: String, CodingKey {
    case site, method, seed, epoch, chosen, candidates, threshold, precision, decoding, seconds, waited, polyp
    case reliability, images
    case validationDice = "validation_dice"
  }
}
