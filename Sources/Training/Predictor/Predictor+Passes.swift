import Datasets
import Foundation
import Segmentation
import Torch

extension Predictor {
  /// The most pixels in one pass of several views, unless one view or four of S×S have more.
  private static let pixelsOfPass = 1 << 21

  /// Computes the lesion probabilities of a batch, the mean over the views of the settings.
  ///
  /// - Parameters:
  ///   - pixels: B×3×side×side from 0 to 1, at any scale.
  ///   - cached: cached features of the images; they are used if there is no other view.
  /// - Returns: B×K×side×side.
  /// - Throws: `TorchError` if the shapes do not fit.
  func probabilities(_ pixels: Tensor, cached: FrozenFeatures?) throws -> Tensor {
    try passes(pixels, cached: cached).mean()
  }

  /// Computes the passes of a batch: the lesion probabilities by each model of each view, moved back.
  ///
  /// - Parameters:
  ///   - pixels: B×3×side×side from 0 to 1, at any scale.
  ///   - cached: cached features of the images; they are used if there is no other view.
  ///   - probe: what is read beside the probabilities; nil for nothing.
  /// - Returns: the passes.
  /// - Throws: `TorchError` if the shapes do not fit.
  func passes(_ pixels: Tensor, cached: FrozenFeatures?, _ probe: CertaintyProbe? = nil) throws -> Passes {
    let views = configuration.inference.views
    let (count, side, size) = (try pixels.size(0), try pixels.size(2), configuration.imageSize)
    let most = max(1, max(Self.pixelsOfPass, 4 * count * size * size) / (count * side * side))
    let passes = (views.count + most - 1) / most
    let length = (views.count + passes - 1) / passes
    var (maps, variances, pooled): ([Tensor], [Tensor], [String: Tensor]) = ([], [], [:])
    for start in stride(from: 0, to: views.count, by: length) {
      let part = views[start..<min(views.count, start + length)]
      func restored(_ found: Tensor) throws -> [Tensor] {
        guard views.count > 1 else { return [found] }
        return try part.enumerated().map { place, view in
          try view.restored(found.narrowed(dim: 0, start: place * count, length: count))
        }
      }
      let images = views.count > 1 ? try .concatenated(part.map { try $0.moved(pixels) }, dim: 0) : pixels
      let known = try features(images, cached: views.count > 1 ? nil : cached)
      for (index, model) in models.enumerated() {
        let look = try model.look(images, cached: known, probe)
        maps += try restored(look.probability)
        variances += try look.logitVariance.map(restored) ?? []
        // The first view is the image itself.
        guard start == 0, index == 0 else { continue }
        pooled = try look.pooled.mapValues { try $0.narrowed(dim: 0, start: 0, length: count) }
      }
    }
    return Passes(
      maps: maps, logitVariance: variances.isEmpty ? nil : try Tensor.stacked(variances).mean([0]),
      pooled: pooled)
  }

  /// The models whose probabilities are averaged.
  var models: [CompiledSystem] { [system] + others }

  /// Returns the tower's features that every model reads; nil if each runs its own tower.
  private func features(_ images: Tensor, cached: FrozenFeatures?) throws -> FrozenFeatures? {
    if others.isEmpty { return cached }
    // Members have towers of their own unless they share one, so stored features fit none.
    return sharesTower ? .encoded(try system.encoded(images)) : nil
  }

  /// Scores images as validation does, at S×S with threshold 0.5; nil if the score is undefined.
  ///
  /// Each prediction is the mean over the views of the settings, but at S alone.
  ///
  /// - Parameter bank: the images with their masks.
  /// - Returns: the score of the settings' `selection`.
  /// - Throws: an error that names an unreadable file, or `TorchError`.
  package func validationScore(on bank: SampleBank) throws -> Double? {
    let size = configuration.batchSize
    let counts = try bank.classOverlaps(batchSize: size) { images, _ in
      try probabilities(images, cached: nil)
    }
    return configuration.selection.score(ofClasses: counts, batchSize: size)
  }

