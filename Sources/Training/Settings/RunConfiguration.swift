import Confounders
import Datasets
import Foundation
import Imaging
import Segmentation
import Storage
import Torch

/// All settings of a training run; `config.json` holds them, resolved.
public struct RunConfiguration: Codable, Equatable, Sendable {
  /// The data folder; nil until it is set.
  @Nullable public var data: String?
  /// The site that is excluded from training; nil for a run that holds nothing out.
  @Nullable public var holdOut: String?
  /// The training sites; empty for all except the held-out one.
  public var sources: [String] = []
  /// The scenes of the training sites: `observed`, or `unlinked` for rendered data.
  public var scenes = TrainingScenes.observed
  /// The CLIP folder, or `random:FILE`; nil until it is set.
  ///
  /// `random:FILE` means random weights for the geometry in that file. `{site}` in the name stands
  /// for the held-out site, so that each fold of a study can have words that do not know its site.
  @Nullable public var clip: String?
  /// The lesion class of images without a class in the data.
  @Nullable public var lesionClass: String?
  /// The labels of the data's label maps that are segmented, one mask each; empty for one mask.
  ///
  /// Without them, one mask shows all lesions.
  public var classes: [String] = []
  /// The number M of confounders in the dictionary; nil for all.
  ///
  /// They are taken in turn from the groups of the prompt file.
  @Nullable public var confounders: Int?
  /// The side S of the square to which images are scaled; by default the CLIP model's own.
  public var imageSize = 224
  /// The way in which images of other proportions enter the square.
  public var framing = Framing.squash
  /// The most pixels of an image; larger images are rejected before decoding.
  public var maxPixels = ImageLimits.default.maximumPixels
  /// The seed of all random numbers.
  public var seed: UInt64 = 0
  /// The number of passes over the training images.
  public var epochs = 50
  /// The epochs after which the learning rate begins anew: rise, then fall to the next of them.
  ///
  /// `Run.extended(to:)` adds one.
  public var restarts: [Int] = []
  /// The number of epochs in a row without better weights after which training stops; 0 for never.
  public var patience = 0
  /// The number of images in a step.
  public var batchSize = 16
  /// The number of steps whose gradients are added before the weights change.
  public var accumulation = 1
  /// The fraction of each source site's images that is held back to choose the epoch.
  public var validationShare = 0.15
  /// The score of these images that chooses the epoch.
  public var selection = EpochSelection.markedDice
  /// The trained part of the image tower.
  public var tune = Tuning.all
  /// The statistics of batch normalisations in the trained part of the tower, while it is trained.
  public var statistics = TowerStatistics.pretrained
  /// The device that computes the network: `cpu`, `cuda:0` or `mps`.
  public var device = Device.cpu
  /// The arithmetic of products and convolutions: `float32` or `bfloat16`.
  public var precision = Precision.float32
  /// The learning rates, decay and schedule.
  public var optimizer = OptimizerConfiguration()
  /// The settings of L_seg.
  public var objective = ObjectiveWeights()
  /// The method and the head.
  public var model = ModelConfiguration()
  /// The random changes of the training images.
  public var augmentation = Augmentation()
  /// The settings of training on interventions.
  public var interventions = InterventionTraining()
  /// The order in which training visits the images of the sites.
  public var sampling = SiteSampling.images
  /// The mean of the weights that validation scores and the run stores.
  ///
  /// It is a decay, 0 for none, or `swad`.
  public var averaging = Averaging.none
  /// The settings of inference.
  public var inference = InferenceConfiguration()
  /// The methods that `model.method` may name; not stored.
  package var methods = MethodRegistry.builtIn

  /// Makes the defaults.
  public init() {}

  /// Makes the defaults, with the methods that `model.method` may name.
  ///
  /// - Parameter methods: the methods.
  public init(methods: MethodRegistry) { self.methods = methods }

  /// The reader of images.
  package var reader: SampleReader {
    SampleReader(
      size: imageSize, framing: framing, limits: ImageLimits(maximumPixels: maxPixels), classes: classes)
  }

  /// The trained part of the image tower: none of it for a method that ignores the tower.
  package var tunedPart: Tuning { model.method.traits.ignoresTower ? .none : tune }

