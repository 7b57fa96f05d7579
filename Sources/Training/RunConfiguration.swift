import Datasets
import Foundation
import Imaging
import Segmentation
import Storage
import Torch

/// Every setting of a training run; `config.json` holds all of them, resolved.
package struct RunConfiguration: Codable, Equatable, Sendable {
  /// The data folder.
  package var data = ""
  /// The site that takes no part in training.
  package var holdOut = ""
  /// The sites that are trained on; empty for all others.
  package var sources: [String] = []
  /// The CLIP folder, or `random:FILE` for random weights of the geometry in that file.
  package var clip = ""
  /// The lesion class of images for which the data states none; empty for none.
  package var lesionClass = ""
  /// M: how many of the prompt file's confounders make the dictionary, taken in turn from its groups; 0 for all.
  package var confounders = 0
  /// S: the side of the square that images are scaled to.
  package var imageSize = 224
  /// Larger images are refused before they are decoded.
  package var maxPixels = ImageLimits.default.maximumPixels
  /// The seed of everything.
  package var seed: UInt64 = 0
  /// Passes over the training images.
  package var epochs = 50
  /// Images a step.
  package var batchSize = 16
  /// Steps whose gradients are added before the weights change.
  package var accumulation = 1
  /// The share of each source site's images that is kept to choose the epoch by.
  package var validationShare = 0.15
  /// How much of the image tower is trained.
  package var tune = Tuning.all
  /// Where the network is computed: `cpu`, `cuda:0` or `mps`.
  package var device = Device.cpu
  /// Arithmetic of products and convolutions: `float32` or `bfloat16`.
  package var precision = Precision.float32
  /// Rates, decay and schedule.
  package var optimizer = OptimizerConfiguration()
  /// The share of the epochs after which the intervention is on; 10 of 50 in the paper.
  package var interventionStart = 0.2
  /// The weights of the losses.
  package var objective = ObjectiveWeights()
  /// The model.
  package var model = ModelConfiguration()
  /// Random changes of the training images.
  package var augmentation = Augmentation()
  /// Training on interventions.
  package var interventions = InterventionTraining()

  /// The defaults.
  package init() {}

  /// How images are read.
  package var reader: SampleReader {
    SampleReader(size: imageSize, limits: ImageLimits(maximumPixels: maxPixels))
  }

  /// Whether layers that are not trained see the same pictures in every epoch, so that what they make of them can be kept.
  package var keepsFeatures: Bool {
    tune != .all && (augmentation.isNone || augmentation.fixed > 0)
      && model.method.plugin?.changesImages != true
  }

  /// Whether a fixed number of interventions is drawn, so that what frozen layers make of them can be kept, too.
  package var fixesInterventions: Bool { keepsFeatures && interventions.share > 0 }

  /// The first epoch, counted from 0, in which the intervention is on.
  package var interventionEpoch: Int { Int((interventionStart * Double(epochs)).rounded()) }
}

/// Training on interventions (ours): images are shown as they are, x, and again with a confounder set, do(z)x.
///
/// The mechanisms that set confounders stand in the prompt file; z is drawn from P(z), `model.intervention.prior`.
package struct InterventionTraining: Codable, Equatable, Sendable {
  /// The share of a batch's images that are shown again as do(z)x; 0 for none.
  package var share = 1.0
  /// How many do(z)x are drawn for each picture where layers are frozen and see the same pictures in every epoch; otherwise
  /// each step draws anew.
  package var variants = 4
  /// How many confounders are set at once.
  package var count = 1
  /// The weight of L_seg on do(z)x beside 1 on x.
  package var segmentation = 1.0
  /// The weight of the distance between the grids that the head is handed of x and of do(z)x: F_ca, and C where nothing
  /// was selected.
  package var invariance = 0.5
  /// The weight of the cross-entropy of the attention with the z that was set.
  package var attention = 0.1

  /// The defaults.
  package init() {}
}

