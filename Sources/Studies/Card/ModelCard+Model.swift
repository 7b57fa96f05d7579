import Metrics
import Storage
import Training

extension ModelCard {
  /// What the model is.
  package struct Model: Encodable, Equatable, Sendable {
    /// The name of the method.
    package let method: String
    /// The method in one line.
    package let summary: String
    /// The paper of the method; empty for none.
    package let reference: String
    /// The architecture of the image tower.
    package let tower: String
    /// The CLIP model or trunk that the training began with, without its folder.
    package let clip: String
    /// The number of runs whose weights the training continued from, in turn.
    package let ancestors: Int
    /// The runs whose mean the model is; empty for a run of its own.
    package let members: [String]
    /// Whether the members' outputs or their weights are averaged; nil for a run of its own.
    @Nullable package private(set) var average: String?
    /// The side of the square that the network sees, in pixels.
    package let side: Int
    /// The way in which an image enters the square, in words.
    package let framing: String
    /// The kind of images of the prompts.
    package let modality: String
    /// The lesion classes of the prompts.
    package let classes: [String]
    /// The confounders of the dictionary by kind.
    package let confounders: [Group]
    /// Whether the method reads the dictionary for its prediction.
    package let readsDictionary: Bool
    /// Whether inference intervenes; nil if the method has no intervention, or nothing is stored.
    @Nullable package private(set) var intervenes: Bool?
    /// The mean of views and scales that is a prediction, in words.
    package let prediction: String
    /// The rule of lesion pixels, in words.
    package let rule: String
    /// Mean Dice of the validation images by arithmetic of inference; empty if not measured.
    package let precisions: [String: Double]
    /// The stored weights; nil if the run has none.
    @Nullable package private(set) var weights: Weights?

    enum CodingKeys: String, CodingKey {
      case method, summary, reference, tower, clip, ancestors, members, average, side, framing, modality
      case classes, confounders, intervenes, prediction, rule, weights
      case readsDictionary = "reads_dictionary"
      case precisions = "validation_dice_by_precision"
    }

    /// The confounders of one kind.
    package struct Group: Encodable, Equatable, Sendable {
      /// The kind.
      package let name: String
      /// The names of its members.
      package let members: [String]
      /// Those of them that a mechanism can set on an image.
      package let settable: [String]
    }

    /// The stored weights in numbers.
    package struct Weights: Encodable, Equatable, Sendable {
      /// The number of values of the image tower.
      package let tower: Int
      /// The number of values of the method and the head.
      package let head: Int
      /// The size of the file in bytes.
      package let bytes: Int
      /// The FNV-1a hash of the file, which distinguishes files and does not protect from forgery.
      package let hash: String
    }

    init(_ facts: CardFacts) throws {
      let (settings, prompts) = (facts.configuration, facts.prompts)
      let traits = settings.model.method.traits
      method = settings.model.method.name
      summary = settings.model.method.summary
      reference = settings.model.method.reference
      tower = traits.ignoresTower ? "none: the method reads the image alone" : facts.tower
      clip = facts.provenance?.weights.name ?? WeightsOrigin.shortName((try? settings.clipOfSite) ?? "")
      side = settings.imageSize
      framing = settings.framing.words
      modality = prompts.modality
      classes = facts.lesionClasses
      confounders = prompts.groups.map { group in
        Group(
          name: group.name, members: group.confounders.map(\.name),
          settable: group.confounders.filter { $0.mechanism != nil }.map(\.name))
      }
      readsDictionary = traits.intervenes
      (ancestors, members) = (facts.ancestors, facts.members?.names ?? [])
      prediction = settings.inference.mean.map { "the \($0)" } ?? "one pass of the network"
      rule = settings.inference.rule.rule
      precisions = facts.precisions
      average = facts.members?.average
      weights = facts.weights
      intervenes = facts.intervenes
    }
  }

