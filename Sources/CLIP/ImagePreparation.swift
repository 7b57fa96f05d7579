import Foundation
import Imaging
import Storage
import Torch

/// The preparation of images for the tower: resize, crop, scale, normalise.
///
/// `preprocessor_config.json` has these settings.
public struct ImagePreparation: Codable, Equatable, Sendable {
  /// The treatment of images that are not square.
  public enum Framing: String, Codable, Sendable {
    /// The shorter side is resized and the centre is cropped, as Hugging Face does.
    case crop
    /// As `crop`, with OpenCLIP's rounding of the crop: half of an odd margin rounds to even.
    case openCrop
    /// The whole image is squeezed into the square, for segmentation, which needs the margins, too.
    case squash
  }

  /// The side of the square input in pixels.
  public var size: Int
  /// The size of the shorter side after the resize, before the crop.
  public var shortestEdge: Int
  /// The treatment of images that are not square.
  public var framing = Framing.crop
  /// Pillow's number of the resize filter: 3, bicubic, or 2, bilinear.
  public var resample = 3
  /// The factor of the samples, applied before the normalisation.
  public var rescale = 1.0 / 255
  /// The means of red, green, blue.
  public var mean: [Double]
  /// The standard deviations of red, green, blue.
  public var deviation: [Double]

  /// Makes CLIP's own preparation for a side.
  ///
  /// - Parameter size: the side of the square input in pixels.
  public init(size: Int) {
    self.size = size
    shortestEdge = size
    mean = [0.48145466, 0.4578275, 0.40821073]
    deviation = [0.26862954, 0.26130258, 0.27577711]
  }

  /// Reads the output of `encode`; values that an older version did not write are CLIP's own.
  ///
  /// - Parameter decoder: the decoder.
  /// - Throws: `DecodingError`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(size: try container.decode(Int.self, forKey: .size))
    shortestEdge = try container.decodeIfPresent(Int.self, forKey: .shortestEdge) ?? size
    framing = try container.decodeIfPresent(Framing.self, forKey: .framing) ?? framing
    resample = try container.decodeIfPresent(Int.self, forKey: .resample) ?? resample
    rescale = try container.decodeIfPresent(Double.self, forKey: .rescale) ?? rescale
    mean = try container.decode([Double].self, forKey: .mean)
    deviation = try container.decode([Double].self, forKey: .deviation)
  }

  /// Prepares one image: uint8 3×H×W → float32 3×size×size.
  ///
  /// - Parameter image: uint8, 3×H×W.
  /// - Returns: float32, 3×size×size.
  /// - Throws: `TorchError` for other shapes or types.
  public func callAsFunction(_ image: Tensor) throws -> Tensor { try prepared(image, framing) }

  /// Prepares the whole of one image, squeezed into the square.
  ///
  /// uint8 3×H×W → float32 3×size×size.
  ///
  /// - Parameter image: uint8, 3×H×W.
  /// - Returns: float32, 3×size×size.
  /// - Throws: `TorchError` for other shapes or types.
  public func squashed(_ image: Tensor) throws -> Tensor { try prepared(image, .squash) }

  /// Prepares one image of interleaved samples, H×W×3 → float32 3×size×size.
  ///
  /// - Parameters:
  ///   - bytes: the samples, H×W×3.
  ///   - height: the height H.
  ///   - width: the width W.
  /// - Returns: float32, 3×size×size.
  /// - Throws: `TorchError` if the bytes do not fill the shape.
  public func callAsFunction(interleaved bytes: [UInt8], height: Int, width: Int) throws -> Tensor {
    try prepared(Tensor(bytes, shape: [height, width, 3]).permuted([2, 0, 1]), framing)
  }

  private func prepared(_ image: Tensor, _ framing: Framing) throws -> Tensor {
    let sizes = try image.sizes(rank: 3, "the image")
    let (height, width) = (sizes[1], sizes[2])
    guard sizes[0] == 3, height > 0, width > 0, image.dtype == .uint8 else {
      throw TorchError.value("the image must be uint8 3×H×W, it is \(image.dtype) \(sizes)")
    }
    let target =
      framing == .squash
      ? (height: size, width: size)
      : (height: try scaled(height, by: min(height, width)), width: try scaled(width, by: min(height, width)))
    // A thin image has a huge longer side then, of which only the middle is needed.
    let (rows, columns) = (middle(target.height, framing), middle(target.width, framing))
    let resampling = PillowResampling(.init(rawValue: resample) ?? .bicubic)
    let resized = try resampling(
      image, height: target.height, width: target.width, rows: rows, columns: columns)
    let square = try padded(padded(resized.to(.float32), dim: 1), dim: 2)
    let means = try Tensor(mean.map(Float.init), shape: [3, 1, 1])
    let deviations = try Tensor(deviation.map(Float.init), shape: [3, 1, 1])
    return try (square * rescale - means) / deviations
  }

  /// The size of a side after the resize that makes the shorter side `shortestEdge`.
  private func scaled(_ side: Int, by short: Int) throws -> Int {
    guard side != short else { return shortestEdge }
    // The longer side rounds down, as in both reference implementations.
    let (product, overflow) = shortestEdge.multipliedReportingOverflow(by: side)
    guard !overflow else {
      throw TorchError.value("a shorter side of \(shortestEdge) pixels is too large; lower shortest_edge")
    }
    return product / short
  }

  /// The middle of a side: the part that stays, all of it if it is too small.
  private func middle(_ side: Int, _ framing: Framing) -> Range<Int> {
    let margin = side - size
    guard margin > 0 else { return 0..<side }
    let half = margin / 2
    let start = framing == .openCrop && margin % 4 == 3 ? half + 1 : half
    return start..<start + size
  }

  /// Puts zeros around a dimension that is too small.
  private func padded(_ image: Tensor, dim: Int) throws -> Tensor {
    let lack = size - (try image.size(dim))
    guard lack > 0 else { return image }
    let before = (lack + 1) / 2
    let amounts = [before, lack - before]
    return try image.padded(dim == 2 ? amounts : [0, 0] + amounts)
  }
}
