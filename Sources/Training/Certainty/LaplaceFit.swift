import Datasets
import Foundation
import Metrics
import Statistics
import Storage
import Torch

/// Fits Laplace's approximation of the head's last convolution on validation images.
///
/// Neighbouring pixels depend on each other, so the sum of the Gauss–Newton matrix over pixels
/// would make the weights far too sure. The matrix here is the mean over pixels, and its inverse is
/// multiplied by a number that is chosen by the log loss at left-out sites (ours; a tempered
/// posterior, as if each site had 1 / number independent pixels).
struct LaplaceFit {
  /// The result.
  struct Fitted {
    /// The part of `calibration.json`.
    let stored: Calibration.Laplace
    /// The wrong pixels of each left-out site by entropy.
    let risks: [String: RiskCounts]
  }

  /// The candidates for the factor of the covariance.
  static let factors = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10]
  /// The prior's precision as a share of the mean of the matrix's diagonal.
  static let prior = 1e-3

  private let predictor: Predictor
  private let samples: [Sample]
  private let sites: [String]

  /// Prepares the fit.
  init(_ predictor: Predictor, _ samples: [Sample], _ scalings: [String: LogitScaling]) {
    self.predictor = predictor
    self.samples = samples
    sites = scalings.keys.sorted()
  }

  /// Fits the approximation.
  ///
  /// - Parameter step: called after each prediction, two for each image.
  /// - Returns: the result; nil if the head's last layer cannot be read.
  /// - Throws: an error that names a file, or `TorchError`.
  func fitted(_ step: @escaping @Sendable () -> Void) throws -> Fitted? {
    let own = try curvatures(step)
    guard own.count == sites.count, let all = try Self.sum(sites.compactMap { own[$0] }) else { return nil }
    let approximations = try Dictionary(
      uniqueKeysWithValues: sites.map { site in
        // In the order of the names, so that the sum has the same last bits every time.
        let others = sites.filter { $0 != site }.compactMap { own[$0] }
        return (site, try Self.approximation(Self.sum(others) ?? all, factor: 1))
      })
    let found = try adjusted(approximations, step)
    // The loss of each factor at each left-out site, with the scaling of the other sites.
    let losses = Self.factors.indices.map { factor in
      sites.map { site -> Double in
        let counts = found.compactMapValues { $0[factor] }
        let others = counts.filter { $0.key != site }
        let scaling = Scalings.fitted(Scalings.sum((others.isEmpty ? counts : others).values.map(\.counts)))
        return Self.loss(counts[site]?.counts ?? LogitCounts(), scaling)
      }
    }
    func best(without left: Int?) -> Int {
      Self.factors.indices.min { first, second in
        func total(_ factor: Int) -> Double {
          sites.indices.filter { $0 != left || sites.count == 1 }.reduce(0) { $0 + losses[factor][$1] }
        }
        return total(first) < total(second)
      } ?? 0
    }
    var risks: [String: RiskCounts] = [:]
    for (place, site) in sites.enumerated() {
      let factor = best(without: place)
      let counts = found.compactMapValues { $0[factor] }
      let others = counts.filter { $0.key != site }
      let scaling = Scalings.fitted(Scalings.sum((others.isEmpty ? counts : others).values.map(\.counts)))
      risks[site] = counts[site]?.wrong.risks(scaling.probability)
    }
    let factor = best(without: nil)
    let scaling = Scalings.fitted(Scalings.sum(found.values.map { $0[factor].counts }))
    let final = try Self.approximation(all, factor: Self.factors[factor])
    let size = try final.covariance.size(0)
    let values = try final.covariance.doubles()
    let rows = (0..<size).map { Array(values[$0 * size..<($0 + 1) * size]) }
    let stored = Calibration.Laplace(covariance: rows, scaling: scaling)
    guard stored.approximation != nil else { return nil }
    return Fitted(stored: stored, risks: risks)
  }

  /// The pixels of one site by adjusted logit.
  private struct Adjusted: Sendable {
    /// Lesion and background.
    var counts = LogitCounts()
    /// Wrong and right.
    var wrong = LogitCounts()

    mutating func merge(_ other: Adjusted) {
      counts.merge(other.counts)
      wrong.merge(other.wrong)
    }
  }

  private func curvatures(_ step: @escaping @Sendable () -> Void) throws -> [String: LogisticLaplace
    .Curvature]
  {
    let (samples, predictor) = (samples, predictor)
    let found = try concurrentMap(count: samples.count, on: predictor.device) { index in
      defer { step() }
      return try predictor.curvature(samples[index])
    }
    var sums: [String: LogisticLaplace.Curvature] = [:]
    for (sample, curvature) in zip(samples, found) {
      guard let curvature else { continue }
      sums[sample.site] = try sums[sample.site]?.adding(curvature) ?? curvature
    }
    return sums
  }

  /// The pixels of each site by adjusted logit, by factor.
  private func adjusted(
    _ approximations: [String: LogisticLaplace], _ step: @escaping @Sendable () -> Void
  ) throws -> [String: [Adjusted]] {
    let (samples, predictor) = (samples, predictor)
    let found = try concurrentMap(count: samples.count, on: predictor.device) { index -> [Adjusted] in
      defer { step() }
      guard let laplace = approximations[samples[index].site] else { return [] }
      return try Self.adjusted(samples[index], predictor, laplace)
    }
    var sums: [String: [Adjusted]] = [:]
    for (sample, own) in zip(samples, found) where own.count == Self.factors.count {
      if sums[sample.site] == nil { sums[sample.site] = own.map { _ in Adjusted() } }
      for (factor, counts) in own.enumerated() { sums[sample.site]?[factor].merge(counts) }
    }
    return sums
  }

  private static func adjusted(
    _ sample: Sample, _ predictor: Predictor, _ laplace: LogisticLaplace
  ) throws -> [Adjusted] {
    let seen = try predictor.look(at: sample.image, keepingPicture: false)
    let shape = [seen.height, seen.width]
    let reference = try predictor.reader.mask(of: sample, imageSize: shape) ?? .zeros(shape, dtype: .bool)
    let reading = try predictor.reading(seen, CertaintyProbe(laplace: laplace))
    guard let variance = try reading.logitVariance.map({ try LogitCounts.sampled($0).to(.float64) }) else {
      return []
    }
    let wrong = try LogitCounts.sampled(Predictor.wrong(predictor.marked(reading.probability), reference))
    let logits = try LogitCounts.logits(of: LogitCounts.sampled(reading.probability))
    let lesion = try LogitCounts.sampled(reference)
    return try factors.map { factor in
      let changed = try LogisticLaplace.adjusted(logits, variance: variance * factor).sigmoid()
      return Adjusted(
        counts: try LogitCounts(changed, of: lesion), wrong: try LogitCounts(changed, of: wrong))
    }
  }

  private static func sum(_ curvatures: [LogisticLaplace.Curvature]) throws -> LogisticLaplace.Curvature? {
    guard let first = curvatures.first else { return nil }
    return try curvatures.dropFirst().reduce(first) { try $0.adding($1) }
  }

  /// Returns factor · (mean curvature + prior)⁻¹.
  private static func approximation(
    _ curvature: LogisticLaplace.Curvature, factor: Double
  ) throws -> LogisticLaplace {
    let mean = try curvature.matrix / (curvature.count * factor)
    let size = Double(try mean.size(0))
    let trace = try mean.eigenvectors().values.sum().item()
    return try LogisticLaplace(curvature: mean, prior: max(1e-12, prior * trace / size))
  }

  /// The mean log loss of pixels; 0 without pixels.
  private static func loss(_ counts: LogitCounts, _ scaling: LogitScaling) -> Double {
    let sum = LogitCounts.logits.indices.reduce(0.0) { sum, bin in
      let p = min(1 - 1e-12, max(1e-12, scaling.probability(ofLogit: LogitCounts.logits[bin])))
      return sum - counts.positives[bin] * log(p) - counts.negatives[bin] * log(1 - p)
    }
    return counts.count > 0 ? sum / counts.count : 0
  }
}

