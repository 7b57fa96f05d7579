import Foundation
import Imaging
import Storage
import Torch

/// A mask that cannot become one of a site, with the reason; the message names no file.
struct UnusableMask: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Makes the mask of an imported image from what the source has.
struct ImportedMask: Sendable {
  /// The values of classes by name; empty for one mask of all lesions.
  let labels: [String: Int]
  /// The values that are lesion in mask files; nil where no mask is a file without labels.
  let convention: MaskConvention?
  /// Whether a mask of another size is brought to that of the image.
  let resizes: Bool
  let limits: ImageLimits

  /// The largest distance of a pixel from a stated colour, in levels; JPEG blurs edges.
  private static let reach = 100.0
  /// The largest share of pixels beyond it.
  private static let mostStrange = 0.05

  /// A mask, and what was changed to make it.
  typealias Made = (image: Image, repairs: [String])

  /// Makes a mask of the size of its image.
  ///
  /// - Parameters:
  ///   - mask: what the source has.
  ///   - width: the width of the image.
  ///   - height: the height of the image.
  /// - Returns: one channel; without labels any value but 0 is lesion.
  /// - Throws: `UnusableMask`, `ImagingError` or `ImportError`.
  func make(_ mask: ImportItem.Mask, width: Int, height: Int) throws -> Made {
    switch mask {
    case .empty:
      return (
        try Image(
          width: width, height: height, channels: 1, pixels: [UInt8](repeating: 0, count: width * height)), []
      )
    case .missing: throw UnusableMask("the source has no mask of it")
    case .shapes(let shapes, let source):
      return (
        try ShapeRaster.mask(of: shapes, width: width, height: height, labels: labels, source: source), []
      )
    case .files(let files, let colours):
      guard labels.isEmpty || files.count == 1 else {
        throw UnusableMask("several label maps belong to it; join them to one")
      }
      let read = try files.map { try values(of: $0, colours: colours) }
      guard let first = read.first else { throw UnusableMask("the source has no mask of it") }
      var joined = first
      for other in read.dropFirst() {
        guard other.values.shape == joined.values.shape else {
          throw UnusableMask("its masks differ in size")
        }
        joined.values = try joined.values.maximum(other.values)
        joined.repairs += other.repairs.filter { !joined.repairs.contains($0) }
      }
      return try fitted(joined.values, joined.repairs, width: width, height: height)
    }
  }

  /// Brings values, uint8 H×W, to the size of the image.
  private func fitted(_ values: Tensor, _ repairs: [String], width: Int, height: Int) throws -> Made {
    let (own, wanted) = (values.shape, [height, width])
    guard own != wanted else { return (try Image(values.reshaped([1] + own)), repairs) }
    let size = "\(own[1])×\(own[0])"
    guard resizes else {
      throw UnusableMask(
        "its mask has \(size) pixels and not \(width)×\(height); bring masks to the size of their images "
          + "with --resize-masks if they show the whole image")
    }
    let scaled = try values.to(.float32).reshaped([1, 1] + own)
      .resized(height: height, width: width, interpolation: .nearest).to(.uint8).reshaped([1] + wanted)
    return (
      try Image(scaled), repairs + ["mask of \(size) pixels brought to \(width)×\(height), nearest pixel"]
    )
  }

  /// Reads the values of a mask file: uint8, H×W.
  private func values(of url: URL, colours: [[UInt8]: Int]) throws -> (values: Tensor, repairs: [String]) {
    if !colours.isEmpty { return (try mapped(url, colours), ["colours of the mask mapped to labels"]) }
    if !labels.isEmpty {
      let content = try MaskFile.content(url, as: .indices, limits: limits)
      guard !content.isLossy else {
        throw UnusableMask("its mask is a JPEG, which does not keep the values of labels; store it as PNG")
      }
      let stored = try Self.tensor(content.image)
      guard content.isBilevel, !labels.values.contains(255) else { return (stored, []) }
      return (try stored.greater(than: 0).to(.uint8), [])
    }
    let convention = convention ?? .grey
    let content = try MaskFile.content(url, as: convention.meaning, limits: limits)
    let marked = try SampleReader.mask(content, as: convention).to(.uint8)
    return (marked, repairs(of: content, as: convention))
  }

  private func repairs(of content: MaskFile.Content, as convention: MaskConvention) -> [String] {
    if case .values(let lesions, _) = convention {
      return content.isBilevel
        ? [] : ["mask value \(lesions.map(String.init).joined(separator: ", ")) stored as white"]
    }
    guard !MaskValues(content).distinct.allSatisfy({ $0 == 0 || $0 == 255 }) else { return [] }
    return ["\(content.isLossy ? "JPEG" : "grey") mask thresholded: levels above 127 are lesion"]
  }

  /// Maps each pixel to the label of the nearest colour; black is 0.
  private func mapped(_ url: URL, _ colours: [[UInt8]: Int]) throws -> Tensor {
    let picture = try ImageFile.read(url, limits: limits).rgb.tensor.to(.float32)
    let size = Array(picture.shape.dropFirst())
    var (label, best) = (try Tensor.zeros(size), try picture.power(2).sum([0]))
    for (colour, value) in colours.sorted(by: { $0.value < $1.value }) where colour.count == 3 {
      let centre = try Tensor.stacked(colour.map { try Tensor.scalar(Double($0)) }).reshaped([3, 1, 1])
      let distance = try (picture - centre).power(2).sum([0])
      let isNearer = try best.greater(than: distance)
      label = try isNearer.choose(Tensor.full(size, Double(value)), else: label)
      best = try best.minimum(distance)
    }
    let strange = try best.greater(than: Self.reach * Self.reach).to(.float32).mean().item()
    guard strange <= Self.mostStrange else {
      throw UnusableMask(
        "\(Int((100 * strange).rounded())) % of its mask has a colour that is none of the "
          + "stated; state all colours"
      )
    }
    return try label.to(.uint8)
  }

  private static func tensor(_ image: Image) throws -> Tensor {
    try image.pixels.withUnsafeBytes {
      try Tensor(bytes: $0, shape: [image.height, image.width], dtype: .uint8)
    }
  }
}
