import Metrics
import Storage
import Torch
import Training

extension StudyResults {
  /// The precisions and decodings of the scored predictions, in words.
  package var scoring: String {
    let found = folds.map { fold in
      guard let precision = fold.precision, let decoding = fold.decoding else { return "not recorded" }
      return "\(precision.rawValue), images decoded \(decoding.text)"
    }
    return Set(found).sorted().joined(separator: "; ")
  }

  /// A method and its differences from the common settings.
  package struct Method: Codable, Equatable, Sendable {
    /// Its name.
    package let name: String
    /// Its own settings by dotted name.
    package let settings: [String: JSONValue]

    /// Makes a method from its parts.
    package init(name: String, settings: [String: JSONValue] = [:]) {
      self.name = name
      self.settings = settings
    }
  }

  /// A held-out site.
  package struct Site: Codable, Equatable, Sendable {
    /// Its name.
    package let name: String
    /// The number of its images.
    package let count: Int
    /// The number of its patients or sequences; of its images if none are stated.
    package let groups: Int
    /// The number of its images without a lesion.
    package let countEmptyReference: Int
    /// The number of its images by lesion class, without images of no stated class.
    package let classes: [String: Int]

    enum CodingKeys: String, CodingKey {
      case name, groups, classes
      case count = "n"
      case countEmptyReference = "n_empty_reference"
    }
  }

  /// The rules of scoring and statistics, in numbers and plain words.
  package struct Rules: Codable, Equatable, Sendable {
    /// The rule of lesion pixels; nil if it differs between runs, whose settings state it.
    @Nullable package var threshold: MaskThreshold? = nil
    /// The tolerance of the surface Dice, in `distanceUnit`.
    package let tolerance: Double
    /// The unit of distances.
    package let distanceUnit: String
    /// The scores of empty masks.
    package let emptyMaskPolicy: String
    /// How epochs were chosen, and settings if there was a choice.
    package let selection: String
    /// How the intervals were computed.
    package let intervals: String
    /// The tests, and which of them are corrected together.
    package let tests: String
    /// How methods are ranked.
    package let ranking: String
    /// Whether the study checked for the same patients or images across sites, and the result.
    package let leakage: String
    /// The strata, and how their statistics are computed.
    package let strata: String
    /// The condition for a difference.
    package let decision: String

    enum CodingKeys: String, CodingKey {
      case threshold, tolerance, selection, leakage, intervals, tests, ranking, strata, decision
      case distanceUnit = "distance_unit"
      case emptyMaskPolicy = "empty_mask_policy"
    }
  }

  /// One trained model: the held-out site, and the choices made without it.
  package struct Fold: Codable, Equatable, Sendable {
    /// The held-out site.
    package let site: String
    /// The method.
    package let method: String
    /// The seed.
    package let seed: UInt64
    /// The chosen epoch, counted from 1.
    package let epoch: Int
    /// Its mean Dice on the source sites' validation split; nil without a split.
    @Nullable package private(set) var validationDice: Double?
    /// The score that chose it; nil if it is undefined.
    @Nullable package private(set) var validationScore: Double?
    /// The settings that this split chose, as assignments; empty without a choice.
    package let chosen: [String]
    /// The candidates of the choice.
    package let candidates: [FoldResult.Candidate]
    /// The arithmetic of the scored predictions; nil if an earlier version scored the fold.
    @Nullable package private(set) var precision: Precision?
    /// The decoding of the scored images; nil if an earlier version scored the fold.
    @Nullable package private(set) var decoding: Predictor.Decoding?

    enum CodingKeys: String, CodingKey {
      case site, method, seed, epoch, chosen, candidates, precision, decoding
      case validationDice = "validation_dice"
      case validationScore = "validation_score"
    }

    init(_ fold: FoldResult) {
      site = fold.site
      method = fold.method
      seed = fold.seed
      epoch = fold.epoch
      validationDice = fold.validationDice
      validationScore = fold.validationScore
      chosen = fold.chosen
      candidates = fold.candidates
      precision = fold.precision
      decoding = fold.decoding
    }
  }

  /// The software and hardware of a study.
  package struct Environment: Codable, Equatable, Sendable {
    /// The version of this software.
    package let version: String
    /// The version of libtorch.
    package let libtorch: String
    /// The vector instructions that libtorch used.
    package let vectorInstructions: String
    /// The name that the processor reports.
    package let processor: String
    /// The device of the networks.
    package let device: String
    /// The arithmetic of training by the common settings; each fold names that of its predictions.
    package let precision: String

    /// Describes this machine.
    ///
    /// - Parameters:
    ///   - version: of this software.
    ///   - device: the device of the networks.
    ///   - precision: the arithmetic of training.
    package init(version: String, device: String = "cpu", precision: String = "float32") {
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
