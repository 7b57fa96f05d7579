import CLIP
import Storage
import Torch

/// An image tower for segmentation; CLIP's vision transformer and ResNet both conform.
package protocol ImageEncoder: Module, ImagePass {
  /// The channels of the outputs of each tower layer (of a ResNet: stage).
  var hiddenWidths: [Int] { get }
  /// The distance in pixels between neighbouring positions of each of these outputs.
  var hiddenStrides: [Int] { get }
  /// The distance in pixels between neighbouring positions of the dense features.
  var gridStride: Int { get }
  /// The computation apart from the weights, as text.
  ///
  /// Two towers of equal geometry and weights give the same outputs.
  var geometry: String { get }

  /// Returns the parameters that this tuning trains.
  func parameters(tuned: Tuning) throws -> [NamedTensor]

  /// Returns the modules that this tuning does not train; they stay in evaluation mode.
  func frozenModules(tuned: Tuning) -> [Module]

  /// Returns the part that this tuning does not train.
  ///
  /// - Parameters:
  ///   - tuned: the trained part of the tower.
  ///   - precision: the arithmetic of the compiled part on the CPU; nil returns the uncompiled
  ///     modules.
  /// - Returns: the part; nil if the whole tower is trained.
  /// - Throws: `TorchError` if the weights cannot be packed.
  func frozenPart(tuned: Tuning, for precision: Precision?) throws -> FrozenPart?

  /// Compiles the whole tower for inference on the CPU.
  ///
  /// - Throws: `TorchError` if the weights cannot be packed.
  func compiled(for precision: Precision) throws -> CompiledImageTower

  /// Makes a tower with copied weights, on the same device, in evaluation mode.
  ///
  /// - Throws: `TorchError` if memory is short.
  func copied() throws -> ImageTower
}

/// The trained part of the image tower: `none`, `last-N` with everything after, or `all`.
public enum Tuning: Equatable, Sendable, TextCodable {
  /// No part: the tower is frozen.
  case none
  /// The last layers of a transformer or stages of a ResNet, and everything after them.
  case last(Int)
  /// The whole tower.
  case all

  /// Parses `none`, `last-N` or `all`.
  ///
  /// - Parameter text: the text form; another text gives nil.
  public init?(_ text: String) {
    switch text {
    case "none": self = .none
    case "all": self = .all
    default:
      guard text.hasPrefix("last-"), let count = Int(text.dropFirst(5)), count > 0 else { return nil }
      self = .last(count)
    }
  }

  /// The text form: `none`, `last-2`, `all`.
  public var description: String {
    switch self {
    case .none: "none"
    case .last(let count): "last-\(count)"
    case .all: "all"
    }
  }

  /// The valid texts, for messages.
  public static var possible: String { "none, last-N, all" }
}
