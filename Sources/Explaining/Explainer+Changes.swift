import Metrics
import Segmentation
import Torch
import Training

/// The masks of an image under changes of the model and of the image, at the image's own size.
///
/// It is what a review shows beside a mask. Numbers are those of `ExplainedImage`.
package struct ExplainedChanges: Sendable {
  /// A changed mask.
  package struct Change: Sendable {
    /// Dice with the mask of the model at S×S; two empty masks agree.
    package let dice: Double
    /// The changed mask, bool H×W.
    package let mask: Tensor
  }

  /// A confounder.
  package struct Entry: Sendable {
    /// The entry of the dictionary.
    package let confounder: Explanation.Confounder
    /// The mean attention to it; nil if the model has none.
    package let attention: Double?
    /// Its share of the zero-shot posterior.
    package let zeroShot: Double
    /// The mask of the model without this entry of its dictionary; nil for a model that sums over none.
    package let without: Change?
    /// The mask under do(z); nil without a mechanism, or for one that moves the image.
    package let added: Change?
  }

  /// Whether the model attends to its confounders.
  package let attends: Bool
  /// The confounders, in the order of the dictionary.
  package let entries: [Entry]
  /// The mask with the intervention off; nil for a model without one.
  package let off: Change?

  /// How much the mask moves: 1 less the lowest Dice under do(z); nil without a confounder to set.
  package var movement: Double? { entries.compactMap { $0.added?.dice }.min().map { 1 - $0 } }
}

extension Explainer {
  /// Computes what one image's mask would be without each confounder, and under do(z) of each.
  ///
  /// It takes two passes of the network and two short ones for each confounder.
  ///
  /// - Parameters:
  ///   - input: the image.
  ///   - strength: how strongly confounders are set, above 0 to 1.
  /// - Returns: the changed masks.
  /// - Throws: an error that names the file.
  package func changes(_ input: ExplanationInput, strength: Double = 1) throws -> ExplainedChanges {
    let read = try predictor.read(input.source, keepingPicture: false)
    let pixels = try (read.image.to(.float32) / 255).expandedDimension(0)
    let seen = try look(pixels, comparing: true)
    let mask = try seen.mask(predictor.rule)
    func change(_ probability: Tensor) throws -> ExplainedChanges.Change {
      let small = try predictor.rule.mask(probability)
      let large = try read.frame.restored(probability, height: read.height, width: read.width)
      return ExplainedChanges.Change(
        dice: try Overlaps(small, mask).dice[0],
        mask: try predictor.rule.mask(large.selected(dim: 0, index: 0).selected(dim: 0, index: 0)))
    }
    let without = try withoutEach(pixels)
    let attention = try attends ? seen.attention?.mean([0, 1]).doubles() : nil
    let zeroShot = try (seen.cosine / Self.temperature).softmax(dim: -1).doubles()
    let entries = try confounders.enumerated().map { index, confounder in
      let isSet = swept.contains(index) && !confounder.movesPixels
      let images = try isSet ? doing(index, strength, input.name, pixels, mask).images : nil
      return ExplainedChanges.Entry(
        confounder: confounder, attention: attention?[index], zeroShot: zeroShot[index],
        without: try without.isEmpty ? nil : change(without[index]),
        added: try images.map { try change(look($0).probability) })
    }
    return ExplainedChanges(attends: attends, entries: entries, off: try seen.off.map(change))
  }

  /// Computes the probabilities without each entry of the dictionary; empty for a method that sums over
  /// no dictionary, or in its own way.
  private func withoutEach(_ pixels: Tensor) throws -> [Tensor] {
    let count = confounders.count
    guard intervenes, traits.adjustment != nil, count > 1, !system.dictionary.isConstant else { return [] }
    return try inferenceMode {
      let encoded = try system.encoded(pixels)
      return try (0..<count).map { index in
        var pass = ForwardPass()
        pass.entries = try system.dictionary.entries.keeping((0..<count).filter { $0 != index })
        return try system(pixels, cached: .encoded(encoded), pass).logits.to(.float32).to(.cpu).sigmoid()
      }
    }
  }
}
