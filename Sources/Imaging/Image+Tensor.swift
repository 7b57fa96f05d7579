import Torch

extension Image {
  /// Makes an image from a tensor of levels, uint8 C×H×W with 1 or 3 channels.
  ///
  /// - Throws: `TorchError` for another rank or type, `ImagingError.invalidImage` for other channel
  ///   counts and for an empty tensor.
  public init(_ levels: Tensor) throws {
    let sizes = try levels.sizes(rank: 3, "the picture")
    try self.init(
      width: sizes[2], height: sizes[1], channels: sizes[0],
      pixels: levels.permuted([1, 2, 0]).contiguous().array())
  }

  /// The levels, uint8 C×H×W.
  public var tensor: Tensor {
    get throws {
      try pixels.withUnsafeBytes {
        try Tensor(bytes: $0, shape: [height, width, channels], dtype: .uint8)
      }.permuted([2, 0, 1]).contiguous()
    }
  }
}
