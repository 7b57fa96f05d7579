import Foundation
import Imaging
import Storage
import Torch

/// Finds images that are copies of each other.
///
/// Copies have the same pixels, or are recompressed, resized, brighter or darker by a tenth, or
/// shifted by about 2 %. Mirrored or rotated images do not count.
///
/// Endoscopic images share black borders, vignettes and a reddish background. So thumbnails of
/// 64×64 are compared by their details: the difference from their blurred versions. Dark pixels and
/// their edges do not count, so two images through a round field of view are not similar for that
/// reason. Images are compared by details averaged to 16×16 in colour, with a higher weight in the
/// centre. The closest few similar images are then compared at 64×64 in grey, at the best of 25
/// shifts of up to 2 pixels. docs/explanation/leakage.md states how often this was right and wrong.
///
/// Up to `Thumbnails.mostInMemory` images, all pairs are compared: n²·768 multiply-adds. Beyond,
/// `DescriptorCells` finds similar images. Memory, for n images beyond: 2.1 KiB each, and 0.5 GiB
/// for any n.
enum NearDuplicates {
  /// Two images by number, the lower first, and their similarity.
  struct Pair: Hashable, Sendable {
    let first: Int
    let second: Int
    let similarity: Double
  }

  /// The side of a thumbnail.
  static let side = 64
  /// The minimum similarity of two descriptors for a closer comparison.
  static let candidateThreshold: Float = 0.6
  /// The minimum similarity of two thumbnails, at the best shift, to count as one image.
  static let threshold = 0.8
  /// The minimum similarity of two descriptors of one site to compare their pixels.
  static let sameThreshold: Float = 0.999
  /// The number of closest images that are compared for each image.
  static let candidates = 3
  /// The number of elements of a descriptor: three colours of 16×16.
  static let width = 3 * 16 * 16
  /// The limit of dark pixels, by their brightest colour.
  ///
  /// Dark pixels are borders, the background of captions and the depth of the lumen.
  private static let darkness = 24.0
  static let block = 256

  /// Reads the thumbnail of an image file: uint8, 3×64×64.
  ///
  /// - Throws: `ImagingError` that names the file.
  static func thumbnail(reading url: URL, limits: ImageLimits) throws -> Tensor {
    let size = try ImageFile.size(url)
    // A JPEG can be decoded at a fraction of its size, several times faster.
    let reduction = [8, 4, 2].first { min(size.width, size.height) >= 2 * side * $0 } ?? 1
    return try thumbnail(of: SampleReader(size: 1, limits: limits).image(url, reducedBy: reduction))
  }

  /// Computes the thumbnail of an image, uint8 3×H×W → uint8 3×64×64.
  static func thumbnail(of image: Tensor) throws -> Tensor {
    try image.to(.float32).expandedDimension(0).resized(height: side, width: side, antialias: true)
      .rounded().clamped(min: 0, max: 255).to(.uint8).squeezed(0)
  }

  /// Finds the similar pairs across the border; it compares all pairs.
  ///
  /// - Parameters:
  ///   - thumbnails: one per image of the border; nil if the image cannot be read.
  ///   - border: which pairs count.
  ///   - withinSites: whether pairs of one site also count if their pixels may be the same.
  /// - Returns: each pair once, in the order of the images.
  /// - Throws: `TorchError` if memory does not suffice.
  static func pairs(_ thumbnails: [Tensor?], border: Border, withinSites: Bool = false) throws -> [Pair] {
    guard !thumbnails.isEmpty else { return [] }
    let blank = try Tensor.zeros([3, side, side], dtype: .uint8)
    let all = thumbnails.map { $0 ?? blank }
    let blocks = stride(from: 0, to: all.count, by: block).map { $0..<min(all.count, $0 + block) }
    let described = try Tensor.concatenated(
      blocks.map { try descriptors(.stacked(Array(all[$0]))) }, dim: 0)
    let transposed = try described.transposed()
    let columns = try Border.Columns(border)
    var found = Set<[Int]>()
    for rows in blocks {
      let numbers = try Tensor.arange(rows.lowerBound, to: rows.upperBound)
      let similarity = try described.narrowed(dim: 0, start: rows.lowerBound, length: rows.count)
        .matmul(transposed)
      func collect(_ similarity: Tensor, above least: Float, where isWanted: (Int, Int) -> Bool) throws {
        let count = min(candidates, all.count)
        let closest = try similarity.largest(count, dim: 1)
        let (values, indices) = (try closest.values.floats(), try closest.indices.array(of: Int.self))
        for place in values.indices where values[place] > least {
          let (row, other) = (rows.lowerBound + place / count, indices[place])
          if isWanted(row, other) { found.insert([min(row, other), max(row, other)]) }
        }
      }
      try collect(similarity * columns.divided(numbers), above: candidateThreshold) { border.divides($0, $1) }
      if withinSites {
        try collect(similarity, above: sameThreshold) { $0 != $1 && border.sites[$0] == border.sites[$1] }
      }
    }
    let ordered = found.sorted { $0.lexicographicallyPrecedes($1) }
    return try stride(from: 0, to: ordered.count, by: block).flatMap { start in
      let pairs = ordered[start..<min(ordered.count, start + block)]
      let first = try Tensor.stacked(pairs.map { all[$0[0]] })
      let second = try Tensor.stacked(pairs.map { all[$0[1]] })
      return try zip(pairs, similarities(first, second).doubles()).compactMap { pair, similarity in
        similarity > threshold ? Pair(first: pair[0], second: pair[1], similarity: min(1, similarity)) : nil
      }
    }
  }

