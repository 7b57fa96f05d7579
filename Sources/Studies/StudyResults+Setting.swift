import Metrics
import Storage
import Torch

extension StudyResults {
  /// A method and how it differs from the common settings.
  package struct Method: Codable, Equatable, Sendable {
    /// Its name.
    package let name: String
    /// Its own settings by dotted name.
    package let settings: [String: JSONValue]

    /// Joins the parts.
    package init(name: String, settings: [String: JSONValue] = [:]) {
      self.name = name
      self.settings = settings
    }
  }

  /// A held-out site.
  package struct Site: Codable, Equatable, Sendable {
    /// Its name.
    package let name: String
    /// Its images.
    package let count: Int
    /// Its patients or sequences; images where none are stated.
    package let groups: Int
    /// Its images without a lesion.
    package let countEmptyReference: Int
    /// Its images by lesion class; those without a stated class are left out.
    package let classes: [String: Int]

    enum CodingKeys: String, CodingKey {
      case name, groups, classes
      case count = "n"
      case countEmptyReference = "n_empty_reference"
    }
  }

  /// The rules by which images were scored and figures made, in numbers and plain words.
  package struct Rules: Codable, Equatable, Sendable {
    /// From which probability on a pixel is lesion.
    package let threshold: Double
    /// The tolerance of the surface Dice, in `distanceUnit`.
    package let tolerance: Double
    /// The unit of distances.
    package let distanceUnit: String
    /// What scores of empty masks are.
    package let emptyMaskPolicy: String
    /// How epochs, and settings where there was a choice, were chosen.
    package let selection: String
    /// How the intervals were made.
    package let intervals: String
    /// What is tested, and which tests are corrected together.
    package let tests: String
    /// How methods are ranked.
    package let ranking: String
    /// Whether patients or pictures were looked for on both sides of the border between sites, and what was found.
    package let leakage: String
    /// What the strata are and how their figures are made.
    package let strata: String
    /// When a difference is called one.
    package let decision: String

    enum CodingKeys: String, CodingKey {
      case threshold, tolerance, selection, leakage, intervals, tests, ranking, strata, decision
      case distanceUnit = "distance_unit"
      case emptyMaskPolicy = "empty_mask_policy"
    }
  }

  /// One trained model: which site was held out, and what was chosen without looking at it.
  package struct Fold: Codable, Equatable, Sendable {
    /// The held-out site.
    package let site: String
    /// The method.
    package let method: String
    /// The seed.
    package let seed: UInt64
    /// The epoch that was chosen, counted from 1.
    package let epoch: Int
    /// Its mean Dice on the source sites' validation split; nil without a split.
    @Nullable package private(set) var validationDice: Double?
    /// The settings that were chosen on that split, as assignments; empty where there was no choice.
    package let chosen: [String]
    /// What they were chosen from.
    package let candidates: [FoldResult.Candidate]

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
  package struct Environment: Codable, Equatable, Sendable {
    /// Version of this software.
    package let version: String
    /// Version of libtorch.
    package let libtorch: String
    /// Vector instructions that libtorch used.
    package let vectorInstructions: String
    /// The processor, as it calls itself.
    package let processor: String
    /// Where the networks were computed.
    package let device: String
    /// The arithmetic of products and convolutions.
    package let precision: String

    /// Describes this machine.
    ///
    /// - Parameters:
    ///   - version: of this software.
    ///   - device: where the networks were computed.
    ///   - precision: the arithmetic of products and convolutions.
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
