import Foundation
import Torch

/// A change of logits that calibrates probabilities: p = σ(scale · logit + bias).
///
/// With bias 0 it is temperature scaling with T = 1 / scale (Guo et al., "On Calibration of Modern
/// Neural Networks", ICML 2017). With a bias it is Platt's scaling, which also mends a share of
/// lesion that is off. A scale above 0 keeps the order of pixels.
package struct LogitScaling: Codable, Equatable, Sendable {
  /// The factor of the logit, above 0.
  package let scale: Double
  /// The number that is added.
  package let bias: Double

  /// The change that leaves probabilities as they are.
  package static let identity = LogitScaling(scale: 1, bias: 0)

  /// Makes a change from its two numbers.
  package init(scale: Double, bias: Double = 0) {
    self.scale = scale
    self.bias = bias
  }

  /// The temperature, 1 / scale.
  package var temperature: Double { 1 / scale }

  /// Whether both numbers are finite and the scale is above 0.
  package var isUsable: Bool { scale.isFinite && scale > 0 && bias.isFinite }

  /// Returns the calibrated probability of a logit.
  package func probability(ofLogit logit: Double) -> Double { 1 / (1 + exp(-(scale * logit + bias))) }

  /// The largest and smallest scale that a fit may find.
  ///
  /// Without them, cases that a threshold separates perfectly would have no best scale.
  static let range = 0.01...100.0

  /// Fits the change that minimises the log loss of counted cases, by Newton's method.
  ///
  /// - Parameters:
  ///   - logits: the logits.
  ///   - positives: the number of true cases with each logit.
  ///   - negatives: the number of false cases with each logit.
  ///   - fitsBias: whether the bias is fitted; otherwise it is 0.
  /// - Returns: the fit; the identity if there is no true or no false case.
  package static func fitted(
    logits: [Double], positives: [Double], negatives: [Double], fitsBias: Bool = true
  ) -> LogitScaling {
    guard positives.contains(where: { $0 > 0 }), negatives.contains(where: { $0 > 0 }) else {
      return identity
    }
    let rows = zip(logits, zip(positives, negatives)).map { (z: $0, yes: $1.0, no: $1.1) }
      .filter { $0.yes + $0.no > 0 }
    let total = rows.reduce(0) { $0 + $1.yes + $1.no }
    func loss(_ scaling: LogitScaling) -> Double {
      rows.reduce(0) { sum, row in
        let x = scaling.scale * row.z + scaling.bias
        // log(1 + eˣ) without overflow.
        let softplus = max(x, 0) + log1p(exp(-abs(x)))
        return sum + (row.yes + row.no) * softplus - row.yes * x
      } / total
    }
    var found = identity
    var value = loss(found)
    for _ in 0..<100 {
      var (gScale, gBias, hScale, hBoth, hBias) = (0.0, 0.0, 0.0, 0.0, 0.0)
      for row in rows {
        let p = found.probability(ofLogit: row.z)
        let off = ((row.yes + row.no) * p - row.yes) / total
        let weight = (row.yes + row.no) * p * (1 - p) / total
        gScale += off * row.z
        gBias += off
        hScale += weight * row.z * row.z
        hBoth += weight * row.z
        hBias += weight
      }
      // A little damping, so that the step exists where the loss is flat.
      hScale += 1e-12
      hBias += 1e-12
      let determinant = hScale * hBias - hBoth * hBoth
      let step =
        fitsBias && determinant > 1e-24
        ? (
          scale: (hBias * gScale - hBoth * gBias) / determinant,
          bias: (hScale * gBias - hBoth * gScale) / determinant
        )
        : (scale: gScale / hScale, bias: 0)
      var (length, isBetter) = (1.0, false)
      while length > 1e-6, !isBetter {
        let scale = min(range.upperBound, max(range.lowerBound, found.scale - length * step.scale))
        let next = LogitScaling(scale: scale, bias: found.bias - length * step.bias)
        let nextValue = loss(next)
        if nextValue < value {
          isBetter = true
          let gain = value - nextValue
          (found, value) = (next, nextValue)
          if gain < 1e-14 { return found }
        }
        length /= 2
      }
      guard isBetter else { return found }
    }
    return found
  }

  /// Calibrates a map of logits.
  ///
  /// - Parameter logits: any shape.
  /// - Returns: probabilities of the same shape.
  /// - Throws: `TorchError` if memory is short.
  package func probabilities(ofLogits logits: Tensor) throws -> Tensor {
    try (logits * scale + bias).sigmoid()
  }
}