  /// Returns whether two images have the same size and pixels.
  ///
  /// Files of the same bytes are not decoded.
  ///
  /// - Throws: `ImagingError` that names the file.
  static func isSame(_ first: Sample, _ second: Sample, _ reader: SampleReader) throws -> Bool {
    if FileSystem.isSameContent(first.image, second.image) { return true }
    guard try ImageFile.size(first.image) == ImageFile.size(second.image) else { return false }
    return try reader.image(first.image).isEqual(to: reader.image(second.image))
  }

  /// Computes descriptors of thumbnails, B×3×64×64 → float32 B×768, of norm 1.
  ///
  /// A descriptor is zero for an image without details.
  static func descriptors(_ thumbnails: Tensor) throws -> Tensor {
    let details = try (details(thumbnails).values * window(side)).averagePool(4).flattened(from: 1)
    let strength = try details.norm(dims: [1], keepDimensions: true)
    // A root mean square of a sixth of a grey level is codec noise. It must not be scaled up.
    let isPlain = try strength.less(than: Double(details.size(1)).squareRoot() / 6)
    return try isPlain.choose(details.zerosLike(), else: details / strength.clamped(min: 1e-6))
  }

  /// Computes the similarity of thumbnails at the best shift: B×3×64×64 and B×3×64×64 → B.
  ///
  /// It is the correlation of their details where neither is dark.
  static func similarities(_ first: Tensor, _ second: Tensor) throws -> Tensor {
    let reach = 2
    let inner = side - 2 * reach
    let luma = try Tensor([0.299, 0.587, 0.114] as [Float], shape: [1, 3, 1, 1])
    let window = try Self.window(inner)
    func grey(_ thumbnails: Tensor) throws -> (values: Tensor, bright: Tensor) {
      let (values, bright) = try details(thumbnails)
      return (try (values * luma).sum([1], keepDimensions: true), bright)
    }
    func part(_ map: Tensor, _ y: Int, _ x: Int) throws -> Tensor {
      try map.narrowed(dim: 2, start: reach + y, length: inner)
        .narrowed(dim: 3, start: reach + x, length: inner)
    }
    func total(_ values: Tensor) throws -> Tensor { try values.sum([1, 2, 3], keepDimensions: true) }

    let (still, moving) = (try grey(first), try grey(second))
    let (fixed, bright) = (try part(still.values, 0, 0), try part(still.bright, 0, 0) * window)
    var best = try Tensor.full([first.size(0), 1, 1, 1], -1)
    for y in -reach...reach {
      for x in -reach...reach {
        let weights = try bright * part(moving.bright, y, x)
        let share = try weights / total(weights).clamped(min: 1e-6)
        func centred(_ map: Tensor) throws -> Tensor { try map - total(map * share) }
        let (a, b) = (try centred(fixed), try centred(part(moving.values, y, x)))
        let scale = try (total(a * a * share) * total(b * b * share)).squareRoot().clamped(min: 1e-6)
        best = try best.maximum(total(a * b * share) / scale)
      }
    }
    return try best.flattened()
  }

  /// Computes the details of thumbnails, B×3×64×64: the difference from their blurred versions.
  ///
  /// - Returns: the details, B×3×64×64, zero at dark pixels and their neighbours; and 1 at the
  ///   other pixels, B×1×64×64.
  private static func details(_ thumbnails: Tensor) throws -> (values: Tensor, bright: Tensor) {
    let colours = try thumbnails.to(.float32)
    let dark = try colours.max([1], keepDimensions: true).less(than: darkness).to(.float32)
    let bright = try 1 - dark.maxPool(3, stride: 1, padding: 1)
    let kernel = try blurring(side, deviation: 6)
    let transposed = try kernel.transposed()
    func blurred(_ maps: Tensor) throws -> Tensor { try kernel.matmul(maps).matmul(transposed) }
    let ground = try blurred(colours * bright) / blurred(bright).clamped(min: 1e-3)
    return (try (colours - ground) * bright, bright)
  }

  /// Returns a Gaussian blur of S samples as a matrix, S×S; it repeats the outermost samples.
  private static func blurring(_ side: Int, deviation: Double) throws -> Tensor {
    let reach = Int((4 * deviation).rounded())
    let taps = (-reach...reach).map { exp(-0.5 * Double($0 * $0) / (deviation * deviation)) }
    let sum = taps.reduce(0, +)
    var matrix = [Float](repeating: 0, count: side * side)
    for row in 0..<side {
      for (tap, weight) in zip(-reach...reach, taps) {
        matrix[row * side + min(side - 1, max(0, row + tap))] += Float(weight / sum)
      }
    }
    return try Tensor(matrix, shape: [side, side])
  }

  /// Returns the weight of each place: half a sine in both directions; S×S.
  private static func window(_ side: Int) throws -> Tensor {
    let arc = (0..<side).map { Float(sin(Double.pi * (Double($0) + 0.5) / Double(side))) }
    return try Tensor(arc, shape: [side, 1]) * Tensor(arc, shape: [1, side])
  }
}