  /// The network's inputs for an image, and the image's own size.
  struct Seen {
    /// The framed part of the image at each scale.
    let squares: [SampleReader.Square]
    /// H, in pixels.
    let height: Int
    /// W, in pixels.
    let width: Int
    /// The whole image, uint8 3×H×W, if requested.
    let picture: Tensor?

    /// Computes the lesion probability at the image's own size: the mean over scales.
    ///
    /// It is float32 H×W, with several classes K×H×W.
    ///
    /// - Parameters:
    ///   - predictor: the predictor that read the image.
    ///   - cached: cached features of the image as it is at S×S, if any.
    /// - Returns: the probabilities.
    /// - Throws: `TorchError` if memory is short.
    func probability(_ predictor: Predictor, cached: FrozenFeatures? = nil) throws -> Tensor {
      let size = predictor.configuration.imageSize
      return try atOwnSize(
        squares.map { square in
          try predictor.probabilities(
            Self.pixels(square), cached: square.frame.size == size ? cached : nil)
        })
    }

    /// Returns a square in the form for the network: float32, 1×3×side×side from 0 to 1.
    static func pixels(_ square: SampleReader.Square) throws -> Tensor {
      try (square.image.to(.float32) / 255).expandedDimension(0)
    }

    /// Maps probabilities on the squares to the image's own size: the mean over scales.
    ///
    /// - Parameter maps: 1×K×side×side for each square.
    /// - Returns: float32 H×W, with several classes K×H×W.
    /// - Throws: `TorchError` if memory is short.
    func atOwnSize(_ maps: [Tensor]) throws -> Tensor {
      var sum: Tensor?
      for (square, small) in zip(squares, maps) {
        let large = try square.frame.restored(small, height: height, width: width)
        sum = try sum.map { try $0 + large } ?? large
      }
      guard let sum else { throw TorchError.value("inference.scales is empty; it must be [1]") }
      return try (squares.count == 1 ? sum : sum / Double(squares.count)).squeezed(0).squeezed(0)
    }
  }

  /// Reads a file at every scale by the predictor's policy.
  func look(at file: URL, keepingPicture: Bool) throws -> Seen {
    try look(at: PredictionInput(file), keepingPicture: keepingPicture)
  }

  /// Reads an input at every scale by the predictor's policy; a frame is scaled whole.
  func look(at input: PredictionInput, keepingPicture: Bool) throws -> Seen {
    try seen(input, keepingPicture, sides)
  }

  /// The network's input for an image at S×S, and the image's own size.
  package struct Input {
    /// The input, uint8, 3×S×S.
    package let image: Tensor
    /// H, in pixels.
    package let height: Int
    /// W, in pixels.
    package let width: Int
    /// The part of the image that the input shows.
    package let frame: Frame
    /// The whole image, uint8 3×H×W, if requested.
    package let picture: Tensor?
  }

  /// Reads an input at S×S by the predictor's policy, for one pass.
  ///
  /// - Parameters:
  ///   - input: the image.
  ///   - keepingPicture: whether the result includes the whole image.
  /// - Returns: the network's input and the image's own size.
  /// - Throws: an error that names the file.
  package func read(_ input: PredictionInput, keepingPicture: Bool) throws -> Input {
    let seen = try seen(input, keepingPicture, [reader.size])
    return Input(
      image: seen.squares[0].image, height: seen.height, width: seen.width, frame: seen.squares[0].frame,
      picture: seen.picture)
  }

  private func seen(_ input: PredictionInput, _ keepingPicture: Bool, _ sides: [Int]) throws -> Seen {
    let file = input.file
    if input.reading == nil, decoding == .reduced {
      let (squares, height, width) = try reader.quick(file, sizes: sides)
      return Seen(
        squares: squares, height: height, width: width,
        picture: keepingPicture ? try reader.image(file) : nil)
    }
    let picture = try input.reading.map { try $0(reader.limits).rgb.tensor } ?? reader.image(file)
    return Seen(
      squares: try reader.squares(picture, sizes: sides), height: try picture.size(1),
      width: try picture.size(2), picture: keepingPicture ? picture : nil)
  }
}
