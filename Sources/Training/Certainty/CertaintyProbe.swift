import Metrics
import Segmentation
import Statistics
import Torch

/// What a pass reads beside probabilities, for the certainty of a prediction.
struct CertaintyProbe: Sendable {
  /// Laplace's approximation of the head's last convolution; nil leaves its variance out.
  var laplace: LogisticLaplace?
}

extension CompiledSystem {
  /// The results of one pass.
  struct Look {
    /// The lesion probabilities, float32 B×1×S×S on the CPU.
    let probability: Tensor
    /// The variance of the logits by Laplace's approximation, float32 B×1×S×S; nil without one.
    let logitVariance: Tensor?
    /// The pooled features, float32 B×d on the CPU, by name; empty without a probe.
    let pooled: [String: Tensor]
  }

  /// Segments a batch.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S from 0 to 1, on any device.
  ///   - cached: the features of all images; nil runs the tower.
  ///   - probe: what is read beside the probabilities; nil for nothing.
  /// - Returns: the results; the probabilities are those of `probabilities`.
  /// - Throws: `TorchError` if the shapes do not fit.
  func look(_ images: Tensor, cached: FrozenFeatures?, _ probe: CertaintyProbe?) throws -> Look {
    guard let probe else {
      return Look(probability: try probabilities(images, cached: cached), logitVariance: nil, pooled: [:])
    }
    return try inferenceMode {
      let (output, encoded) = try seeing(images, cached: cached)
      let probability = try output.logits.to(.float32).sigmoid().to(.cpu)
      var variance: Tensor?
      if let laplace = probe.laplace, let last = try output.last?.to(.float32).to(.cpu) {
        variance = try Self.variance(laplace, last, height: images.size(2), width: images.size(3))
      }
      return Look(
        probability: probability, logitVariance: variance,
        pooled: try Self.pooled(encoded, output, ignoresTower: configuration.method.traits.ignoresTower)
          .merging([FamiliarityFit.appearance: Self.appearance(images)]) { first, _ in first })
    }
  }

  /// Computes the variance of the logits, B×1×S×S, from the input of the last convolution, B×c×h×w.
  private static func variance(
    _ laplace: LogisticLaplace, _ last: Tensor, height: Int, width: Int
  ) throws -> Tensor {
    let shape = last.shape
    let rows = try last.permuted([0, 2, 3, 1]).reshaped([shape[0] * shape[2] * shape[3], shape[1]])
    let found = try laplace.variance(of: rows).to(.float32).reshaped([shape[0], 1, shape[2], shape[3]])
    return shape[2] == height && shape[3] == width ? found : try found.resized(height: height, width: width)
  }

  /// The pooled features of images, by name.
  ///
  /// `dense` is the mean of the tower's dense features over positions. `texture` is the mean and
  /// the deviation over positions of the first tower layer that the model reads, or of the dense
  /// features. A method that ignores the tower has `head`, the mean of the head's features.
  private static func pooled(
    _ encoded: EncodedImages, _ output: SegmentationOutput, ignoresTower: Bool
  ) throws -> [String: Tensor] {
    guard !ignoresTower else {
      return try output.features.map { ["head": try $0.to(.float32).to(.cpu).mean([2, 3])] } ?? [:]
    }
    let dense = try encoded.dense.to(.float32).to(.cpu)
    let layer = try encoded.layers.first?.to(.float32).to(.cpu) ?? dense
    let deviation = try layer.variance([1, 2], correction: 0).squareRoot()
    return [
      "dense": try dense.mean([1, 2]),
      "texture": try Tensor.concatenated([layer.mean([1, 2]), deviation], dim: 1),
    ]
  }
}

extension CompiledSystem {
  /// The appearance of pictures, float32 B×11, from B×3×S×S.
  ///
  /// These are mean and deviation of each colour, mean and deviation of the saturation, the mean
  /// steps between neighbours in both directions, and the share of dark pixels.
  private static func appearance(_ images: Tensor) throws -> Tensor {
    let pixels = try images.to(.float32).to(.cpu)
    let (height, width) = (try pixels.size(2), try pixels.size(3))
    let brightest = try pixels.max([1], keepDimensions: true)
    let saturation = try brightest - pixels.min([1], keepDimensions: true)
    func step(_ dim: Int, _ size: Int) throws -> Tensor {
      guard size > 1 else { return try brightest.mean([2, 3]).zerosLike() }
      let next = try pixels.narrowed(dim: dim, start: 1, length: size - 1)
      return try (next - pixels.narrowed(dim: dim, start: 0, length: size - 1)).magnitude()
        .mean([1, 2, 3]).expandedDimension(1)
    }
    func deviation(_ values: Tensor) throws -> Tensor {
      try values.variance([2, 3], correction: 0).squareRoot()
    }
    return try .concatenated(
      [
        pixels.mean([2, 3]), deviation(pixels), saturation.mean([2, 3]), deviation(saturation),
        step(2, height), step(3, width), brightest.less(than: 0.06).to(.float32).mean([2, 3]),
      ], dim: 1)
  }
}

