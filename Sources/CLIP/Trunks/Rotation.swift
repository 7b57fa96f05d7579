import Foundation
import Torch

/// Rotary positions of a grid: pairs of channels turn by angles that their position gives.
///
/// DINOv3's form (Siméoni et al., 2025): positions are centres of cells from −1 to 1 on each axis,
/// half of the frequencies belong to the rows and half to the columns, and channel i is paired with
/// channel i + w/2. The tokens before the grid do not turn.
struct Rotation {
  /// The cosines, N×w.
  private let cosines: Tensor
  /// The sines, N×w; those of the first channel of each pair are negative.
  private let sines: Tensor
  /// Whether a pair is two neighbours, as in EVA-02; otherwise channels i and i + w/2.
  private let turnsNeighbours: Bool

  /// Computes the angles of a grid.
  ///
  /// - Parameters:
  ///   - height: the rows.
  ///   - width: the columns.
  ///   - prefix: the number of tokens before the grid.
  ///   - channels: the channels of a head, a multiple of 4.
  ///   - temperature: the base of the periods.
  ///   - device: the device of the tokens.
  /// - Throws: `TorchError` with libtorch's message.
  init(
    height: Int, width: Int, prefix: Int, channels: Int, temperature: Double, device: Device
  ) throws {
    let count = channels / 4
    let speeds = try Tensor(
      (0..<count).map { Float(2 * Double.pi / pow(temperature, Double($0) / Double(count))) },
      shape: [1, 1, count])
    func angles(_ size: Int, _ shape: [Int]) throws -> Tensor {
      let centres = try ((Tensor.arange(to: size).to(.float32) + 0.5) / Double(size)) * 2 - 1
      return try (centres.reshaped(shape) * speeds).expanded(to: [height, width, count])
    }
    let half = try Tensor.concatenated(
      [angles(height, [height, 1, 1]), angles(width, [1, width, 1])], dim: 2
    ).reshaped([height * width, 2 * count])
    func whole(_ left: Tensor, _ right: Tensor, before: Double) throws -> Tensor {
      let grid = try Tensor.concatenated([left, right], dim: 1)
      return try Tensor.concatenated([.full([prefix, 4 * count], before), grid], dim: 0).to(device)
    }
    turnsNeighbours = false
    let (cosine, sine) = (try half.cos(), try half.sin())
    cosines = try whole(cosine, cosine, before: 1)
    sines = try whole(-sine, sine, before: 0)
  }

  /// Computes the angles of a grid as EVA-02 does (Fang et al., 2024).
  ///
  /// Positions are cells, scaled so that every grid has the side of the training. The first half of
  /// the channels belongs to the rows, the second to the columns, and neighbours are pairs.
  ///
  /// - Parameters:
  ///   - channels: the channels of a head, a multiple of 4.
  ///   - height: the rows.
  ///   - width: the columns.
  ///   - prefix: the number of tokens before the grid.
  ///   - side: the side of the grid of the training.
  ///   - device: the device of the tokens.
  /// - Throws: `TorchError` with libtorch's message.
  init(pairs channels: Int, height: Int, width: Int, prefix: Int, side: Int, device: Device) throws {
    let count = channels / 4
    turnsNeighbours = true
    let speeds = try Tensor(
      (0..<count).map { Float(1 / pow(10_000, Double($0) / Double(count))) }, shape: [1, 1, count])
    func angles(_ size: Int, _ shape: [Int]) throws -> Tensor {
      let cells = try Tensor.arange(to: size).to(.float32) / Double(size) * Double(side)
      return try (cells.reshaped(shape) * speeds).expanded(to: [height, width, count])
    }
    let all = try Tensor.concatenated(
      [angles(height, [height, 1, 1]), angles(width, [1, width, 1])], dim: 2
    ).reshaped([height * width, 2 * count, 1])
    func whole(_ first: Tensor, _ second: Tensor, before: Double) throws -> Tensor {
      let grid = try Tensor.concatenated([first, second], dim: 2).flattened(from: 1)
      return try Tensor.concatenated([.full([prefix, 4 * count], before), grid], dim: 0).to(device)
    }
    let (cosine, sine) = (try all.cos(), try all.sin())
    cosines = try whole(cosine, cosine, before: 1)
    sines = try whole(-sine, sine, before: 0)
  }

  /// Turns queries or keys, B×H×N×w → B×H×N×w.
  func callAsFunction(_ x: Tensor) throws -> Tensor {
    if turnsNeighbours {
      let sizes = try x.sizes(rank: 4, "queries or keys")
      let swapped = try x.reshaped(Array(sizes.dropLast()) + [sizes[3] / 2, 2]).flipped([4])
        .flattened(from: 3)
      return try (x * cosines + swapped * sines).to(x.dtype)
    }
    let half = try x.size(3) / 2
    return try (x * cosines + x.rolled([half], dims: [3]) * sines).to(x.dtype)
  }
}