extension Predictor {
  /// The most positions of an image whose features enter the curvature.
  private static let mostPositions = 1 << 12

  /// Adds up the Gauss–Newton matrix of the head's last convolution over positions of an image at
  /// S×S.
  ///
  /// Of more than 4,096 positions every k-th row and column counts.
  ///
  /// - Parameter sample: the image; its mask is not read.
  /// - Returns: the matrix; nil without the common head.
  /// - Throws: an error that names the file.
  fileprivate func curvature(_ sample: Sample) throws -> LogisticLaplace.Curvature? {
    let input = try read(PredictionInput(sample.image), keepingPicture: false)
    let pixels = try (input.image.to(.float32) / 255).expandedDimension(0)
    return try inferenceMode {
      let output = try system.seeing(pixels).output
      guard let last = try output.last?.to(.float32).to(.cpu) else { return nil }
      let (height, width) = (try last.size(2), try last.size(3))
      var logits = try output.logits.to(.float32).to(.cpu)
      if logits.shape[2] != height || logits.shape[3] != width {
        logits = try logits.resized(height: height, width: width)
      }
      var step = 1
      while ((height + step - 1) / step) * ((width + step - 1) / step) > Self.mostPositions { step += 1 }
      func thinned(_ maps: Tensor) throws -> Tensor {
        try maps.strided(dim: 2, by: step).strided(dim: 3, by: step).permuted([0, 2, 3, 1])
          .reshaped([-1, maps.size(1)])
      }
      return try LogisticLaplace.Curvature(
        features: thinned(last), probability: thinned(logits).sigmoid())
    }
  }
}
