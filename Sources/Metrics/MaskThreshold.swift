import Torch

/// The rule that turns the lesion probabilities of an image into a mask.
///
/// In JSON it is a number, or the word `dice`.
public enum MaskThreshold: Hashable, Sendable {
  /// A pixel of at least this probability is lesion.
  case fixed(Double)
  /// A pixel is lesion if it reaches the level whose mask has the highest expected Dice (ours).
  ///
  /// Each image has its own level. A map is read as nested regions: the lesion is {p > U}, with one
  /// U for the whole image, uniform from 0 to 1. So pixels depend on each other fully. The levels u
  /// are the middles of 64 equal bins, and A(u) is the number of pixels that reach u. A mask of the
  /// pixels that reach t has the expected Dice
  ///
  ///     mean over u of 2·min(A(t), A(u)) / (A(t) + A(u)), 1 where both are 0.
  ///
  /// The empty mask is a candidate, too. Of equal levels the highest is taken. So an image stays
  /// empty if no probability exceeds about one half, and an image of several likely regions gets
  /// the area that is the best compromise.
  ///
  /// Related: Dai and Li, "RankSEG", JMLR 2023, whose RankDice treats pixels as independent.
  case dice

  /// The number of levels.
  private static let levels = 64
  /// The most pixels that are counted; larger maps count every k-th row and column.
  private static let mostPixels = 1 << 16

  /// Marks the lesion pixels of maps.
  ///
  /// - Parameter maps: probabilities from 0 to 1, …×H×W on the CPU; each map has its own level.
  /// - Returns: bool, …×H×W.
  /// - Throws: `TorchError` for fewer than two dimensions.
  public func mask(_ maps: Tensor) throws -> Tensor {
    switch self {
    case .fixed(let probability): return try maps.atLeast(probability)
    case .dice:
      let levels = try Self.levels(of: maps).to(maps.dtype)
      return try maps.atLeast(levels.reshaped(maps.shape.dropLast(2) + [1, 1]))
    }
  }

  /// Returns the lowest probability of a lesion pixel of one map.
  ///
  /// - Parameter map: probabilities from 0 to 1, of one image: …×H×W with dimensions of 1 before.
  /// - Returns: the probability; above 1 if the mask is empty.
  /// - Throws: `TorchError` if there are several maps.
  public func level(of map: Tensor) throws -> Double {
    switch self {
    case .fixed(let probability): probability
    case .dice: try Self.levels(of: map).item()
    }
  }

  /// Finds the level of each map, float64, one dimension.
  private static func levels(of maps: Tensor) throws -> Tensor {
    let rank = maps.rank
    guard rank >= 2 else { throw TorchError.value("a map of probabilities has rows and columns") }
    let (height, width) = (try maps.size(rank - 2), try maps.size(rank - 1))
    var step = 1
    while ((height + step - 1) / step) * ((width + step - 1) / step) > mostPixels { step += 1 }
    let pixels = try maps.strided(dim: rank - 2, by: step).strided(dim: rank - 1, by: step)
    let count = maps.shape.dropLast(2).reduce(1, *)
    // The number of levels (j + 1/2) / 64 that a pixel reaches, from 0 to 64.
    // NaN becomes a negative integer, so it is no lesion.
    let reached = try (pixels.to(.float64) * Double(levels) + 0.5).floor().to(.int64)
      .clamped(min: 0, max: Double(levels)).to(.int64).reshaped([count, -1])
    let histogram = try Tensor.zeros([count, levels + 1], dtype: .float64)
      .scatteredSum(dim: 1, index: reached, source: .ones(reached.shape, dtype: .float64))
    // The area of level j counts pixels that reach more than j levels. No pixel reaches level 64.
    let above = try histogram.flipped([1]).cumulativeSum(dim: 1).flipped([1])
      .narrowed(dim: 1, start: 1, length: levels)
    let candidates = try Tensor.concatenated([above, .zeros([count, 1], dtype: .float64)], dim: 1)
      .expandedDimension(2)
    let areas = try above.expandedDimension(1)
    let sum = try candidates + areas
    let areEmpty = try sum.equals(0).to(.float64)
    let dice = try (candidates.minimum(areas) * 2 + areEmpty) / (sum + areEmpty)
    // `argmax` takes the first of equals, and the highest level should win.
    let best = try Double(levels) - dice.mean([2]).flipped([1]).argmax(dim: 1).to(.float64)
    return try (best + 0.5) / Double(levels)
  }

  /// The rule in words, after "a pixel is lesion from …" or "Prediction: …".
  package var rule: String {
    switch self {
    case .fixed(let probability): "a probability of at least \(probability)"
    case .dice: "the level of probability with the highest expected Dice, for each image by itself"
    }
  }
}

extension MaskThreshold: ExpressibleByFloatLiteral {
  /// Makes a fixed threshold.
  public init(floatLiteral value: Double) { self = .fixed(value) }
}

extension MaskThreshold: CustomStringConvertible {
  /// The word for the rule of the highest expected Dice.
  private static let word = "dice"
  /// The valid texts, for messages.
  package static let possible = "a number from 0 to 1, or \(word)"

  /// The number, or `dice`.
  public var description: String {
    switch self {
    case .fixed(let probability): "\(probability)"
    case .dice: Self.word
    }
  }

  /// Reads a number from 0 to 1 or `dice`; nil for any other text.
  public init?(_ text: String) {
    if text == Self.word {
      self = .dice
    } else {
      guard let number = Double(text), (0...1).contains(number) else { return nil }
      self = .fixed(number)
    }
  }
}

extension MaskThreshold: Codable {
  /// Reads a number or the word `dice`.
  ///
  /// - Parameter decoder: the source.
  /// - Throws: `DecodingError` for anything else.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Double.self) {
      self = .fixed(number)
    } else if (try? container.decode(String.self)) == Self.word {
      self = .dice
    } else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "it must be \(Self.possible)")
    }
  }

  /// Writes the number or the word.
  ///
  /// - Parameter encoder: the destination.
  /// - Throws: the error of the encoder.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .fixed(let probability): try container.encode(probability)
    case .dice: try container.encode(Self.word)
    }
  }
}
