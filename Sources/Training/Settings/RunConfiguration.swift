import Confounders
import Datasets
import Foundation
import Imaging
import Segmentation
import Storage
import Torch

/// Every setting of a training run; `config.json` holds all of them, resolved.
public struct RunConfiguration: Codable, Equatable, Sendable {
  /// The data folder; nil until it is stated.
  @Nullable public var data: String?
  /// The site that takes no part in training; nil until it is stated.
  @Nullable public var holdOut: String?
  /// The sites that are trained on; empty for all others.
  public var sources: [String] = []
  /// The CLIP folder, or `random:FILE` for random weights of the geometry in that file; nil until it is stated.
  @Nullable public var clip: String?
  /// The lesion class of images for which the data states none.
  @Nullable public var lesionClass: String?
  /// M: the number of the prompt file's confounders in the dictionary, taken in turn from its groups; nil for all.
  @Nullable public var confounders: Int?
  /// S: the side of the square that images are scaled to; a new run starts from the CLIP model's own.
  public var imageSize = 224
  /// Larger images are refused before they are decoded.
  public var maxPixels = ImageLimits.default.maximumPixels
  /// The seed of everything.
  public var seed: UInt64 = 0
  /// Passes over the training images.
  public var epochs = 50
  /// Images a step.
  public var batchSize = 16
  /// Steps whose gradients are added before the weights change.
  public var accumulation = 1
  /// The share of each source site's images that is kept apart to choose the epoch by.
  public var validationShare = 0.15
  /// The trained part of the image tower.
  public var tune = Tuning.all
  /// The device that computes the network: `cpu`, `cuda:0` or `mps`.
  public var device = Device.cpu
  /// Arithmetic of products and convolutions: `float32` or `bfloat16`.
  public var precision = Precision.float32
  /// Rates, decay and schedule.
  public var optimizer = OptimizerConfiguration()
  /// L_seg.
  public var objective = ObjectiveWeights()
  /// The method and the head.
  public var model = ModelConfiguration()
  /// Random changes of the training images.
  public var augmentation = Augmentation()
  /// Training on interventions.
  public var interventions = InterventionTraining()
  /// The methods that `model.method` may name; not stored.
  package var methods = MethodRegistry.builtIn

  /// The defaults.
  public init() {}

  /// The defaults, with the methods that `model.method` may name.
  public init(methods: MethodRegistry) { self.methods = methods }

  /// The way in which images are read.
  package var reader: SampleReader {
    SampleReader(size: imageSize, limits: ImageLimits(maximumPixels: maxPixels))
  }

  /// Whether frozen layers see the same pictures in every epoch, so that their features can be cached.
  package var cachesFeatures: Bool {
    tune != .all && (augmentation.isNone || augmentation.fixed > 0) && !model.method.traits.changesImages
  }

  /// Whether a fixed number of interventions is drawn, so that features of frozen layers can be cached for them, too.
  package var fixesInterventions: Bool { cachesFeatures && interventions.share > 0 }

  private enum CodingKeys: String, CodingKey {
    case data, holdOut, sources, clip, lesionClass, confounders, imageSize, maxPixels, seed, epochs
    case batchSize, accumulation, validationShare, tune, device, precision, optimizer, objective, model
    case augmentation, interventions
  }

  /// Compares the settings; the registry is none of them.
  public static func == (left: RunConfiguration, right: RunConfiguration) -> Bool {
    (try? JSONValue(encoding: left)) == (try? JSONValue(encoding: right))
  }
}

/// Training on interventions (ours): images are shown as they are, x, and again with a confounder set, do(z)x.
///
/// The mechanisms that set confounders stand in the prompt file; z is drawn from P(z).
public struct InterventionTraining: Codable, Equatable, Sendable {
  /// The share of a batch's images that are shown again as do(z)x; 0 for none.
  public var share = 1.0
  /// The number of do(z)x that are drawn once for each picture where frozen layers see the same pictures in every epoch;
  /// otherwise each step draws anew.
  public var variants = 4
  /// The number of confounders that are set at once.
  public var count = 1
  /// The weight of L_seg on do(z)x beside 1 on x.
  public var segmentation = 1.0
  /// The source of P(z).
  public var prior = Prior.uniform

  /// The defaults.
  public init() {}
}

/// Rates, decay and schedule of AdamW.
public struct OptimizerConfiguration: Codable, Equatable, Sendable {
  /// The rate of the method and the head.
  public var learningRate = 0.005
  /// The rate of the image tower (ours: it starts from trained weights).
  public var towerLearningRate = 1e-5
  /// Decoupled weight decay of both.
  public var weightDecay = 0.01
  /// The share of all steps over which the rate rises.
  public var warmup = 0.03
  /// The rate left at the end of the cosine, as a share.
  public var floor = 0.0
  /// The largest common norm of all gradients.
  public var gradientClip = 1.0

  /// The defaults.
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
    try require(confounders ?? 1 >= 1, "confounders", confounders ?? 0, "at least 1, or null for all")
    try require(batchSize >= 1, "batchSize", batchSize, "at least 1")
    try require(accumulation >= 1, "accumulation", accumulation, "at least 1")
    try require((16...2048).contains(imageSize), "imageSize", imageSize, "from 16 to 2048")
    try require(maxPixels >= 1, "maxPixels", maxPixels, "at least 1")
    try require((0..<1).contains(validationShare), "validationShare", validationShare, "from 0 to below 1")
    let rates = optimizer
    try require(rates.learningRate > 0, "optimizer.learningRate", rates.learningRate, "above 0")
    try require(rates.gradientClip > 0, "optimizer.gradientClip", rates.gradientClip, "above 0")
    try require(
      rates.towerLearningRate, in: finite, "optimizer.towerLearningRate", "a number of at least 0")
    try require(rates.weightDecay, in: finite, "optimizer.weightDecay", "a number of at least 0")
    try require(rates.warmup, in: 0...1, "optimizer.warmup", "from 0 to 1")
    try require(rates.floor, in: 0...1, "optimizer.floor", "from 0 to 1")
    try require(objective.dice, in: finite, "objective.dice", "a number of at least 0")
    let set = interventions
    try require((0...1).contains(set.share), "interventions.share", set.share, "from 0 to 1")
    try require((1...1000).contains(set.variants), "interventions.variants", set.variants, "from 1 to 1000")
    try require((1...1000).contains(set.count), "interventions.count", set.count, "from 1 to 1000")
    try require(
      set.segmentation >= 0 && set.segmentation.isFinite, "interventions.segmentation", set.segmentation,
      "a number of at least 0")
    try model.method.validate()
    let changes = augmentation
    try require(
      changes.scale, in: 1...Double.greatestFiniteMagnitude, "augmentation.scale", "a number of at least 1")
    for (name, value) in [
      ("rotation", changes.rotation), ("shift", changes.shift), ("colour", changes.colour),
      ("saturation", changes.saturation), ("tint", changes.tint),
    ] {
      try require(value, in: finite, "augmentation.\(name)", "a number of at least 0")
    }
    try require(
      (0...1000).contains(changes.fixed), "augmentation.fixed", changes.fixed, "from 0 to 1000")
  }
}
