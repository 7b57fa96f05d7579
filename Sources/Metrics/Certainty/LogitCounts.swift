import Foundation
import Storage
import Torch

/// The pixels of images, counted by the logit of their probability, in two kinds.
///
/// The kinds are those of a mask: lesion and background, marked and not, or wrong and right.
///
/// Calibration error, Brier score, entropy and expected Dice under any monotone change of the
/// probabilities follow from these counts. So no pixel is kept, and no second pass is needed. A
/// logit belongs to one of 560 bins from -14 to 14, each 0.05 wide, and counts with the middle of
/// its bin.
package struct LogitCounts: Sendable, Equatable {
  /// The number of bins.
  package static let bins = 560
  /// The largest logit.
  package static let limit = 14.0
  /// The most pixels that are counted of a map; larger maps count every k-th row and column.
  package static let mostPixels = 1 << 16

  /// The pixels outside of the mask in each bin.
  package private(set) var negatives: [Double]
  /// The pixels of the mask in each bin.
  package private(set) var positives: [Double]

  /// Starts without pixels.
  package init() {
    negatives = [Double](repeating: 0, count: Self.bins)
    positives = negatives
  }

  /// The logits of the bins' middles.
  package static let logits: [Double] = {
    let width = 2 * limit / Double(bins)
    return (0..<bins).map { bin in (Double(bin) + 0.5) * width - limit }
  }()

  /// Counts the pixels of a map.
  ///
  /// - Parameters:
  ///   - probability: lesion probabilities, H×W.
  ///   - mask: bool H×W.
  /// - Throws: `TorchError` if the shapes differ.
  package init(_ probability: Tensor, of mask: Tensor) throws {
    self.init()
    guard mask.shape == probability.shape else {
      throw TorchError.value("a mask of \(mask.shape) and a map of \(probability.shape) differ")
    }
    let bins = try Self.bins(of: Self.sampled(probability)).reshaped([-1])
    let all = try Self.histogram(bins, .ones(bins.shape, dtype: .float64))
    positives = try Self.histogram(bins, Self.sampled(mask).to(.float64).reshaped([-1]))
    negatives = zip(all, positives).map { $0 - $1 }
  }

  /// Returns every k-th row and column of a map, with the least k that leaves at most
  /// ``mostPixels``.
  ///
  /// - Throws: `TorchError` for fewer than two dimensions.
  package static func sampled(_ map: Tensor) throws -> Tensor {
    let rank = map.rank
    let (height, width) = (try map.size(rank - 2), try map.size(rank - 1))
    var step = 1
    while ((height + step - 1) / step) * ((width + step - 1) / step) > mostPixels { step += 1 }
    return try step == 1 ? map : map.strided(dim: rank - 2, by: step).strided(dim: rank - 1, by: step)
  }

  /// Computes logits of probabilities, float64, from -14 to 14.
  ///
  /// - Throws: `TorchError` if memory is short.
  package static func logits(of probability: Tensor) throws -> Tensor {
    let least = 1 / (1 + exp(limit))
    let p = try probability.to(.float64).clamped(min: least, max: 1 - least)
    return try (p / (1 - p)).log()
  }

  private static func bins(of probability: Tensor) throws -> Tensor {
    let places = try ((logits(of: probability) + limit) * (Double(bins) / (2 * limit))).floor()
    return try places.clamped(min: 0, max: Double(bins - 1)).to(.int64)
  }

  private static func histogram(_ bins: Tensor, _ weights: Tensor) throws -> [Double] {
    try Tensor.zeros([Self.bins], dtype: .float64).scatteredSum(dim: 0, index: bins, source: weights)
      .doubles()
  }

  /// Adds the pixels of others.
  package mutating func merge(_ other: LogitCounts) {
    for bin in negatives.indices {
      negatives[bin] += other.negatives[bin]
      positives[bin] += other.positives[bin]
    }
  }

  /// The number of pixels.
  package var count: Double { negatives.reduce(0, +) + positives.reduce(0, +) }

  /// Brier score and calibration error of lesion and background under a change of the probabilities.
  ///
  /// - Parameter probability: the probability of a logit.
  /// - Returns: the mean of (p - y)², and the calibration error over the bins of ``Reliability``; nil
  ///   without pixels.
  package func scores(_ probability: (Double) -> Double) -> (brier: Double, error: Double)? {
    let number = Reliability.defaultBins
    var gaps = [Double](repeating: 0, count: number)
    var (squares, pixels) = (0.0, 0.0)
    for (bin, logit) in Self.logits.enumerated() {
      let (no, yes) = (negatives[bin], positives[bin])
      guard no + yes > 0 else { continue }
      let p = probability(logit)
      squares += no * p * p + yes * (1 - p) * (1 - p)
      let place = min(number - 1, max(0, Int((p * Double(number)).rounded(.up)) - 1))
      gaps[place] += (no + yes) * p - yes
      pixels += no + yes
    }
    guard pixels > 0 else { return nil }
    return (squares / pixels, gaps.reduce(0) { $0 + abs($1) } / pixels)
  }

  /// Counts wrong and right pixels by the entropy of their probability, in bits.
  ///
  /// - Parameter probability: the changed probability of a logit.
  /// - Returns: the pixels by entropy; the risk of a wrong pixel is 1.
  package func risks(_ probability: (Double) -> Double) -> RiskCounts {
    var found = RiskCounts()
    for (bin, logit) in Self.logits.enumerated() where negatives[bin] + positives[bin] > 0 {
      found.add(
        Self.entropy(probability(logit)), count: negatives[bin] + positives[bin], risk: positives[bin])
    }
    return found
  }

  /// The expected Dice of a mask whose pixels are lesion with given probabilities.
  ///
  /// It is 2·Σp over the mask / (pixels of the mask + Σp over the image). An empty mask scores 1 on
  /// an image without a lesion and 0 otherwise. It gets 1 less the highest probability, which
  /// stands for the chance of a lesion.
  ///
  /// - Parameter probability: the changed probability of a logit.
  /// - Returns: from 0 to 1.
  package func expectedDice(_ probability: (Double) -> Double) -> Double {
    var (inside, all, marked, highest) = (0.0, 0.0, 0.0, 0.0)
    for (bin, logit) in Self.logits.enumerated() where negatives[bin] + positives[bin] > 0 {
      let p = probability(logit)
      all += (negatives[bin] + positives[bin]) * p
      inside += positives[bin] * p
      marked += positives[bin]
      highest = max(highest, p)
    }
    return marked == 0 ? 1 - highest : 2 * inside / (marked + all)
  }

  /// The uncertainty of an image: entropy in relation to the expected lesion, from 0 to 1.
  ///
  /// It is ΣH / (ΣH + Σp) over pixels, with the entropy H of a pixel in bits; 0 if both are 0. Sure
  /// background adds nothing, so the number does not fall with the size of the background.
  ///
  /// - Parameter probability: the changed probability of a logit.
  /// - Returns: the uncertainty.
  package func uncertainty(_ probability: (Double) -> Double) -> Double {
    var (entropy, lesion) = (0.0, 0.0)
    for (bin, logit) in Self.logits.enumerated() {
      let pixels = negatives[bin] + positives[bin]
      guard pixels > 0 else { continue }
      let p = probability(logit)
      entropy += pixels * Self.entropy(p)
      lesion += pixels * p
    }
    return entropy + lesion > 0 ? entropy / (entropy + lesion) : 0
  }

  /// Returns the entropy of a yes or no, in bits.
  package static func entropy(_ p: Double) -> Double {
    guard p > 0, p < 1 else { return 0 }
    return -(p * log2(p) + (1 - p) * log2(1 - p))
  }
}