  /// The CLIP model of these settings: `clip` with the held-out site in the place of `{site}`.
  ///
  /// - Throws: `RunError.noSiteForClip` if the name needs a held-out site and there is none.
  package var clipOfSite: String? {
    get throws { try clip.map { try Self.clip($0, withholding: holdOut) } }
  }

  /// Returns the name of a CLIP model with the held-out site in the place of `{site}`.
  ///
  /// - Throws: `RunError.noSiteForClip` if the name needs a held-out site and there is none.
  package static func clip(_ name: String, withholding site: String?) throws -> String {
    guard name.contains(sitePlaceholder) else { return name }
    guard let site else { throw RunError.noSiteForClip(name) }
    return name.replacingOccurrences(of: sitePlaceholder, with: site)
  }

  /// Replaces `{site}` in `clip` by the names of sites, sorted and joined by `+`.
  package mutating func setClip(withholding sites: [String]) {
    clip = clip?.replacingOccurrences(of: Self.sitePlaceholder, with: sites.sorted().joined(separator: "+"))
  }

  /// The text that stands for the held-out site in `clip`.
  package static let sitePlaceholder = "{site}"

  /// Whether frozen layers see the same images in every epoch, so that features can be cached.
  package var cachesFeatures: Bool {
    tune != .all && !model.method.traits.ignoresTower && (augmentation.isNone || augmentation.fixed > 0)
      && !model.method.traits.changesImages && interventions.styles == .none
  }

  /// The fraction of a batch's images that appear again as do(z)x.
  ///
  /// It is `interventions.share`, or if that is nil, 1 for a method that trains on interventions
  /// and 0 for any other.
  public var interventionShare: Double {
    interventions.share ?? (model.method.traits.trainsOnInterventions ? 1 : 0)
  }

  /// The same settings with every value that follows from the method stated.
  package var resolved: RunConfiguration {
    var settings = self
    settings.interventions.share = interventionShare
    return settings
  }

  /// The same settings without the rule of masks, if a training chooses it.
  private var before: RunConfiguration {
    var settings = resolved
    if inference.choose == .validation { settings.inference.rule = InferenceConfiguration().rule }
    return settings
  }

  /// Whether the number of interventions is fixed, so that their features can be cached, too.
  package var fixesInterventions: Bool { cachesFeatures && interventionShare > 0 }

  private enum CodingKeys: String, CodingKey {
    case data, holdOut, sources, scenes, clip, lesionClass, classes, confounders, imageSize, framing,
      maxPixels, seed, epochs, restarts, patience
    case batchSize, accumulation, validationShare, selection, tune, statistics, device, precision, optimizer,
      objective, model
    case augmentation, interventions, sampling, averaging, inference
  }

  /// Compares the settings, as they resolve; the registry is not one of them.
  ///
  /// A rule of masks that a training chose by itself does not count.
  public static func == (left: RunConfiguration, right: RunConfiguration) -> Bool {
    (try? JSONValue(encoding: left.before)) == (try? JSONValue(encoding: right.before))
  }
}

/// The order in which training visits the images of the sites.
public enum SiteSampling: String, NamedChoice, Sendable {
  /// Each image once an epoch.
  case images
  /// Each site equally often: an epoch has as many images, those of small sites several times.
  case sites
}

/// The statistics by which the tower's batch normalisations normalise in training.
///
/// A tower with random weights has no statistics of its own, so its training always uses `batch`.
public enum TowerStatistics: String, NamedChoice, Sendable {
  /// The stored ones, which stay as they are.
  case pretrained
  /// Those of each batch; the stored ones follow them as a moving average.
  case batch
}

/// The learning rates, decay and schedule of AdamW.
public struct OptimizerConfiguration: Codable, Equatable, Sendable {
  /// The learning rate of the method and the head.
  public var learningRate = 0.005
  /// The learning rate of the image tower (ours: it begins with trained weights).
  public var towerLearningRate = 1e-5
  /// The factor from the learning rate of each tower layer to that of the layer before it.
  public var layerDecay = 1.0
  /// The decoupled weight decay of both.
  public var weightDecay = 0.01
  /// The fraction of all steps over which the learning rate rises.
  public var warmup = 0.03
  /// The learning rate at the end of the cosine, as a fraction.
  public var floor = 0.0
  /// The largest common norm of all gradients.
  public var gradientClip = 1.0

