import Foundation
import Imaging
import Torch

/// Reads images and masks as tensors.
public struct SampleReader: Hashable, Sendable {
  /// The side S of scaled images.
  public let size: Int
  /// The way in which images of other proportions enter the square.
  public let framing: Framing
  /// The maximum size of a file.
  public let limits: ImageLimits
  /// The labels of label maps that get a mask each; empty for one mask of all lesions.
  public let classes: [String]

  /// Makes a reader.
  ///
  /// - Parameters:
  ///   - size: the side S of scaled images.
  ///   - framing: the way in which images of other proportions enter the square.
  ///   - limits: the maximum size of a file.
  ///   - classes: the labels that get a mask each; empty for one mask of all lesions.
  public init(
    size: Int, framing: Framing = .squash, limits: ImageLimits = .default, classes: [String] = []
  ) {
    self.size = size
    self.framing = framing
    self.limits = limits
    self.classes = classes
  }

  /// The number K of the masks of an image.
  package var maskCount: Int { max(1, classes.count) }

  /// Reads an image at its own size: uint8, 3×H×W.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - denominator: for JPEG 1, 2, 4 or 8, to decode it at that fraction of its size.
  /// - Returns: the image.
  /// - Throws: `ImagingError` that names the file.
  public func image(_ url: URL, reducedBy denominator: Int = 1) throws -> Tensor {
    try ImageFile.read(url, limits: limits, reducedBy: denominator).rgb.tensor
  }

  /// Finds the part of an image, uint8 3×H×W, that enters the square.
  ///
  /// - Throws: `TorchError` for another shape.
  public func frame(of image: Tensor) throws -> Frame { try framing.frame(of: image, size: size) }

  /// Finds height and width of an image file, and its frame.
  ///
  /// It does not decode the file if that is possible.
  ///
  /// - Throws: `ImagingError` that names the file.
  package func place(of url: URL) throws -> (shape: [Int], frame: Frame) {
    if framing == .view {
      let image = try image(url)
      return (Array(image.shape.dropFirst()), try frame(of: image))
    }
    let size = try ImageFile.size(url)
    return (
      [size.height, size.width], framing.frame(height: size.height, width: size.width, size: self.size)
    )
  }

  /// Reads an image at S×S as fast as its format allows, its own size and its frame.
  ///
  /// A JPEG is decoded at the smallest of 1/8, 1/4 and 1/2 that leaves both sides at least S long
  /// and divides them. The rest is scaled as for other images, so levels differ slightly from those
  /// of the whole image.
  ///
  /// - Parameter url: the file.
  /// - Returns: uint8 3×S×S, height and width of the image in the file, and its frame there.
  /// - Throws: `ImagingError` that names the file.
  public func quick(_ url: URL) throws -> (image: Tensor, height: Int, width: Int, frame: Frame) {
    let (squares, height, width) = try quick(url, sizes: [size])
    return (squares[0].image, height, width, squares[0].frame)
  }

  /// Reads an image at several sizes as fast as its format allows, as `quick` at each of them.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - sizes: the sides of the squares.
  /// - Returns: a square for each side, and height and width of the image in the file.
  /// - Throws: `ImagingError` that names the file.
  package func quick(_ url: URL, sizes: [Int]) throws -> (squares: [Square], height: Int, width: Int) {
    let full = try ImageFile.size(url)
    let denominators = sizes.map { size in
      [8, 4, 2].first { denominator in
        [full.width, full.height].allSatisfy { $0 % denominator == 0 && $0 / denominator >= size }
      } ?? 1
    }
    var squares = [Square?](repeating: nil, count: sizes.count)
    // Only a JPEG is reduced. Sizes with the same denominator share the decoded image, and of other
    // formats all do.
    var unreduced: Tensor?
    for denominator in Set(denominators).sorted(by: >) {
      let reduced = try unreduced ?? image(url, reducedBy: denominator)
      let factor = full.height / max(1, try reduced.size(1))
      if factor == 1 { unreduced = reduced }
      let places = sizes.indices.filter { denominators[$0] == denominator }
      for (place, square) in zip(places, try self.squares(reduced, sizes: places.map { sizes[$0] })) {
        squares[place] = Square(image: square.image, frame: square.frame.enlarged(by: factor))
      }
    }
    return (squares.compactMap { $0 }, full.height, full.width)
  }

  /// The framed part of an image in a square.
  package struct Square: Sendable {
    /// uint8, 3×S×S.
    package let image: Tensor
    /// Its place in the image and in the square.
    package let frame: Frame
  }

  /// Scales an image to squares of several sizes, each from the image itself.
  ///
  /// - Parameters:
  ///   - image: uint8, 3×H×W.
  ///   - sizes: the sides of the squares.
  /// - Returns: a square for each side.
  /// - Throws: `TorchError` for another shape.
  package func squares(_ image: Tensor, sizes: [Int]) throws -> [Square] {
    try framing.frames(of: image, sizes: sizes).map { Square(image: try scaled(image, in: $0), frame: $0) }
  }

