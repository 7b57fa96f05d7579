import Foundation
import Imaging
import Torch

/// How images become input, as `preprocessor_config.json` says: resize, crop, scale, normalise.
public struct ImagePreparation: Codable, Equatable, Sendable {
  /// The side of the square input.
  public var size: Int
  /// Means of red, green, blue.
  public var mean: [Double]
  /// Deviations of red, green, blue.
  public var deviation: [Double]

  /// CLIP's own values, for a side.
  public init(size: Int) {
    self.size = size
    mean = [0.48145466, 0.4578275, 0.40821073]
    deviation = [0.26862954, 0.26130258, 0.27577711]
  }

  /// Reads `preprocessor_config.json`; a folder without one has CLIP's own values.
  ///
  /// - Throws: `CLIPError.badFile` that names the file.
  public init(folder: URL) throws {
    let file = folder.appendingPathComponent("preprocessor_config.json")
    self.init(size: 224)
    guard let data = try? Data(contentsOf: file) else {
      size = try CLIPConfiguration(contentsOf: folder.appendingPathComponent("config.json")).vision.imageSize
      return
    }
    guard let members = try? JSONValue(json5: data).members else {
      throw CLIPError.badFile(file, reason: "it must hold one JSON object")
    }
    func numbers(_ key: String) -> [Double]? {
      guard let value = members[key] else { return nil }
      return (try? value.decoded(as: [Double].self)).flatMap { $0.count == 3 ? $0 : nil }
    }
    mean = numbers("image_mean") ?? mean
    deviation = numbers("image_std") ?? deviation
    // Old files hold a number, newer ones an object; the crop is what the tower sees.
    for key in ["size", "crop_size"] {
      guard let value = members[key] else { continue }
      let sides = [value] + ["shortest_edge", "height"].compactMap { value.members?[$0] }
      for side in sides { if case .integer(let number) = side { size = number } }
    }
    guard size >= 1, deviation.allSatisfy({ $0 > 0 }) else {
      throw CLIPError.badFile(file, reason: "size and image_std must be above 0")
    }
  }

  /// Prepares one image: uint8 3×H×W → float32 3×size×size.
  ///
  /// The shorter side is resized (antialiased bicubic, rounded), then the centre is cut out.
  ///
  /// - Throws: `TorchError` for other shapes.
  public func callAsFunction(_ image: Tensor) throws -> Tensor {
    let sizes = try image.sizes(rank: 3, "the image")
    let (height, width) = (sizes[1], sizes[2])
    let short = min(height, width)
    let newHeight = height == short ? size : Int(Double(size) * Double(height) / Double(short))
    let newWidth = width == short ? size : Int(Double(size) * Double(width) / Double(short))
    let resized = try Resizing.bicubic(image, height: newHeight, width: newWidth).expandedDimension(0)
    let square = try resized.narrowed(dim: 2, start: (newHeight - size) / 2, length: size)
      .narrowed(dim: 3, start: (newWidth - size) / 2, length: size)
    let (means, deviations) = (
      try Tensor(mean.map(Float.init), shape: [1, 3, 1, 1]),
      try Tensor(deviation.map(Float.init), shape: [1, 3, 1, 1])
    )
    return try ((square / 255 - means) / deviations).squeezed(0)
  }
}
