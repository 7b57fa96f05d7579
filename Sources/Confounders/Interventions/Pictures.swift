import Torch

/// Images with their masks and their applied confounders, one row per image.
///
/// Images are float32 from 0 to 1 with masks of 0 and 1 if networks read them. They are uint8 with
/// bool masks if they are stored.
public struct Pictures: Sendable {
  /// B×3×S×S.
  public let images: Tensor
  /// B×K×S×S.
  public let masks: Tensor
  /// The strength of each confounder, 0 if it was not applied: float32, B×M.
  public let applied: Tensor
  /// Whether positions differ from those of the image without an intervention: bool, B.
  public let moved: Tensor

  /// Makes a value from its parts.
  public init(images: Tensor, masks: Tensor, applied: Tensor, moved: Tensor) {
    self.images = images
    self.masks = masks
    self.applied = applied
    self.moved = moved
  }

  /// Makes a value of images without an applied confounder.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S.
  ///   - masks: B×K×S×S.
  ///   - count: M.
  /// - Throws: `TorchError` if memory does not suffice.
  public init(images: Tensor, masks: Tensor, confounders count: Int) throws {
    let rows = try images.size(0)
    self.init(
      images: images, masks: masks, applied: try .zeros([rows, count]),
      moved: try .zeros([rows], dtype: .bool))
  }

  /// All tensors: images, masks, applied, moved.
  package var tensors: [Tensor] { [images, masks, applied, moved] }

  /// Returns the same value with other images and masks.
  package func replacing(images: Tensor, masks: Tensor) -> Pictures {
    Pictures(images: images, masks: masks, applied: applied, moved: moved)
  }

  /// Stored images in the form for networks.
  package var floats: Pictures {
    get throws { try replacing(images: images.to(.float32) / 255, masks: masks.to(.float32)) }
  }

  /// Images in the form for storage.
  package var bytes: Pictures {
    get throws { try replacing(images: (images * 255).rounded().to(.uint8), masks: masks.to(.bool)) }
  }

  /// Selects rows, in the given order.
  ///
  /// - Throws: `TorchError` if a row does not exist.
  package func rows(_ rows: [Int]) throws -> Pictures {
    func chosen(_ tensor: Tensor) throws -> Tensor { try tensor.indexed(Tensor(rows).to(tensor.device)) }
    return Pictures(
      images: try chosen(images), masks: try chosen(masks), applied: try chosen(applied),
      moved: try chosen(moved))
  }

  /// Concatenates the rows of several values.
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
  /// Returns the choice of a draw.
  ///
  /// - Parameters:
  ///   - draw: from 0 to below 1.
  ///   - weights: at least one, none negative; if all are 0, each choice is equally likely.
  /// - Returns: an index.
  package static func index(_ draw: Double, _ weights: [Double]) -> Int {
    let total = weights.reduce(0, +)
    guard total > 0 else { return min(weights.count - 1, Int(draw * Double(weights.count))) }
    var left = draw * total
    for (index, weight) in weights.enumerated() where weight > 0 {
      left -= weight
      if left < 0 { return index }
    }
    // Rounding may leave a small rest.
    return weights.lastIndex { $0 > 0 } ?? weights.count - 1
  }
}
