import Datasets
import Foundation
import Metrics
import Storage
import Torch

/// A mask of a review: COCO's compressed run lengths over the whole picture, and what it shows.
package struct ReviewMask: Codable, Equatable, Sendable {
  /// What it shows: a class, or `lesion`.
  package let layer: String
  /// Height and width in pixels.
  package let size: [Int]
  /// The run lengths, column by column.
  package let counts: String

  /// Makes a mask.
  ///
  /// - Parameters:
  ///   - layer: what it shows.
  ///   - mask: bool, H×W on the CPU.
  /// - Throws: `TorchError` for another rank, `RunLengthError` for a mask that is too large.
  package init(layer: String, mask: Tensor) throws {
    let shape = try mask.sizes(rank: 2, "the mask")
    let pixels: [UInt8] = try mask.transposed(0, 1).contiguous().to(.uint8).array()
    var (lengths, value, start): ([Int], UInt8, Int) = ([], 0, 0)
    pixels.withUnsafeBufferPointer { pixels in
      for index in pixels.indices where pixels[index] != value {
        lengths.append(index - start)
        (value, start) = (pixels[index], index)
      }
    }
    lengths.append(pixels.count - start)
    self.layer = layer
    size = shape
    counts = try RunLengths(width: shape[1], height: shape[0], counts: lengths, order: .columns).cocoText
  }

  /// The run lengths.
  ///
  /// - Throws: `RunLengthError` if they do not cover the picture.
  package var runs: RunLengths {
    get throws {
      guard size.count == 2 else { throw RunLengthError.box(width: 0, height: 0) }
      return try RunLengths(cocoText: counts, width: size[1], height: size[0])
    }
  }

  /// The mask of all layers together; nil for no mask.
  ///
  /// - Throws: `RunLengthError`, `MetricError` if the masks differ in size.
  package static func union(_ masks: [ReviewMask]) throws -> BinaryMask? {
    guard let first = masks.first, first.size.count == 2 else { return nil }
    let (height, width) = (first.size[0], first.size[1])
    var pixels = [UInt8](repeating: 0, count: try first.runs.width * first.runs.height)
    for mask in masks where mask.size == first.size {
      var position = 0
      for (index, count) in try mask.runs.counts.enumerated() {
        let end = position + Int(count)
        if index % 2 == 1 {
          for place in position..<end { pixels[place % height * width + place / height] = 1 }
        }
        position = end
      }
    }
    return try BinaryMask(width: width, height: height, pixels: pixels)
  }

  /// Computes the hash by which a decision names the masks that it is about.
  ///
  /// - Parameters:
  ///   - masks: the masks of the model.
  ///   - layers: the layers in their order.
  /// - Returns: a SHA-256, in hexadecimal digits.
  static func hash(_ masks: [ReviewMask], layers: [String]) -> String {
    let text = layers.flatMap { layer in
      masks.filter { $0.layer == layer }.map { "\(layer)\0\($0.counts)\n" }
    }
    return SHA256.text(Array(text.joined().utf8))
  }
}
