import Torch

/// GIN with IPA: changes intensities by random networks, in another way at each place.
///
/// Ouyang, Chen, Li, Li, Qin, Bai and Rueckert, Causality-inspired Single-source Domain
/// Generalization for Medical Image Segmentation, IEEE TMI 2022. GIN: each image passes a network of
/// four convolutions with 2 inner channels, sides 1 or 3, random weights and shifts, and leaky ReLU
/// between them. The result is mixed with the image by α, uniform from 0 to 1, and scaled to the
/// image's norm. IPA: two such versions of an image are blended by a smooth random map, so that
/// objects correlated by the acquisition get unrelated looks. The map is a cubic B-spline of uniform
/// control points, scaled to 0…1. Pixels are centred before and moved back after, because the paper
/// works on normalised images. The paper also asks two blended copies for the same prediction. This
/// consistency is left out: at equal budget, each image counts once.
public final class IntensityNetworks: SegmentationMethod, ConfigurableMethod {
  /// The name.
  public static let name = "gin-ipa"
  /// The description in one line.
  public static let summary = "changes intensities by random networks, blended by smooth random maps"
  /// The paper.
  public static let reference =
    "Ouyang et al.: Causality-inspired Single-source Domain Generalization for Medical Image Segmentation. "
    + "IEEE TMI 2022"

  /// The options.
  public struct Options: MethodOptions {
    /// The number of convolutions.
    public var layers = 4
    /// The number of inner channels.
    public var width = 2
    /// The number of control points of the blending map in each direction; 0 for GIN alone.
    public var points = 6

    /// Makes the paper's options.
    public init() {}

    /// Checks all options.
    ///
    /// - Throws: `MethodError.option` that names the option.
    public func validate() throws {
      try require("layers", Double(layers), in: 1...16)
      try require("width", Double(width), in: 1...64)
      guard points == 0 || (4...64).contains(points) else {
        throw MethodError.option(name: "points", value: "\(points)", wanted: "0, or from 4 to 64")
      }
    }
  }

  /// Returns the traits: the method changes images.
  ///
  /// - Parameter options: the options.
  /// - Returns: the traits.
  public static func traits(_ options: Options) -> MethodTraits { .changingImages }

  private let options: Options

  /// Makes the method.
  ///
  /// - Parameters:
  ///   - options: the options, checked by `validate`.
  ///   - context: the inputs of the method.
  /// - Throws: `TorchError` or `MethodError` for impossible settings.
  public init(_ options: Options, _ context: MethodContext) throws {
    self.options = options
    super.init()
  }

  /// Changes the intensities of all images.
  public override func images(_ images: Tensor, _ pass: TrainingPass) throws -> Tensor {
    let pixels = try CentredPixels.centred(images)
    func version() throws -> Tensor {
      let network = try Network(options, images: pass.sites.count, pass.generator, images.device)
      return try network(pixels)
    }
    let first = try version()
    guard options.points > 0 else { return try CentredPixels.pixels(first) }
    let second = try version()
    let map = try Self.map(
      Tensor.randomUniform(
        [pass.sites.count, options.points, options.points], generator: pass.generator
      ).to(images.device), height: images.size(2), width: images.size(3))
    return try CentredPixels.pixels(second + (first - second) * map)
  }

  /// Computes the blending maps of control points.
  ///
  /// - Parameters:
  ///   - points: B×n×n.
  ///   - height: the height of the maps.
  ///   - width: the width of the maps.
  /// - Returns: B×1×height×width, each map from 0 to 1.
  /// - Throws: `TorchError` if the shapes do not fit.
  static func map(_ points: Tensor, height: Int, width: Int) throws -> Tensor {
    let count = try points.size(-1)
    let rows = try spline(height, points: count).to(points.device)
    let columns = try spline(width, points: count).to(points.device)
    let field = try rows.matmul(points).matmul(columns.transposed())
    let low = try field.min([1, 2], keepDimensions: true)
    let range = try (field.max([1, 2], keepDimensions: true) - low).clamped(min: 1e-6)
    return try ((field - low) / range).expandedDimension(1)
  }

  /// The weights of a uniform cubic B-spline: the control points of each of `size` positions.
  static func spline(_ size: Int, points: Int) throws -> Tensor {
    var weights = [Float](repeating: 0, count: size * points)
    for position in 0..<size {
      // Positions are pixel centres; the n − 3 segments cover the image.
      let place = (Double(position) + 0.5) / Double(size) * Double(points - 3)
      let segment = min(Int(place), points - 4)
      let t = place - Double(segment)
      let basis = [
        (1 - t) * (1 - t) * (1 - t), 3 * t * t * t - 6 * t * t + 4, -3 * t * t * t + 3 * t * t + 3 * t + 1,
        t * t * t,
      ]
      for (offset, value) in basis.enumerated() {
        weights[position * points + segment + offset] = Float(value / 6)
      }
    }
    return try Tensor(weights, shape: [size, points])
  }

  /// A random network for each image of a batch.
  struct Network {
    /// The filters of each layer, (B·out)×in×k×k.
    var filters: [Tensor]
    /// The shifts of each layer, 1×(B·out)×1×1.
    var shifts: [Tensor]
    /// α, B×1×1×1.
    var share: Tensor

    /// Draws the networks.
    init(_ options: Options, images: Int, _ generator: Generator, _ device: Device) throws {
      (filters, shifts) = ([], [])
      for layer in 0..<options.layers {
        let (inner, outer) = (layer == 0 ? 3 : options.width, layer == options.layers - 1 ? 3 : options.width)
        let draw = try Tensor.randomIntegers([1], high: 2, generator: generator)
        let side = try 2 * draw.array(of: Int.self)[0] + 1
        filters.append(
          try Tensor.randomNormal([images * outer, inner, side, side], generator: generator).to(device))
        shifts.append(try Tensor.randomNormal([1, images * outer, 1, 1], generator: generator).to(device))
      }
      share = try Tensor.randomUniform([images, 1, 1, 1], generator: generator).to(device)
    }

    init(filters: [Tensor], shifts: [Tensor], share: Tensor) {
      (self.filters, self.shifts, self.share) = (filters, shifts, share)
    }

    /// Passes centred images B×3×H×W through their networks.
    func callAsFunction(_ pixels: Tensor) throws -> Tensor {
      let (count, height, width) = (try pixels.size(0), try pixels.size(2), try pixels.size(3))
      // One group for each image gives each its own filters in a single convolution.
      var values = try pixels.reshaped([1, count * 3, height, width])
      for (index, (filter, shift)) in zip(filters, shifts).enumerated() {
        values = try values.conv2d(filter, padding: filter.size(-1) / 2, groups: count) + shift
        if index < filters.count - 1 { values = try values.leakyRelu() }
      }
      let changed = try values.reshaped([count, 3, height, width])
      let mixed = try changed + (pixels - changed) * (1 - share)
      func norm(_ images: Tensor) throws -> Tensor {
        try images.power(2).sum([1, 2, 3], keepDimensions: true).squareRoot()
      }
      return try mixed / (norm(mixed) + 1e-5) * norm(pixels)
    }
  }
}