extension Predictor {
  /// The passes of the network for one batch at one scale.
  struct Passes {
    /// The probabilities by each model of each view, moved back: B×1×side×side.
    let maps: [Tensor]
    /// The mean variance of the logits, B×1×side×side; nil without Laplace's approximation.
    let logitVariance: Tensor?
    /// The pooled features of the images as they are, B×d, by name.
    let pooled: [String: Tensor]

    /// The mean of all passes.
    func mean() throws -> Tensor { maps.count == 1 ? maps[0] : try Tensor.stacked(maps).mean([0]) }
  }

  /// All that is known of the prediction of one image, at its own size.
  struct Reading {
    /// The lesion probability, float32 H×W: the mean over passes and scales.
    let probability: Tensor
    /// Twice the deviation of the passes, float32 H×W from 0 to 1; nil for a single one.
    let spread: Tensor?
    /// The variance of the logit, float32 H×W; nil without Laplace's approximation.
    let logitVariance: Tensor?
    /// The mean Dice of the passes' masks with that of their mean; nil for a single one.
    let agreement: Double?
    /// The pooled features at S×S, by name.
    let pooled: [String: [Float]]
  }

  /// Predicts an image and reads what its certainty follows from.
  ///
  /// - Parameters:
  ///   - seen: the image.
  ///   - cached: cached features of the image as it is at S×S, if any.
  ///   - probe: what is read beside the probabilities.
  ///   - change: changes the pixels of a square, 1×3×side×side from 0 to 1, before the network.
  /// - Returns: the prediction, with the probability of `Seen.probability`.
  /// - Throws: `TorchError` if memory is short, or the error of `change`.
  func reading(
    _ seen: Seen, cached: FrozenFeatures? = nil, _ probe: CertaintyProbe,
    changing change: ((Tensor) throws -> Tensor)? = nil
  ) throws -> Reading {
    guard !seen.squares.isEmpty else {
      throw TorchError.value("inference.scales is empty; it must be [1]")
    }
    let all = try seen.squares.map { square in
      let pixels = try Seen.pixels(square)
      let isOwn = square.frame.size == configuration.imageSize && change == nil
      return try passes(change.map { try $0(pixels) } ?? pixels, cached: isOwn ? cached : nil, probe)
    }
    // Features of known images are those at S×S.
    let own = seen.squares.firstIndex { $0.frame.size == configuration.imageSize } ?? 0
    let hasSpread = all[own].maps.count > 1
    let variances = all.compactMap(\.logitVariance)
    return Reading(
      probability: try seen.atOwnSize(all.map { try $0.mean() }),
      spread: hasSpread ? try seen.atOwnSize(all.map { try SpreadUncertainty.spread(of: $0.maps) }) : nil,
      logitVariance: variances.count == all.count ? try seen.atOwnSize(variances) : nil,
      agreement: hasSpread ? try Self.agreement(all[own].maps, threshold) : nil,
      pooled: try all[own].pooled.mapValues { try $0.floats() })
  }

  /// The mean Dice of the masks of maps with the mask of their mean; two empty masks count 1.
  private static func agreement(_ maps: [Tensor], _ threshold: MaskThreshold) throws -> Double {
    let stacked = try Tensor.stacked(maps)
    let cut: Double = if case .fixed(let probability) = threshold { probability } else { 0.5 }
    let own = try stacked.atLeast(cut).to(.float32).flattened(from: 1)
    let mean = try stacked.mean([0], keepDimensions: true).atLeast(cut).to(.float32).flattened(from: 1)
    let (both, sum) = (try (own * mean).sum([1]) * 2, try own.sum([1]) + mean.sum([1]))
    let areEmpty = try sum.equals(0).to(.float32)
    return try ((both + areEmpty) / (sum + areEmpty)).mean().item()
  }
}
