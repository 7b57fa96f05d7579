import Torch

/// The numbers by which a queue is sorted.
enum ReviewScores {
  /// The longer side of the map that is looked at, in pixels.
  private static let side = 256
  /// The distance from the border that counts, in pixels of that map.
  private static let reach = 3

  /// Scales maps so that they are quick to look at and small to store.
  ///
  /// - Parameter probability: K×H×W.
  /// - Returns: K×h×w; unchanged if it is small.
  /// - Throws: `TorchError` if memory is short.
  static func reduced(_ probability: Tensor) throws -> Tensor {
    let (height, width) = (try probability.size(1), try probability.size(2))
    let factor = Double(side) / Double(max(height, width))
    guard factor < 1 else { return probability }
    func scaled(_ length: Int) -> Int { max(1, Int((Double(length) * factor).rounded())) }
    return try probability.expandedDimension(0)
      .resized(height: scaled(height), width: scaled(width), antialias: true).selected(dim: 0, index: 0)
      .clamped(min: 0, max: 1)
  }

  /// Scales masks to the size of maps: a pixel is inside if at least half of it is.
  ///
  /// - Parameters:
  ///   - masks: bool, K×H×W.
  ///   - maps: K×h×w.
  /// - Returns: bool, K×h×w.
  /// - Throws: `TorchError` if memory is short.
  static func reduced(_ masks: Tensor, as maps: Tensor) throws -> Tensor {
    let (height, width) = (try maps.size(1), try maps.size(2))
    guard masks.shape != maps.shape else { return masks }
    return try masks.to(.float32).expandedDimension(0)
      .resized(height: height, width: width, antialias: true).selected(dim: 0, index: 0).atLeast(0.5)
  }

  /// Computes how unsure a model is inside its border, 0 to 1.
  ///
  /// It is the mean of 4p(1 − p) over the pixels near the border of the mask, of the class where it is
  /// highest. Without a mask it is 4q(1 − q) for the highest probability q.
  ///
  /// - Parameters:
  ///   - probability: K×h×w.
  ///   - mask: bool, K×h×w.
  /// - Returns: the number.
  /// - Throws: `TorchError` if the shapes differ.
  static func unsure(_ probability: Tensor, mask: Tensor) throws -> Double {
    let doubt = try probability * (1 - probability) * 4
    return try (0..<probability.size(0)).map { layer in
      let own = try doubt.selected(dim: 0, index: layer)
      let inside = try mask.selected(dim: 0, index: layer).to(.float32).expandedDimension(0)
        .expandedDimension(0)
      func grown(_ mask: Tensor) throws -> Tensor {
        try mask.maxPool(2 * reach + 1, stride: 1, padding: reach)
      }
      let band = try (grown(inside) * grown(1 - inside)).selected(dim: 0, index: 0).selected(dim: 0, index: 0)
      let count: Double = try band.sum().item()
      if count > 0 { return try (own * band).sum().item() / count }
      // All or nothing is lesion: there is no border in the picture.
      let highest: Double = try probability.selected(dim: 0, index: layer).max([0, 1]).item()
      return 4 * highest * (1 - highest)
    }.max() ?? 0
  }
}
