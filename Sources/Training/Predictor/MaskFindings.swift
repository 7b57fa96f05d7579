import Imaging
import Metrics
import Torch

/// The lesions of a predicted mask, and how sure the mask is (docs/reference/predictions.md).
///
/// A lesion is a component of the mask: its pixels touch at sides or corners.
package struct MaskFindings: Encodable, Sendable {
  /// One lesion.
  package struct Lesion: Encodable, Sendable {
    /// The smallest rectangle around it in pixels: left, top, width, height.
    package let box: [Int]
    /// The number of its pixels.
    package let area: Int
    /// The mean probability of its pixels.
    package let confidence: Double
    /// The rings of its outline, the outer one first and then its holes: points of x and y.
    ///
    /// The points are corners of pixels, so (0, 0) is the top left corner of the image.
    package let contours: [[[Int]]]
  }

  /// How sure a mask is, by the probabilities that it was made from.
  package struct Confidence: Encodable, Sendable {
    /// The mean probability of the pixels of the mask; nil for an empty mask.
    package let lesionMean: Double?
    /// The lowest probability of a pixel of the mask; nil for an empty mask.
    package let lesionLowest: Double?
    /// The mean over all pixels of max(p, 1 − p).
    package let imageMean: Double
    /// The lowest max(p, 1 − p) of a pixel.
    package let imageLowest: Double

    enum CodingKeys: String, CodingKey {
      case lesionMean = "lesion_mean"
      case lesionLowest = "lesion_lowest"
      case imageMean = "image_mean"
      case imageLowest = "image_lowest"
    }
  }

  /// The number of lesion pixels.
  package let area: Int
  /// The share of the pixels that are lesion.
  package let share: Double
  /// The lesions, in the order of their first pixels from the top.
  package let lesions: [Lesion]
  /// How sure the mask is.
  package let confidence: Confidence

  /// Measures a mask.
  ///
  /// - Parameters:
  ///   - mask: bool, H×W on the CPU.
  ///   - probability: the probabilities that it was made from, float32 H×W on the CPU.
  /// - Throws: `TorchError` if the shapes differ or memory is short.
  package init(mask: Tensor, probability: Tensor) throws {
    let picture = try Image(mask.to(.uint8).expandedDimension(0))
    let components = try MaskComponents.find(in: picture)
    let values = try probability.reshaped([-1])
    let inside = try mask.reshaped([-1]).to(.float32)
    let area = components.map(\.area).reduce(0, +)
    self.area = area
    share = Double(area) / Double(picture.width * picture.height)
    let certainty = try values.maximum(1 - values)
    let sum: Double = try (values * inside).to(.float64).sum().item()
    confidence = Confidence(
      lesionMean: area > 0 ? sum / Double(area) : nil,
      // A pixel outside counts as more than 1.
      lesionLowest: area > 0 ? try (values + (1 - inside) * 2).min([0]).item() : nil,
      imageMean: try certainty.to(.float64).mean().item(), imageLowest: try certainty.min([0]).item())
    let means =
      components.count > 1
      ? try Self.means(of: values, in: BinaryMask(mask), areas: components.map(\.area))
      : components.map { sum / Double($0.area) }
    lesions = zip(components, means).map { component, mean in
      let box = component.box
      return Lesion(
        box: [box.x, box.y, box.width, box.height], area: component.area, confidence: mean,
        contours: component.outline.map { $0.map { [$0.x, $0.y] } })
    }
  }

  /// Computes the mean of values in each component, in the order of their first pixels.
  private static func means(of values: Tensor, in mask: BinaryMask, areas: [Int]) throws -> [Double] {
    let labels = try Tensor(ConnectedComponents(of: mask).labels).to(.int64)
    let sums = try Tensor.zeros([areas.count + 1]).to(.float64)
      .scatteredSum(dim: 0, index: labels, source: values.to(.float64)).doubles()
    return zip(sums.dropFirst(), areas).map { $0 / Double($1) }
  }
}
