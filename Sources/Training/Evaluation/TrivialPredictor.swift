import Datasets
import Metrics
import Torch

/// A predictor that ignores the image; a model must beat all of them.
package enum TrivialPredictor: String, Codable, Sendable, CaseIterable {
  /// No pixel is lesion.
  case background = "all background"
  /// Every pixel is lesion.
  case lesion = "all lesion"
  /// The mean of the training masks is above one half of its largest value.
  case meanMask = "mean training mask"

  /// Returns the prediction at S×S, bool.
  ///
  /// - Parameter meanMask: the mean of the training masks, S×S, or K×S×S for K classes.
  /// - Returns: of the same shape, and the same for every image.
  /// - Throws: `TorchError` with libtorch's message.
  package func prediction(meanMask: Tensor) throws -> Tensor {
    switch self {
    case .background: try meanMask.less(than: 0)
    case .lesion: try meanMask.atLeast(0)
    case .meanMask:
      meanMask.rank == 2
        ? try meanMask.greater(than: meanMask.max([0, 1]).item() / 2)
        : try .stacked(meanMask.maskOfEachClass().map { try prediction(meanMask: $0) })
    }
  }

  /// Computes the mean mask of samples, S×S, with several classes K×S×S.
  ///
  /// - Throws: an error that names the file.
  package static func meanMask(_ bank: SampleBank) throws -> Tensor {
    var total: Tensor?
    // Images beyond the memory limit are decoded in parallel, some at a time.
    for start in stride(from: 0, to: bank.samples.count, by: 64) {
      let masks = try concurrentMap(count: min(64, bank.samples.count - start)) {
        try bank.pair(start + $0).mask.to(.float32)
      }
      for mask in masks { total = try total.map { try $0 + mask } ?? mask }
    }
    return try (total ?? .zeros([1, 1])) / Double(max(1, bank.samples.count))
  }

  /// States in a sentence each what a mean score of a model at a site hides.
  ///
  /// - Parameters:
  ///   - method: the name of the model.
  ///   - site: the site.
  ///   - own: the scores of the model.
  ///   - others: the mean Dice of these predictors on the same images, by name.
  /// - Returns: at most three sentences.
  package static func findings(
    _ method: String, at site: String, _ own: OverlapSummary,
    _ others: [String: (dice: Double, diceWithLesion: Double?)]
  ) -> [String] {
    let trivial = allCases.compactMap { item in
      others[item.rawValue].map {
        PredictionFindings.Trivial(name: item.rawValue, dice: $0.dice, diceWithLesion: $0.diceWithLesion)
      }
    }
    return PredictionFindings.sentences(method, [.init(name: "at \(site)", own: own, trivial: trivial)])
  }
}