  /// Makes the defaults.
  public init() {}
}

extension RunConfiguration {
  /// Checks the values that types cannot, and that the device is there.
  ///
  /// - Throws: `SettingsError` that names the setting.
  package func validate() throws {
    do { try device.requireAvailable() } catch {
      throw SettingsError.badValue(source: "device", reason: "\(error)")
    }
    try validateValues()
  }

  /// Checks the values that types cannot.
  ///
  /// - Throws: `SettingsError` that names the setting.
  package func validateValues() throws {
    func require(_ condition: Bool, _ name: String, _ value: some CustomStringConvertible, _ wanted: String)
      throws
    {
      guard condition else { throw SettingsError.outOfRange(name, value: "\(value)", wanted: wanted) }
    }
    func require(_ value: Double, in range: ClosedRange<Double>, _ name: String, _ wanted: String) throws {
      try require(range.contains(value), name, value, wanted)
    }
    let finite = 0...Double.greatestFiniteMagnitude
    try require(
      precision != .int8, "precision", "int8", "float32 or bfloat16: int8 is for inference alone")
    try require((1...1_000_000).contains(epochs), "epochs", epochs, "from 1 to 1000000")
    try validateEpochs()
    try require(
      Set(sources).count == sources.count, "sources", sources.joined(separator: ","), "different sites")
    try validateClasses()
    try require(confounders ?? 1 >= 1, "confounders", confounders ?? 0, "at least 1, or null for all")
    try require(batchSize >= 1, "batchSize", batchSize, "at least 1")
    try require(accumulation >= 1, "accumulation", accumulation, "at least 1")
    try require((16...2048).contains(imageSize), "imageSize", imageSize, "from 16 to 2048")
    try require(maxPixels >= 1, "maxPixels", maxPixels, "at least 1")
    try require((0..<1).contains(validationShare), "validationShare", validationShare, "from 0 to below 1")
    if case .last(let count) = tune { try require(count >= 1, "tune", tune, "none, last-N from 1, or all") }
    try inference.validate(imageSize: imageSize)
    let rates = optimizer
    try require(rates.learningRate > 0, "optimizer.learningRate", rates.learningRate, "above 0")
    try require(rates.gradientClip > 0, "optimizer.gradientClip", rates.gradientClip, "above 0")
    try require(
      rates.towerLearningRate, in: finite, "optimizer.towerLearningRate", "a number of at least 0")
    try require(rates.weightDecay, in: finite, "optimizer.weightDecay", "a number of at least 0")
    try require(
      rates.layerDecay > 0 && rates.layerDecay <= 1, "optimizer.layerDecay", rates.layerDecay,
      "above 0 and at most 1")
    if case .exponential(let decay) = averaging {
      try require((0..<1).contains(decay), "averaging", decay, "from 0 to below 1, or swad")
    }
    try require(
      averaging != .swad || validationShare > 0, "averaging", "swad",
      "a decay, because validationShare is 0: swad needs validation images")
    try require(
      inference.choose == .none || validationShare > 0, "inference.choose", inference.choose.rawValue,
      "none, because validationShare is 0: there are no validation images to choose by")
    try require(rates.warmup, in: 0...1, "optimizer.warmup", "from 0 to 1")
    try require(rates.floor, in: 0...1, "optimizer.floor", "from 0 to 1")
    try require(objective.dice, in: finite, "objective.dice", "a number of at least 0")
    try interventions.validate()
    if let fault = model.head.fault {
      throw SettingsError.outOfRange(fault.name, value: fault.value, wanted: fault.wanted)
    }
    try model.method.validate()
    let changes = augmentation
    try require(
      changes.scale, in: 1...Double.greatestFiniteMagnitude, "augmentation.scale", "a number of at least 1")
    for (name, value) in [
      ("rotation", changes.rotation), ("shift", changes.shift), ("colour", changes.colour),
      ("saturation", changes.saturation), ("tint", changes.tint), ("sharpness", changes.sharpness),
    ] {
      try require(value, in: finite, "augmentation.\(name)", "a number of at least 0")
    }
    try require(changes.exchange, in: 0...1, "augmentation.exchange", "from 0 to 1")
    try require(
      (0...1000).contains(changes.fixed), "augmentation.fixed", changes.fixed, "from 0 to 1000")
  }
}
