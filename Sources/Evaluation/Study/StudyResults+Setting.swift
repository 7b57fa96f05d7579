import Torch

extension StudyResults {
  /// A method and how it differs from the common settings.
  public struct Method: Codable, Equatable, Sendable {
    /// Its name.
    public let name: String
    /// Its own settings by dotted name.
    public let settings: [String: JSONValue]

    /// Joins the parts.
    public init(name: String, settings: [String: JSONValue] = [:]) {
      self.name = name
      self.settings = settings
    }
  }

  /// A held-out site.
  public struct Site: Codable, Equatable, Sendable {
    /// Its name.
    public let name: String
    /// Its images.
    public let count: Int
    /// Its patients or sequences; images where none are stated.
    public let groups: Int
    /// Its images without a lesion.
    public let countEmptyReference: Int
    /// Its images by lesion class; those without a stated class are left out.
    public let classes: [String: Int]

    enum CodingKeys: String, CodingKey {
      case name, groups, classes
      case count = "n"
      case countEmptyReference = "n_empty_reference"
    }
  }

  /// The rules by which images were scored and figures made, in numbers and plain words.
  public struct Rules: Codable, Equatable, Sendable {
    /// From which probability on a pixel is lesion.
    public let threshold: Double
    /// The tolerance of the surface Dice, in `distanceUnit`.
    public let tolerance: Double
    /// The unit of distances.
    public let distanceUnit: String
    /// What scores of empty masks are.
    public let emptyMaskPolicy: String
    /// How epochs, and settings where there was a choice, were chosen.
    public let selection: String
    /// How the intervals were made.
    public let intervals: String
    /// What is tested, and which tests are corrected together.
    public let tests: String
    /// How methods are ranked.
    public let ranking: String
    /// Whether patients or pictures were looked for on both sides of the border between sites, and what was found.
    public let leakage: String
    /// What the strata are and how their figures are made.
    public let strata: String
    /// When a difference is called one.
    public let decision: String

    enum CodingKeys: String, CodingKey {
      case threshold, tolerance, selection, leakage, intervals, tests, ranking, strata, decision
      case distanceUnit = "distance_unit"
      case emptyMaskPolicy = "empty_mask_policy"
    }
  }

  /// One trained model: which site was held out, and what was chosen without looking at it.
  public struct Fold: Codable, Equatable, Sendable {
    /// The held-out site.
    public let site: String
    /// The method.
    public let method: String
    /// The seed.
    public let seed: UInt64
    /// The epoch that was chosen, counted from 1.
    public let epoch: Int
    /// Its mean Dice on the source sites' validation split; nil without a split.
    @Nullable public private(set) var validationDice: Double?
    /// The settings that were chosen on that split, as assignments; empty where there was no choice.
    public let chosen: [String]
    /// What they were chosen from.
    public let candidates: [FoldResult.Candidate]

    enum CodingKeys: String, CodingKey {
      case site, method, seed, epoch, chosen, candidates
      case validationDice = "validation_dice"
    }

    init(_ fold: FoldResult) {
      site = fold.site
      method = fold.method
      seed = fold.seed
      epoch = fold.epoch
      validationDice = fold.validationDice
      chosen = fold.chosen
      candidates = fold.candidates
    }
  }

  /// The software and hardware a study was made with.
  public struct Environment: Codable, Equatable, Sendable {
    /// Version of this software.
    public let version: String
    /// Version of libtorch.
    public let libtorch: String
    /// Vector instructions that libtorch used.
    public let vectorInstructions: String
    /// The processor, as it calls itself.
    public let processor: String
    /// Where the networks were computed.
    public let device: String
    /// The arithmetic of products and convolutions.
    public let precision: String

    /// Describes this machine.
    ///
    /// - Parameters:
    ///   - version: of this software.
    ///   - device: where the networks were computed.
    ///   - precision: the arithmetic of products and convolutions.
    public init(version: String, device: String = "cpu", precision: String = "float32") {
      self.version = version
      libtorch = Machine.libtorchVersion
      vectorInstructions = Machine.cpuCapability
      processor = Machine.processor
      self.device = device
      self.precision = precision
    }

    enum CodingKeys: String, CodingKey {
      case libtorch, processor, device, precision
      case version = "mcdrl"
      case vectorInstructions = "vector_instructions"
    }
  }
}