/// Rates, decay and schedule of AdamW.
package struct OptimizerConfiguration: Codable, Equatable, Sendable {
  /// Of the intervention and the head.
  package var learningRate = 0.005
  /// Of the image tower (ours: it starts from trained weights).
  package var towerLearningRate = 1e-5
  /// Decoupled weight decay of both.
  package var weightDecay = 0.01
  /// The share of all steps over which the rate rises.
  package var warmup = 0.03
  /// The rate left at the end of the cosine, as a share.
  package var floor = 0.0
  /// The largest common norm of all gradients.
  package var gradientClip = 1.0

  /// The defaults.
  package init() {}
}

/// A setting that cannot be used; the message names it and what is possible.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// One or two lines.
  package let description: String

  /// Makes an error.
  package init(_ description: String) { self.description = description }
}

extension RunConfiguration {
  /// Lays a JSON5 file over these settings; only the settings that it names change.
  ///
  /// - Throws: `FileError` or `ConfigurationError` that names the file and the setting.
  package mutating func merge(contentsOf url: URL) throws { try merge(contentsOf: url) { $0 } }

  /// Lays a JSON5 file over these settings, read as something says.
  mutating func merge(contentsOf url: URL, as reading: (JSONValue) -> JSONValue) throws {
    let data = try Data(file: url)
    guard let settings = try? JSONValue(json5: data), settings.members != nil else {
      throw ConfigurationError("\(url.path): it must hold one JSON5 object of settings")
    }
    self = try laid(reading(settings), source: url.path)
  }

  /// Changes one setting by its dotted name, such as `optimizer.learningRate=0.001`.
  ///
  /// - Parameters:
  ///   - assignment: `key=value`, or `key*=factor` for a multiple of what is set so far.
  ///   - option: where it was given, for the message.
  /// - Throws: `ConfigurationError` that names the setting.
  package mutating func set(_ assignment: String, option: String = "--set") throws {
    guard let equals = assignment.firstIndex(of: "=") else {
      throw ConfigurationError(
        "\(option) \(assignment): write key=value, such as optimizer.learningRate=0.001")
    }
    let times = Self.isMultiple(assignment)
    let keys = assignment[..<equals].dropLast(times ? 1 : 0).split(separator: ".").map(String.init)
    let text = String(assignment[assignment.index(after: equals)...])
    let value = try times ? multiple(of: keys, by: text, assignment, option) : Self.value(text)
    guard !keys.isEmpty else {
      throw ConfigurationError("\(option) \(assignment): the setting's name is missing")
    }
    let settings = keys.reversed().reduce(value) { JSONValue.object([$1: $0]) }
    self = try laid(settings, source: "\(option) \(assignment)")
  }

  /// Whether an assignment is `key*=factor`, whose outcome hangs on what is set so far.
  package static func isMultiple(_ assignment: String) -> Bool {
    assignment.prefix { $0 != "=" }.hasSuffix("*")
  }

  private static func value(_ text: String) -> JSONValue {
    (try? JSONValue(json5: Data(text.utf8))) ?? .string(text)
  }

  /// A setting's own number times another: `epochs*=2`.
  private func multiple(
    of keys: [String], by text: String, _ assignment: String, _ option: String
  ) throws -> JSONValue {
    switch (try JSONValue(encoding: self).leaves[keys.joined(separator: ".")], Self.value(text)) {
    case (.integer(let own)?, .integer(let factor)):
      let (product, overflows) = own.multipliedReportingOverflow(by: factor)
      if !overflows { return .integer(product) }
    case (.number(let own)?, .number(let factor)): return .number(own * factor)
    case (.number(let own)?, .integer(let factor)): return .number(own * Double(factor))
    default: break
    }
    throw ConfigurationError(
      "\(option) \(assignment): *= multiplies a number by a number, a whole one by a whole one")
  }

  /// The settings that another configuration has otherwise: dotted names in order, with the values here.
  ///
  /// - Throws: `EncodingError`, which settings that were decoded never meet.
  package func differences(from other: RunConfiguration) throws -> [(name: String, value: String)] {
    let others = try JSONValue(encoding: other).leaves
    return try JSONValue(encoding: self).leaves.filter { others[$0.key] != $0.value }
      .sorted { $0.key < $1.key }.map { ($0.key, $0.value.text) }
  }