  /// Reads a mask at its own size: bool, H×W.
  ///
  /// - Parameters:
  ///   - url: the file.
  ///   - convention: the values that are lesion. The white of a 1-bit file is lesion, but as a
  ///     label it counts as 1 or 255.
  /// - Returns: the mask.
  /// - Throws: `ImagingError` that names the file.
  public func mask(_ url: URL, as convention: MaskConvention = .grey) throws -> Tensor {
    let content = try MaskFile.content(url, as: convention.meaning, limits: limits)
    return try Self.mask(content, as: convention)
  }

  /// Marks the pixels of a mask file that are lesion: bool, H×W.
  static func mask(_ content: MaskFile.Content, as convention: MaskConvention) throws -> Tensor {
    let image = content.image
    let values = try image.pixels.withUnsafeBytes {
      try Tensor(bytes: $0, shape: [image.height, image.width], dtype: .uint8)
    }
    guard case .values(let lesions, let meaning) = convention else { return try values.greater(than: 127) }
    let none = try values.less(than: 0)
    if content.isBilevel {
      let isLesion = meaning == .grey || lesions.contains(1) || lesions.contains(255)
      return isLesion ? try values.greater(than: 0) : none
    }
    return try lesions.reduce(none) { try $0.or(values.equals(Double($1))) }
  }

  /// Reads a mask at its own size and checks it against the size of its image: bool, H×W.
  ///
  /// With several classes it is K×H×W, a mask each. The convention is that of all masks of its site,
  /// which are read at the first call, unless values are stated.
  ///
  /// - Throws: `DatasetError.sizeMismatch`, `MaskConventionError`, `ClassError`, or `ImagingError`
  ///   that names the file.
  public func mask(of sample: Sample, imageSize: [Int]) throws -> Tensor? {
    guard let url = sample.mask else { return nil }
    let mask =
      classes.isEmpty
      ? try mask(url, as: sample.convention(limits: limits))
      : try masks(url, values: sample.values(of: classes))
    try Self.requireSize(mask, of: sample, imageSize: imageSize)
    return mask
  }

  /// Checks that a mask has the height and width of its image.
  ///
  /// - Throws: `DatasetError.sizeMismatch`.
  static func requireSize(_ mask: Tensor, of sample: Sample, imageSize: [Int]) throws {
    let size = Array(mask.shape.suffix(2))
    guard let url = sample.mask, size != imageSize else { return }
    throw DatasetError.sizeMismatch(
      image: sample.image, imageSize: imageSize.reversed(), mask: url, maskSize: size.reversed())
  }

  /// Scales an image to S×S as CLIP's preparation does (Pillow's bicubic): uint8, 3×S×S.
  public func scaled(_ image: Tensor) throws -> Tensor { try scaled(image, in: frame(of: image)) }

  /// Scales the framed part of an image to its place in the square: uint8, 3×S×S.
  ///
  /// - Parameters:
  ///   - image: uint8, 3×H×W.
  ///   - frame: the frame of the image.
  /// - Returns: uint8, 3×S×S.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func scaled(_ image: Tensor, in frame: Frame) throws -> Tensor {
    try frame.placed(
      PillowResampling()(
        frame.cut(image).contiguous(), height: frame.innerRows.count, width: frame.innerColumns.count))
  }

  /// Scales a mask to S×S: bool, true where the lesion covers at least half of the area.
  ///
  /// - Parameters:
  ///   - mask: bool, H×W, or K×H×W.
  ///   - frame: the frame of its image.
  /// - Returns: bool, S×S, or K×S×S.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func scaled(mask: Tensor, in frame: Frame) throws -> Tensor {
    let isSingle = mask.rank == 2
    let cut = try frame.cut(mask).to(.float32)
    let area = try (isSingle ? cut.expandedDimension(0) : cut).expandedDimension(0)
    let scaled = try area.resized(
      height: frame.innerRows.count, width: frame.innerColumns.count, antialias: true
    ).atLeast(0.5).squeezed(0)
    return try frame.placed(isSingle ? scaled.squeezed(0) : scaled)
  }

  /// Reads both at S×S: uint8 3×S×S and bool S×S, with several classes K×S×S.
  public func pair(_ sample: Sample) throws -> (image: Tensor, mask: Tensor) {
    let image = try image(sample.image)
    let frame = try frame(of: image)
    let mask = try mask(of: sample, imageSize: Array(image.shape.dropFirst()))
    return (
      try scaled(image, in: frame),
      try mask.map { try scaled(mask: $0, in: frame) } ?? emptyMask([size, size])
    )
  }
}
