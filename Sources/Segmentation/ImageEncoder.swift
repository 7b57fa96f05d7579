import CLIP
import Storage
import Torch

/// What the method asks of an image tower; CLIP's vision transformer and ResNet both give it.
package protocol ImageEncoder: Module, ImagePass {
  /// Channels of the outputs of the tower's layers (of a ResNet: stages), each its own.
  var hiddenWidths: [Int] { get }
  /// Pixels between neighbouring positions of the dense features.
  var gridStride: Int { get }
  /// What it computes with its weights, as text: two towers of equal geometry and weights give the same.
  var geometry: String { get }

  /// The parameters that are trained when this much of the tower is tuned.
  func parameters(tuned: Tuning) throws -> [NamedTensor]

  /// The parts that are not trained when this much of the tower is tuned; they stay in evaluation mode.
  func frozenModules(tuned: Tuning) -> [Module]

  /// The part that is not trained when this much of the tower is tuned.
  ///
  /// - Parameters:
  ///   - tuned: how much of the tower is trained.
  ///   - precision: the arithmetic that it is compiled for, on the CPU; nil for the modules as they are.
  /// - Returns: the part; nil when all of the tower is trained.
  /// - Throws: `TorchError` when weights cannot be packed.
  func frozenPart(tuned: Tuning, for precision: Precision?) throws -> FrozenPart?

  /// Compiles the whole tower for inference on the CPU.
  ///
  /// - Throws: `TorchError` when weights cannot be packed.
  func compiled(for precision: Precision) throws -> CompiledImageTower

  /// A tower of its own with copies of the weights, on the same device, in evaluation mode.
  ///
  /// - Throws: `TorchError` when memory does not suffice.
  func copied() throws -> ImageTower
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
