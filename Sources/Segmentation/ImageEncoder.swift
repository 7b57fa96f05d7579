import Storage
import Torch

/// What the method asks of an image tower; CLIP's vision transformer and ResNet both give it.
public protocol ImageEncoder: Module {
  /// Channels of the outputs of the tower's layers (of a ResNet: stages), each its own.
  var hiddenWidths: [Int] { get }
  /// Pixels between neighbouring positions of the dense features.
  var gridStride: Int { get }
  /// What it computes with its weights, as text: two towers of equal geometry and weights give the same.
  var geometry: String { get }

  /// Encodes normalised pixels, B×3×S×S, as far as the tower is not trained.
  ///
  /// - Parameters:
  ///   - pixels: normalised by CLIP's mean and deviation.
  ///   - tuned: how much of the tower is trained.
  ///   - dense: the name of the dense extractor.
  ///   - layers: layers (of a ResNet: stages) whose outputs are wanted, counted from 1.
  /// - Returns: what the layers that are trained go on from; of a tower that is frozen all it gives.
  /// - Throws: `TorchError` when shapes do not fit.
  func frozen(_ pixels: Tensor, tuned: Tuning, dense: String, layers: [Int]) throws -> FrozenFeatures

  /// Encodes what `frozen` made of images, with the same extractor and layers.
  ///
  /// - Returns: dense features, image embedding, layer outputs.
  /// - Throws: `TorchError` when shapes do not fit.
  func encode(_ frozen: FrozenFeatures, dense: String, layers: [Int]) throws -> EncodedImages

  /// The parameters that are trained when this much of the tower is tuned.
  func parameters(tuned: Tuning) throws -> [NamedTensor]

  /// The parts that are not trained when this much of the tower is tuned; they stay in evaluation mode.
  func frozenModules(tuned: Tuning) -> [Module]
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

  /// All texts that can be read.
  public static var possible: String { "none, last-N, all" }
}
