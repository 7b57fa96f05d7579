import Datasets
import Metrics
import Storage
import Torch
import Training

/// The result of one fold; `fold.json`.
public struct FoldResult: Codable, Equatable, Sendable {
  /// One image of the held-out site; with several classes, one of them on an image.
  public struct Image: Codable, Equatable, Sendable {
    /// Its name.
    public let image: String
    /// Its patient or sequence.
    public let group: String
    /// Its lesion class, or the segmented one of several classes.
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

    /// Makes the scores of an image, or of one of several classes on it.
    init(_ sample: Sample, className: String?, scores: ImageScores) {
      self.init(
        image: sample.id, group: sample.group, lesionClass: className ?? sample.lesionClass, scores: scores)
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
    /// The score that is compared, see `EpochSelection`; nil if it is undefined.
    @Nullable package private(set) var validationScore: Double?
    /// The score at each source site that was held out; nil if the validation split was compared.
    package private(set) var innerScores: [String: Double]?

    /// Makes a candidate from its parts.
    public init(
      settings: [String], validationDice: Double?, validationScore: Double? = nil,
      innerScores: [String: Double]? = nil
    ) {
      self.settings = settings
      self.validationDice = validationDice
      self.validationScore = validationScore
      self.innerScores = innerScores
    }

    /// Reads a candidate; one of an earlier version was chosen by its mean Dice.
    public init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      settings = try values.decode([String].self, forKey: .settings)
      validationDice = try values.decodeIfPresent(Double.self, forKey: .validationDice)
      validationScore =
        values.contains(.validationScore)
        ? try values.decodeIfPresent(Double.self, forKey: .validationScore) : validationDice
      innerScores = try values.decodeIfPresent([String: Double].self, forKey: .innerScores)
    }

    enum CodingKeys: String, CodingKey {
      case settings
      case validationDice = "validation_dice"
      case validationScore = "validation_score"
      case innerScores = "inner_scores"
    }
  }

  /// The held-out site.
  public let site: String
  /// The name of the method or arm.
  public let method: String
  /// The seed.
  public let seed: UInt64
  /// The chosen epoch: the highest score on the validation split of the source sites.
  public let epoch: Int
  /// Its mean Dice there; nil without a validation split.
  public let validationDice: Double?
  /// Its score there, see `EpochSelection`; nil if undefined, or in a result of an earlier version.
  public let validationScore: Double?
  /// The settings that validation chose; empty without a choice.
  public let chosen: [String]
  /// The candidates of the choice.
  public let candidates: [Candidate]
  /// The rule of lesion pixels.
  public let threshold: MaskThreshold
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
  /// Predictors that ignore the image, at the held-out site, by name.
  ///
  /// It is nil in a result of an earlier version.
  public let trivial: [String: OverlapSummary]?
  /// The images of the held-out site, with several classes each class of an image.
  public let images: [Image]

  /// The mean Dice over the images.
  public var dice: Double { images.reduce(0) { $0 + $1.scores.dice } / Double(max(1, images.count)) }

  /// The mean Dice over the images with a lesion; nil if there are none.
  public var diceWithLesion: Double? {
    average(images.map { $0.scores.referenceIsEmpty ? nil : $0.scores.dice })
  }

  /// Makes a result from its parts.
  public init(
    site: String, method: String, seed: UInt64, epoch: Int, validationDice: Double?,
    validationScore: Double? = nil, chosen: [String] = [], candidates: [Candidate] = [],
    threshold: MaskThreshold = 0.5, precision: Precision? = nil, decoding: Predictor.Decoding? = nil,
    seconds: Double,
    waited: Double? = nil,
    polyp: PolypProtocol? = nil, reliability: Reliability? = nil, trivial: [String: OverlapSummary]? = nil,
    images: [Image]
  ) {
    self.site = site
    self.method = method
    self.seed = seed
    self.epoch = epoch
    self.validationDice = validationDice
    self.validationScore = validationScore
    self.chosen = chosen
    self.candidates = candidates
    self.threshold = threshold
    self.precision = precision
    self.decoding = decoding
    self.seconds = seconds
    self.waited = waited
    self.polyp = polyp
    self.reliability = reliability
    self.trivial = trivial
    self.images = images
  }

  enum CodingKeys: String, CodingKey {
    case site, method, seed, epoch, chosen, candidates, threshold, precision, decoding, seconds, waited, polyp
    case reliability, trivial, images
    case validationDice = "validation_dice"
    case validationScore = "validation_score"
  }
}
