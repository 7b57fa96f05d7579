import Torch

/// Resizing of images in tensors.
public enum Resizing {
  /// Antialiased bicubic resizing, equal to Pillow's within one step of 255.
  ///
  /// One direction after the other with rounding between them; first the one that leaves the smaller picture, as
  /// Pillow 12 does.
  ///
  /// - Parameters:
  ///   - image: uint8, C×H×W.
  ///   - height: the new height.
  ///   - width: the new width.
  /// - Returns: float32 of whole numbers from 0 to 255, C×height×width.
  /// - Throws: `TorchError` for other shapes.
  public static func bicubic(_ image: Tensor, height: Int, width: Int) throws -> Tensor {
    let sizes = try image.sizes(rank: 3, "the image")
    let (oldHeight, oldWidth) = (sizes[1], sizes[2])
    let between = width * oldHeight <= oldWidth * height ? (oldHeight, width) : (height, oldWidth)
    var x = try image.to(.float32).expandedDimension(0)
    for (newHeight, newWidth) in [between, (height, width)] where x.shape[2...] != [newHeight, newWidth] {
      x = try x.resized(height: newHeight, width: newWidth, interpolation: .bicubic, antialias: true)
        .rounded().clamped(min: 0, max: 255)
    }
    return try x.squeezed(0)
  }
}
