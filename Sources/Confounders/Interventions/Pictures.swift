import Torch

/// Pictures with their masks, and the confounders that were set in them, a row each.
///
/// Images are float32 from 0 to 1 with masks of 0 and 1 where networks read them, and uint8 with bool masks where they are
/// stored.
public struct Pictures: Sendable {
  /// B×3×S×S.
  public let images: Tensor
  /// B×1×S×S.
  public let masks: Tensor
  /// The strength of each confounder, 0 where it was not set: float32, B×M.
  public let applied: Tensor
  /// Whether positions no longer correspond to those of the picture without an intervention: bool, B.
  public let moved: Tensor

  /// Joins the parts.
  public init(images: Tensor, masks: Tensor, applied: Tensor, moved: Tensor) {
    self.images = images
    self.masks = masks
    self.applied = applied
    self.moved = moved
  }

  /// Pictures in which no confounder was set.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S.
  ///   - masks: B×1×S×S.
  ///   - count: M.
  /// - Throws: `TorchError` when memory does not suffice.
  public init(images: Tensor, masks: Tensor, confounders count: Int) throws {
    let rows = try images.size(0)
    self.init(
      images: images, masks: masks, applied: try .zeros([rows, count]),
      moved: try .zeros([rows], dtype: .bool))
  }

  /// All tensors: images, masks, applied, moved.
  package var tensors: [Tensor] { [images, masks, applied, moved] }

  /// The same with other images and masks.
  package func replacing(images: Tensor, masks: Tensor) -> Pictures {
    Pictures(images: images, masks: masks, applied: applied, moved: moved)
  }

  /// Stored pictures as networks read them.
  package var floats: Pictures {
    get throws { try replacing(images: images.to(.float32) / 255, masks: masks.to(.float32)) }
  }

  /// Pictures as they are stored.
  package var bytes: Pictures {
    get throws { try replacing(images: (images * 255).rounded().to(.uint8), masks: masks.to(.bool)) }
  }

  /// The rows of several, one after the other.
  package static func joined(_ all: [Pictures]) throws -> Pictures {
    Pictures(
      images: try .concatenated(all.map(\.images), dim: 0),
      masks: try .concatenated(all.map(\.masks), dim: 0),
      applied: try .concatenated(all.map(\.applied), dim: 0),
      moved: try .concatenated(all.map(\.moved), dim: 0))
  }
}

/// A draw among weighted choices.
package enum WeightedDraw {
  /// The choice that a draw falls on.
  ///
  /// - Parameters:
  ///   - draw: from 0 to below 1.
  ///   - weights: at least one, none negative; where all are 0 each choice is equally likely.
  /// - Returns: an index.
  package static func index(_ draw: Double, _ weights: [Double]) -> Int {
    let total = weights.reduce(0, +)
    guard total > 0 else { return min(weights.count - 1, Int(draw * Double(weights.count))) }
    var left = draw * total
    for (index, weight) in weights.enumerated() where weight > 0 {
      left -= weight
      if left < 0 { return index }
    }
    // Rounding may leave a little.
    return weights.lastIndex { $0 > 0 } ?? weights.count - 1
  }
}
