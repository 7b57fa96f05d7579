import Confounders
import Datasets
import Foundation
import Storage
import Training

/// Settings of a training in words, for a model card.
extension RunConfiguration {
  /// The optimiser with its rates and schedule.
  var optimiserWords: String {
    func number(_ value: Double) -> String { String(format: "%g", value) }
    let tower =
      tunedPart == .none ? "" : ", \(number(optimizer.towerLearningRate)) for the image tower"
    let steps = accumulation > 1 ? ", gradients of \(accumulation) batches added" : ""
    return "AdamW, rate \(number(optimizer.learningRate))\(tower), weight decay "
      + "\(number(optimizer.weightDecay)), warm-up over \(number(100 * optimizer.warmup)) % of the steps and a "
      + "cosine after it; batches of \(counted(batchSize, "image"))\(steps); \(precision.rawValue)"
  }

  /// The loss that every method has, and the mean of the weights.
  var lossWords: String {
    let dice = objective.dice > 0 ? " plus \(String(format: "%g", objective.dice)) × soft Dice" : ""
    let mean =
      switch averaging {
      case .none: ""
      case .exponential(let decay): "; moving average of the weights with the decay \(decay)"
      case .swad: "; mean of the weights over a flat valley of the validation score"
      }
    return "pixel cross-entropy\(dice), and the terms of the method\(mean)"
  }

  /// The random changes that are not neutral, with their values.
  var augmentationWords: String {
    get throws {
      guard !augmentation.isNone else { return "none" }
      let neutral = try JSONValue(encoding: Augmentation.none).leaves
      return try JSONValue(encoding: augmentation).leaves.filter { neutral[$0.key] != $0.value }
        .sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.text)" }.joined(separator: ", ")
    }
  }

  /// The share of images that appear again under do(z), and the confounders that are set.
  func interventionWords(_ prompts: PromptSet) -> String {
    guard interventionShare > 0 else { return "none" }
    let names = Interventions(
      prompts, without: interventions.without, styles: interventions.styles)
    return "\(String(format: "%g", 100 * interventionShare)) % of the images appear again with "
      + counted(interventions.count, "confounder") + " set, out of "
      + names.available.map { names.names[$0] }.joined(separator: ", ")
  }
}

extension Framing {
  /// The way in which an image enters the square, after "an image …".
  var words: String {
    switch self {
    case .squash: "is squeezed into the square"
    case .letterbox: "keeps its proportions, with black bars"
    case .view: "is cut to the endoscope's view, which is squeezed into the square"
    }
  }
}
