import Datasets
import Foundation
import MCDRL
import Torch

/// Every setting of a training run; `config.json` holds all of them, resolved.
public struct RunConfiguration: Codable, Equatable, Sendable {
  /// The site that takes no part in training.
  public var holdOut = ""
  /// The sites that are trained on; empty for all others.
  public var sources: [String] = []
  /// The CLIP folder, or `random:FILE` for random weights of the geometry in that file.
  public var clip = ""
  /// The lesion class of images for which the data states none; empty for none.
  public var lesionClass = ""
  /// S: the side of the square that images are scaled to.
  public var imageSize = 224
  /// The seed of everything.
  public var seed: UInt64 = 0
  /// Passes over the training images.
  public var epochs = 50
  /// Images a step.
  public var batchSize = 16
  /// Steps whose gradients are added before the weights change.
  public var accumulation = 1
  /// The share of each source site's images that is kept to choose the epoch by.
  public var validationShare = 0.15
  /// How much of the image tower is trained.
  public var tune = Tuning.all
  /// Arithmetic of products and convolutions: `float32` or `bfloat16`.
  public var precision = Precision.float32
  /// Rates, decay and schedule.
  public var optimizer = OptimizerConfiguration()
  /// The share of the epochs after which the intervention is on; 10 of 50 in the paper.
  public var interventionStart = 0.2
  /// The weights of the losses.
  public var objective = ObjectiveWeights()
  /// The model.
  public var model = ModelConfiguration()
  /// Random changes of the training images.
  public var augmentation = Augmentation()

  /// The defaults.
  public init() {}

  /// The first epoch, counted from 0, in which the intervention is on.
  public var interventionEpoch: Int { Int((interventionStart * Double(epochs)).rounded()) }
}

/// Arithmetic of products and convolutions.
public enum Precision: String, Codable, Sendable, CaseIterable {
  case float32
  case bfloat16

  /// What autocast is asked for; nil for none.
  public var autocastType: DType? { self == .bfloat16 ? .bfloat16 : nil }
}

/// Rates, decay and schedule of AdamW.
public struct OptimizerConfiguration: Codable, Equatable, Sendable {
  /// Of the intervention and the head.
  public var learningRate = 0.005
  /// Of the image tower (ours: it starts from trained weights).
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

/// A setting that cannot be used; the message names it and what is possible.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// One or two lines.
  public let description: String

  /// Makes an error.
  public init(_ description: String) { self.description = description }
}

extension RunConfiguration {
  /// Lays a JSON5 file over these settings; only the settings that it names change.
  ///
  /// - Throws: `FileError` or `ConfigurationError` that names the file and the setting.
  public mutating func merge(contentsOf url: URL) throws {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw FileError.cannotRead(url, reason: FileError.reason(of: error))
    }
    guard let object = try? JSONSerialization.jsonObject(with: data, options: [.json5Allowed]),
      let settings = object as? [String: Any]
    else { throw ConfigurationError("\(url.path): it must hold one JSON5 object of settings") }
    self = try changed { try lay(settings, over: &$0, path: url.path) }
  }

  /// Changes one setting by its dotted name, such as `optimizer.learningRate=0.001`.
  ///
  /// - Throws: `ConfigurationError` that names the setting.
  public mutating func set(_ assignment: String) throws {
    guard let equals = assignment.firstIndex(of: "=") else {
      throw ConfigurationError("--set \(assignment): write key=value, such as optimizer.learningRate=0.001")
    }
    let keys = assignment[..<equals].split(separator: ".").map(String.init)
    let text = String(assignment[assignment.index(after: equals)...])
    let value =
      (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed, .json5Allowed]))
      ?? text
    let settings = keys.reversed().reduce(value) { [$1: $0] as [String: Any] }
    guard let settings = settings as? [String: Any], !keys.isEmpty else {
      throw ConfigurationError("--set \(assignment): the setting's name is missing")
    }
    self = try changed { try lay(settings, over: &$0, path: "--set \(assignment)") }
  }

  private func changed(_ change: (inout [String: Any]) throws -> Void) throws -> RunConfiguration {
    let data = try JSONEncoder().encode(self)
    guard var object = try JSONSerialization.jsonObject(with: data) as? [String: Any] else { return self }
    try change(&object)
    do {
      return try JSONDecoder().decode(
        RunConfiguration.self, from: JSONSerialization.data(withJSONObject: object))
    } catch {
      throw ConfigurationError("a setting has a value that it cannot take: \(explanation(of: error))")
    }
  }

  /// Checks what types cannot.
  ///
  /// - Throws: `ConfigurationError` that names the setting.
  public func validate() throws {
    func require(_ condition: Bool, _ text: String) throws {
      guard condition else { throw ConfigurationError(text) }
    }
    try require(epochs >= 1, "epochs is \(epochs); it must be at least 1")
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
    try require(augmentation.scale >= 1, "augmentation.scale must be at least 1")
  }
}

/// Lays settings over others of the same names; a name that does not exist is an error.
private func lay(_ settings: [String: Any], over target: inout [String: Any], path: String) throws {
  for (key, value) in settings {
    guard let old = target[key] else {
      let known = target.keys.sorted().joined(separator: ", ")
      throw ConfigurationError("\(path): there is no setting \"\(key)\"; here are \(known)")
    }
    if var inner = old as? [String: Any] {
      guard let value = value as? [String: Any] else {
        throw ConfigurationError("\(path): \"\(key)\" holds settings of its own: \(inner.keys.sorted())")
      }
      try lay(value, over: &inner, path: path)
      target[key] = inner
    } else {
      target[key] = value
    }
  }
}
