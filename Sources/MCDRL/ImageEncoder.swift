import Torch

/// What the method asks of an image tower; CLIP's vision transformer and ResNet both give it.
public protocol ImageEncoder: Module {
  /// Channels of the outputs of the tower's layers (of a ResNet: stages), each its own.
  var hiddenWidths: [Int] { get }
  /// Pixels between neighbouring positions of the dense features.
  var gridStride: Int { get }

  /// Encodes normalised pixels, B×3×S×S, in one pass.
  ///
  /// - Parameters:
  ///   - pixels: normalised by CLIP's mean and deviation.
  ///   - dense: the name of the dense extractor.
  ///   - layers: layers (of a ResNet: stages) whose outputs are wanted, counted from 1.
  /// - Returns: dense features, image embedding, layer outputs.
  /// - Throws: `TorchError` when shapes do not fit.
  func encode(_ pixels: Tensor, dense: String, layers: [Int]) throws -> EncodedImages

  /// The parameters that are trained when this much of the tower is tuned.
  func parameters(tuned: Tuning) throws -> [NamedTensor]
}

/// How much of the image tower is trained: `none`, `last-N` with all that follows, `all`.
public enum Tuning: Equatable, Sendable, TextCodable {
  /// The tower is frozen.
  case none
  /// The last layers of a transformer or stages of a ResNet, and all that follows them.
  case last(Int)
  /// Everything.
  case all

  /// Reads `none`, `last-N` or `all`.
  public init?(_ text: String) {
    switch text {
    case "none": self = .none
    case "all": self = .all
    default:
      guard text.hasPrefix("last-"), let count = Int(text.dropFirst(5)), count > 0 else { return nil }
      self = .last(count)
    }
  }

  /// `none`, `last-2`, `all`.
  public var description: String {
    switch self {
    case .none: "none"
    case .last(let count): "last-\(count)"
    case .all: "all"
    }
  }

  static var possible: String { "none, last-N, all" }
}
