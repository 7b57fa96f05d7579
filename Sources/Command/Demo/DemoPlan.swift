import CLIP
import Confounders
import Explaining
import Foundation
import Storage
import Training

/// The parts of a demonstration; another call reads `demo.json` to see whether it may continue.
struct DemoPlan: Codable, Equatable {
  /// Whether this is the whole study.
  var full: Bool
  /// The images of a site that is trained on.
  var perSite: Int
  /// The images that score a site when it is held out.
  var testPerSite: Int
  /// The scenes that are rendered under every intervention.
  var sweep: Int
  /// The seeds of each method.
  var seeds: [UInt64]
  /// The epochs of each model.
  var epochs: Int
  /// How often a confounder follows the lesion at source sites.
  var link: Double
  /// The seed of the rendered world.
  var worldSeed: UInt64
  /// A hash of the CLIP model's weights.
  var weights: String
  /// The prompts.
  var prompts: PromptSet
  /// The version that began the demonstration.
  var version = MCDRLCommand.version

  /// Plans the short study, or the whole one.
  ///
  /// - Throws: `TorchError` if the weights cannot be read.
  init(full: Bool, link: Double, seed: UInt64, clip: CLIPModel, prompts: PromptSet) throws {
    self.full = full
    (perSite, testPerSite, sweep, epochs) = full ? (80, 60, 16, 16) : (40, 24, 6, 8)
    seeds = full ? [seed, seed + 1] : [seed]
    self.link = link
    worldSeed = seed
    weights = try Fingerprint.hash(of: clip)
    self.prompts = prompts
  }

  /// States the size of the study, and what its numbers can say.
  ///
  /// - Parameter sites: the number of sites.
  /// - Returns: sentences for the page and the terminal.
  func size(sites: Int) -> String {
    let numbers =
      "\(sites) sites, n = \(sites * testPerSite) scored images, \(counted(seeds.count, "seed")), "
      + counted(epochs, "epoch")
    return full
      ? "The whole study: \(numbers)."
      : "The short study: \(numbers). So few images and a single seed give wide intervals and no verdict; "
        + "mcdrl demo --full runs the whole study."
  }

  /// Limits the images of the figures that pass each image many times; the page states the limits.
  func limit(_ figures: inout StudyFigures) {
    guard !full else { return }
    (figures.adjustmentLimit, figures.coverageLimit) = (Self.shortLimit, Self.shortLimit)
  }

  /// The images of a site for each of these figures in the short study.
  private static let shortLimit = 8

  /// Returns the settings of every fold: a frozen, cached tower, and a head on the grid alone.
  func settings(data: URL, size: Int) -> RunConfiguration {
    var configuration = RunConfiguration()
    configuration.data = data.path
    configuration.clip = "tiny"
    configuration.model.method = .mcdrl
    configuration.imageSize = size
    configuration.epochs = epochs
    configuration.batchSize = 16
    configuration.tune = .none
    configuration.augmentation = .none
    configuration.validationShare = 0.2
    configuration.optimizer.learningRate = 0.002
    // There is no branch on the pixels: this is faster, and better on the validation split of the
    // source sites. So the head sees only features after the intervention.
    configuration.model.head.detailWidths = []
    configuration.model.head.gridWidth = 48
    return configuration
  }
}
