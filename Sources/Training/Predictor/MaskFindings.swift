import Imaging
import Torch

/// The lesions of a predicted mask, and how sure the mask is (docs/reference/predictions.md).
///
/// A lesion is a component of the mask: its pixels touch at sides or corners.
package struct MaskFindings: Encodable, Sendable {
  /// One lesion.
  package struct Lesion: Encodable, Sendable {
    /// Its pixels.
    package let component: MaskComponent
    /// The mean probability of its pixels.
    package let confidence: Double

    /// The smallest rectangle around it in pixels: left, top, width, height.
    package var box: [Int] {
      [component.box.x, component.box.y, component.box.width, component.box.height]
    }
    /// The number of its pixels.
    package var area: Int { component.area }
    /// The rings of its outline, the outer one first and then its holes: points of x and y.
    ///
    /// The points are corners of pixels, so (0, 0) is the top left corner of the image.
    package var contours: [[[Int]]] { component.outline.map { $0.map { [$0.x, $0.y] } } }

    enum CodingKeys: String, CodingKey { case box, area, confidence, contours }

    /// Writes box, area, confidence and contours.
    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(box, forKey: .box)
      try container.encode(area, forKey: .area)
      try container.encode(confidence, forKey: .confidence)
      try container.encode(contours, forKey: .contours)
    }
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
    let sums = try Sums(mask: mask, probability: probability)
    let area = components.map(\.area).reduce(0, +)
    let pixels = Double(picture.width * picture.height)
    self.area = area
    share = Double(area) / pixels
    confidence = Confidence(
      lesionMean: area > 0 ? sums.inside / Double(area) : nil,
      lesionLowest: area > 0 ? sums.lowestInside : nil,
      imageMean: sums.certainty / pixels, imageLowest: sums.lowestCertainty)
    let means =
      components.count > 1
      ? try Self.means(
        of: probability, in: components, width: picture.width, height: picture.height)
      : components.map { sums.inside / Double($0.area) }
    lesions = zip(components, means).map { Lesion(component: $0, confidence: $1) }
  }

  /// Computes the mean of values in each component.
  private static func means(
    of values: Tensor, in components: [MaskComponent], width: Int, height: Int
  ) throws -> [Double] {
    let values = try values.reshaped([-1])
    let labels = try Tensor(MaskComponents.labels(of: components, width: width, height: height))
    var sums = try Tensor.zeros([components.count + 1], dtype: .float64)
    for (start, length) in parts(of: try values.size(0)) {
      sums = try sums.scatteredSum(
        dim: 0, index: labels.narrowed(dim: 0, start: start, length: length).to(.int64),
        source: values.narrowed(dim: 0, start: start, length: length).to(.float64))
    }
    return zip(try sums.doubles().dropFirst(), components).map { $0 / Double($1.area) }
  }

  /// Sums and least values over the pixels.
  private struct Sums {
    /// The sum of p over the mask.
    var inside = 0.0
    /// The least p of the mask; more than 1 without a pixel.
    var lowestInside = 2.0
    /// The sum of max(p, 1 − p).
    var certainty = 0.0
    /// The least max(p, 1 − p).
    var lowestCertainty = 1.0

    init(mask: Tensor, probability: Tensor) throws {
      let (all, marked) = (try probability.reshaped([-1]), try mask.reshaped([-1]))
      for (start, length) in parts(of: try all.size(0)) {
        let p = try all.narrowed(dim: 0, start: start, length: length)
        let isInside = try marked.narrowed(dim: 0, start: start, length: length).to(.float32)
        let sure = try p.maximum(1 - p)
        inside += try (p * isInside).to(.float64).sum().item()
        certainty += try sure.to(.float64).sum().item()
        // A pixel outside counts as more than 1.
        lowestInside = min(lowestInside, try (p + (1 - isInside) * 2).min([0]).item())
        lowestCertainty = min(lowestCertainty, try sure.min([0]).item())
      }
    }
  }

  /// Parts of at most four million pixels, so that a large image needs little more memory.
  private static func parts(of count: Int) -> [(start: Int, length: Int)] {
    let most = 1 << 22
    return stride(from: 0, to: count, by: most).map { ($0, min(most, count - $0)) }
  }
}
