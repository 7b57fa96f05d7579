import CLIP
import Foundation
import Studies
import Torch
import Training

/// What `mcdrl loso` and `mcdrl ablate` take alike.
enum StudyOptions {
  static let common: [Option] =
    [
      .one("data", "DATA", "folder of sites, or a sites.json5"),
      .one("clip", "CLIP", "tiny, a CLIP folder, or random:FILE for random weights of that geometry"),
      .one("out", "DIR", "where runs, results.json, images.csv and report.html go"),
      .one("seeds", "0,1,2", "seeds of each (0)"),
      .one("prompts", "FILE", "prompt file (Prompts/endoscopy.json5)"),
      .one("config", "FILE", "JSON5 file of settings"),
      .many("set", "key=value", "settings by dotted name; they win over --config"),
      .many("choose", "key=v1,v2", "settings that each fold chooses on its source sites' validation split"),
      .one("epochs", "N", "passes over the training images (50)"),
      .one("tune", "none|last-N|all", "how much of the image tower is trained"),
      .one("workers", "N", "folds trained side by side (the processor's cores), each with --threads (1)"),
      .one("threshold", "P", "from which probability on a pixel is lesion (0.5)"),
      .one("tolerance", "D", "of the normalised surface Dice, pixels or with --spacing mm (2)"),
      .one("spacing", "X[,Y]", "mm per pixel, across and down, of all sites; distances are then in mm"),
      .flag("allow-leakage", "go on though the same patient or picture stands at two sites"),
    ] + CacheOptions.all

  /// The plan that the options describe.
  ///
  /// - Throws: `UsageError` or an error that names the setting.
  static func plan(
    study: String, arms: @autoclosure () throws -> [Arm], _ arguments: Arguments
  ) throws -> StudyPlan {
    do {
      return try unchecked(study: study, arms: arms(), arguments)
    } catch let error as ConfigurationError {
      // What was asked for cannot be; nothing has been done.
      throw UsageError(description: error.description)
    }
  }

  /// The settings that validation chooses.
  ///
  /// - Throws: `UsageError` that says how to write them.
  static func choices(_ arguments: Arguments) throws -> [Choice] {
    do {
      return try arguments.all("choose").map(Choice.init(parsing:))
    } catch let error as ConfigurationError {
      throw UsageError(description: error.description)
    }
  }

  private static func unchecked(study: String, arms: [Arm], _ arguments: Arguments) throws -> StudyPlan {
    var configuration = RunConfiguration()
    configuration.imageSize = 0
    configuration.data = try arguments.required("data")
    try TrainSettings.adapt(&configuration, toClip: arguments.required("clip"))
    try TrainSettings(arguments).apply(to: &configuration)
    configuration.seed = 0
    if configuration.imageSize == 0 {
      configuration.imageSize = try CLIPModel.load(ProjectFiles.clip(configuration.clip), seed: 0)
        .configuration.vision.imageSize
    }
    var plan = StudyPlan(
      study: study, configuration: configuration, arms: arms, seeds: try seeds(arguments),
      version: MCDRLCommand.version)
    plan.choices = try choices(arguments)
    plan.threshold = try arguments.probability("threshold") ?? plan.threshold
    (plan.tolerance, plan.spacing) = (try arguments.tolerance(), try arguments.spacing())
    try plan.validate()
    return plan
  }

  private static func seeds(_ arguments: Arguments) throws -> [UInt64] {
    guard let text = arguments.last("seeds") else {
      return [UInt64(try arguments.integer("seed") ?? 0)]
    }
    return try text.split(separator: ",").map { part in
      guard let seed = UInt64(part) else {
        throw UsageError(description: "--seeds \(text): whole numbers with commas between, such as 0,1,2")
      }
      return seed
    }
  }
}