  private func laid(_ settings: JSONValue, source: String) throws -> RunConfiguration {
    let all = try lay(settings, over: JSONValue(encoding: self), source)
    do {
      return try all.decoded(as: RunConfiguration.self)
    } catch {
      throw ConfigurationError("\(source): a value that this setting cannot take: \(explanation(of: error))")
    }
  }

  /// Checks what types cannot.
  ///
  /// - Throws: `ConfigurationError` that names the setting.
  package func validate() throws {
    func require(_ condition: Bool, _ text: String) throws {
      guard condition else { throw ConfigurationError(text) }
    }
    do { try device.requireAvailable() } catch { throw ConfigurationError("device: \(error)") }
    try require(precision != .int8, "precision: int8 is for inference alone; train in float32 or bfloat16")
    try require(epochs >= 1, "epochs is \(epochs); it must be at least 1")
    try require(confounders >= 0, "confounders is \(confounders); it must be at least 0")
    try require(batchSize >= 1, "batchSize is \(batchSize); it must be at least 1")
    try require(accumulation >= 1, "accumulation is \(accumulation); it must be at least 1")
    try require((16...2048).contains(imageSize), "imageSize is \(imageSize); it must be from 16 to 2048")
    try require(
      (0..<1).contains(validationShare), "validationShare is \(validationShare); it must be from 0 to below 1"
    )
    try require(
      (0...1).contains(interventionStart), "interventionStart is \(interventionStart); it must be from 0 to 1"
    )
    try require(optimizer.learningRate > 0, "optimizer.learningRate must be above 0")
    try require(optimizer.gradientClip > 0, "optimizer.gradientClip must be above 0")
    try require(
      (0...1).contains(interventions.share),
      "interventions.share is \(interventions.share); it must be from 0 to 1")
    try require(interventions.variants >= 1, "interventions.variants must be at least 1")
    try require(interventions.count >= 1, "interventions.count must be at least 1")
    for (name, value) in [
      ("interventions.segmentation", interventions.segmentation),
      ("interventions.invariance", interventions.invariance),
      ("interventions.attention", interventions.attention),
      ("model.intervention.evidence", model.intervention.evidence),
    ] {
      try require(value >= 0 && value.isFinite, "\(name) is \(value); it must be a number of at least 0")
    }
    let known = model.method.plugin?.defaults.keys.sorted() ?? []
    if let stranger = model.options.keys.sorted().first(where: { !known.contains($0) }) {
      let options =
        known.isEmpty ? "the method \(model.method) has none" : "use \(known.joined(separator: ", "))"
      throw ConfigurationError("model.options.\(stranger): not known; \(options)")
    }
    try require(augmentation.scale >= 1, "augmentation.scale must be at least 1")
    try require(
      augmentation.fixed >= 0, "augmentation.fixed is \(augmentation.fixed); it must be at least 0")
  }
}

/// Lays settings over others of the same names; a name that does not exist is an error.
private func lay(_ settings: JSONValue, over base: JSONValue, _ source: String) throws -> JSONValue {
  guard case .object(var members) = base else { return settings }
  guard case .object(let given) = settings else {
    throw ConfigurationError(
      "\(source): write one of \(members.keys.sorted().joined(separator: ", ")) after a dot")
  }
  for (key, value) in given {
    guard let old = members[key] else {
      let known = members.keys.sorted().joined(separator: ", ")
      throw ConfigurationError("\(source): there is no setting \"\(key)\"; here are \(known)")
    }
    // Which options a method that plugs in has is checked with the method.
    let isOpen = key == "options" && value.members != nil
    members[key] = isOpen ? merged(value, over: old) : try lay(value, over: old, source)
  }
  return .object(members)
}

private func merged(_ settings: JSONValue, over base: JSONValue) -> JSONValue {
  .object((base.members ?? [:]).merging(settings.members ?? [:]) { $1 })
}
