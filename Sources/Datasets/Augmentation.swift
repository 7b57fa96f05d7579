import Foundation
import Torch

/// Random changes of shape and colour that preserve the lesion, for batches, with tensor operators.
public struct Augmentation: Codable, Equatable, Sendable {
  /// Whether to flip images, left–right and up–down, each with a probability of one half.
  public var flips = true
  /// The largest rotation, in degrees.
  public var rotation = 45.0
  /// The largest enlargement; its inverse is the largest reduction.
  public var scale = 1.3
  /// The largest shift, as a share of the side.
  public var shift = 0.1
  /// The largest change of brightness and contrast: a factor of up to 1 ± this.
  public var colour = 0.25
  /// The largest change of saturation: a factor of up to 1 ± this.
  public var saturation = 0.35
  /// The largest change of each colour: a factor of up to 1 ± this.
  public var tint = 0.1
  /// The largest share of the fine detail that is added or removed.
  ///
  /// Detail is the difference from a smoothed copy, two means of 3×3 pixels. At most all of it is
  /// removed. Endoscopes and their processors sharpen differently, and an image that was turned or
  /// scaled is softer than one as it is.
  public var sharpness = 0.0
  /// The probability that an image takes mean and deviation of each colour from another of its batch.
  ///
  /// SANet's colour exchange (Wei et al., MICCAI 2021), here in RGB.
  public var exchange = 0.0
  /// The number of fixed augmented versions per image, used in turn; 0 draws a new one per step.
  public var fixed = 0

  /// Makes the defaults.
  public init() {}

  /// No change at all.
  public static var none: Augmentation {
    var none = Augmentation()
    none.flips = false
    none.rotation = 0
    none.scale = 1
    none.shift = 0
    none.colour = 0
    none.saturation = 0
    none.tint = 0
    none.sharpness = 0
    none.exchange = 0
    return none
  }

  /// Whether the augmentation changes nothing; `fixed` does not matter.
  public var isNone: Bool {
    var drawing = self
    drawing.fixed = 0
    return drawing == .none
  }

  /// Augments a batch.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S, 0 to 1.
  ///   - masks: B×K×S×S.
  ///   - generator: the only source of randomness.
  /// - Returns: images and masks, transformed together; masks stay 0 or 1.
  /// - Throws: `TorchError` if the shapes do not match.
  public func callAsFunction(
    images: Tensor, masks: Tensor, generator: Generator
  ) throws -> (images: Tensor, masks: Tensor) {
    try self(images: images, masks: masks, generator: generator, rows: OwnRows(of: images.size(0)))
  }

  /// Augments some rows of a batch as they are augmented in the whole batch.
  ///
  /// - Parameters:
  ///   - images: the rows, B'×3×S×S, 0 to 1.
  ///   - masks: B'×K×S×S.
  ///   - generator: the only source of randomness.
  ///   - rows: the places of the rows in the batch.
  /// - Returns: images and masks, transformed together.
  /// - Throws: `TorchError` if the shapes do not match, or for some rows with `exchange`, which needs all.
  package func callAsFunction(
    images: Tensor, masks: Tensor, generator: Generator, rows: OwnRows
  ) throws -> (images: Tensor, masks: Tensor) {
    let grid = try rows.own(affine(rows.all, generator)).affineGrid(images.shape)
    let moved = try images.sampled(at: grid, outside: .zeros)
    let movedMasks = try masks.sampled(at: grid, outside: .zeros).atLeast(0.5).to(.float32)
    let sharp = try sharpened(moved, generator, rows)
    return (try recolour(exchanged(sharp, generator, rows), generator, rows), movedMasks)
  }

  /// Adds or removes detail.
  private func sharpened(_ images: Tensor, _ generator: Generator, _ rows: OwnRows) throws -> Tensor {
    guard sharpness > 0 else { return images }
    let share = try rows.own(
      .randomUniform(
        [rows.all, 1, 1, 1], low: -min(1, sharpness), high: sharpness, generator: generator))
    let smooth = try images.padded([2, 2, 2, 2], mode: "replicate").averagePool(3, stride: 1)
      .averagePool(3, stride: 1)
    return try (images + (images - smooth) * share).clamped(min: 0, max: 1)
  }

  /// Gives images the colour statistics of others.
  private func exchanged(_ images: Tensor, _ generator: Generator, _ rows: OwnRows) throws -> Tensor {
    let count = rows.all
    guard exchange > 0, count > 1 else { return images }
    guard rows.areAll else {
      throw TorchError.value(
        "augmentation.exchange needs all \(count) images of a batch, not \(try images.size(0)) of them")
    }
    let partner = try Tensor.randomPermutation(count, generator: generator)
    let isChanged = try Tensor.randomUniform([count, 1, 1, 1], generator: generator).less(than: exchange)
    let mean = try images.mean([2, 3], keepDimensions: true)
    let deviation = try images.variance([2, 3], correction: 0, keepDimensions: true).squareRoot()
    let changed =
      try (images - mean) / (deviation + 1e-3) * deviation.indexed(partner) + mean.indexed(partner)
    return try isChanged.choose(changed.clamped(min: 0, max: 1), else: images)
  }

  /// Draws random maps from output to input coordinates, B×2×3.
  private func affine(_ batch: Int, _ generator: Generator) throws -> Tensor {
    func uniform(_ low: Double, _ high: Double) throws -> Tensor {
      try .randomUniform([batch], low: low, high: high, generator: generator)
    }
    func sign() throws -> Tensor {
      let draw = try uniform(0, 1)
      return flips ? try draw.atLeast(0.5).to(.float32) * 2 - 1 : try draw.onesLike()
    }
    let angle = try uniform(-rotation, rotation) * (.pi / 180)
    let zoom = try uniform(-log(scale), log(scale)).exp()
    let (mirrorX, mirrorY) = (try sign(), try sign())
    let (cosine, sine) = (try angle.cos() * zoom, try angle.sin() * zoom)
    let (shiftX, shiftY) = (try uniform(-2 * shift, 2 * shift), try uniform(-2 * shift, 2 * shift))
    let first = try Tensor.stacked([cosine * mirrorX, -(sine * mirrorY), shiftX], dim: 1)
    let second = try Tensor.stacked([sine * mirrorX, cosine * mirrorY, shiftY], dim: 1)
    return try Tensor.stacked([first, second], dim: 1)
  }

  private func recolour(_ images: Tensor, _ generator: Generator, _ rows: OwnRows) throws -> Tensor {
    func factor(_ spread: Double, channels: Int = 1) throws -> Tensor {
      try rows.own(
        .randomUniform(
          [rows.all, channels, 1, 1], low: 1 - spread, high: 1 + spread, generator: generator))
    }
    var x = try images * (factor(colour) * factor(tint, channels: 3))
    let level = try x.mean([1, 2, 3], keepDimensions: true)
    x = try (x - level) * factor(colour) + level
    let grey = try x.mean([1], keepDimensions: true)
    x = try (x - grey) * factor(saturation) + grey
    return try x.clamped(min: 0, max: 1)
  }
}