  /// How the model was trained.
  package struct Training: Encodable, Equatable, Sendable {
    /// The number of epochs that the settings ask for.
    package let epochs: Int
    /// Where the number of epochs is from, in words; nil if the settings state it.
    @Nullable package private(set) var epochsFrom: String?
    /// The number of finished epochs.
    package let finished: Int
    /// The epoch of the stored weights; nil before the first.
    @Nullable package private(set) var chosen: Int?
    /// Whether training stopped before its last epoch because the score did not rise.
    package let stoppedEarly: Bool
    /// The rule that chose or averaged the weights, in words.
    package let rule: String
    /// The mean Dice of the chosen epoch on the validation images; nil without any.
    @Nullable package private(set) var validationDice: Double?
    /// The score by which the rule chose the epoch; nil if none did, or if it is `validationDice`.
    @Nullable package private(set) var chosenScore: Double?
    /// The trained part of the image tower.
    package let tuned: String
    /// The optimiser and its rates, in words.
    package let optimiser: String
    /// The loss, in words.
    package let loss: String
    /// The random changes of the images, in words.
    package let augmentation: String
    /// The training on interventions, in words.
    package let interventions: String
    /// The seed.
    package let seed: UInt64
    /// The seconds of all finished epochs.
    package let seconds: Double
    /// The version of this software at the start; nil if the run does not hold it.
    @Nullable package private(set) var version: String?
    /// The version of libtorch at the start; nil if the run does not hold it.
    @Nullable package private(set) var libtorch: String?
    /// The hash of the weights at the start; nil if the run does not hold it.
    @Nullable package private(set) var start: String?

    enum CodingKeys: String, CodingKey {
      case epochs, finished, chosen, rule, tuned, optimiser, loss, augmentation, interventions, seed, seconds
      case libtorch
      case stoppedEarly = "stopped_early"
      case epochsFrom = "epochs_from"
      case validationDice = "validation_dice"
      case chosenScore = "chosen_by"
      case version = "mcdrl"
      case start = "starting_weights"
    }

    init(_ facts: CardFacts) throws {
      let (settings, last) = (facts.configuration, facts.history.last { $0.best })
      epochs = settings.epochs
      (finished, stoppedEarly) = (facts.history.count, facts.stoppedEarly)
      rule = settings.weightsRule
      tuned = settings.tunedPart.description
      optimiser = settings.optimiserWords
      loss = settings.lossWords
      augmentation = try settings.augmentationWords
      interventions = settings.interventionWords(facts.prompts)
      seed = settings.seed
      seconds = facts.history.reduce(0) { $0 + $1.seconds }
      chosen = last?.epoch
      epochsFrom = facts.provenance?.epochsFrom
      validationDice = last?.validationDice
      let choosesByScore = ![.dice, .last].contains(settings.selection) && settings.averaging != .swad
      chosenScore = choosesByScore ? last?.score(by: settings.selection) : nil
      version = facts.fingerprint?.version
      libtorch = facts.fingerprint?.libtorch
      start = facts.fingerprint?.weights
    }
  }

  /// The scores of the stored weights on the validation images, at the network's size.
  package struct Validation: Encodable, Equatable, Sendable {
    /// The number of images.
    package let count: Int
    /// The number of images with a lesion.
    package let countWithLesion: Int
    /// Mean Dice.
    package let dice: Double
    /// Mean Dice over the images with a lesion; nil without any.
    @Nullable package private(set) var diceWithLesion: Double?
    /// Predictors that ignore the image.
    package let trivial: [Trivial]

    enum CodingKeys: String, CodingKey {
      case dice, trivial
      case count = "n"
      case countWithLesion = "n_with_lesion"
      case diceWithLesion = "dice_with_lesion"
    }

    init(_ report: ValidationReport) {
      (count, countWithLesion) = (report.model.count, report.model.countWithLesion)
      dice = report.model.dice
      trivial = report.predictors.map {
        Trivial(name: $0.name, dice: $0.scores.dice, diceWithLesion: $0.scores.diceWithLesion)
      }
      diceWithLesion = report.model.diceWithLesion
    }
  }

  /// A predictor that ignores the image.
  package struct Trivial: Encodable, Equatable, Sendable {
    /// The name.
    package let name: String
    /// Mean Dice; nil without an image.
    @Nullable package private(set) var dice: Double?
    /// Mean Dice over the images with a lesion; nil without any.
    @Nullable package private(set) var diceWithLesion: Double?

    enum CodingKeys: String, CodingKey {
      case name, dice
      case diceWithLesion = "dice_with_lesion"
    }

    init(name: String, dice: Double?, diceWithLesion: Double?) {
      self.name = name
      self.dice = dice
      self.diceWithLesion = diceWithLesion
    }
  }
}
