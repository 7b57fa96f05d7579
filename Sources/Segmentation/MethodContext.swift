import CLIP
import Confounders
import Torch

/// Everything that a method may be built from.
public struct MethodContext {
  /// The embedded prompts, of width d.
  public let text: TextEmbeddings
  /// The dictionary Z with P(z), which the model stores.
  public let dictionary: ConfounderDictionary
  /// The text tower, for methods that learn prompts; nil unless `MethodTraits.needsTextTower` asks for it.
  public let textEncoder: TextEncoder?
  /// The tower's layers whose outputs `EncodedImages.layers` holds, counted from 1, in its order.
  public let towerLayers: [Int]
  /// Channels of each of these.
  public let towerWidths: [Int]
  /// Pixels of the image between neighbouring positions of the feature grid.
  public let gridStride: Int
  /// Channels of `SegmentationOutput.features`; nil for a method that replaces the head.
  public let featureWidth: Int?
  /// The number of source sites; nil where the settings do not name them.
  public let siteCount: Int?
  /// For first weights.
  public let seed: UInt64

  /// The number of source sites, for a method with a part for each.
  ///
  /// - Parameter method: the method's name, for the message.
  /// - Returns: at least 2.
  /// - Throws: `MethodError.needsSites` when fewer than two are named.
  public func requiredSites(_ method: String) throws -> Int {
    guard let siteCount, siteCount >= 2 else {
      throw MethodError.needsSites(method: method, found: siteCount ?? 0)
    }
    return siteCount
  }
}

/// The text tower with its tokenizer: sentences, token ids or token embeddings → embeddings.
public struct TextEncoder {
  /// The tower.
  public let tower: TextTransformer
  private let tokenizer: Tokenizer
  private let window: Int

  /// Takes the text side of a CLIP model.
  public init(_ clip: CLIPModel) {
    tower = clip.text
    tokenizer = clip.tokenizer
    window = clip.configuration.text.positions
  }

  /// Token ids of sentences, int64 n×L, padded to the tower's window.
  public func ids(_ sentences: [String]) throws -> Tensor { try tokenizer(sentences, window: window) }

  /// Sentences → embeddings n×d, projected, not normalised.
  public func callAsFunction(_ sentences: [String]) throws -> Tensor { try tower(ids(sentences)) }
}

/// A method or an option of it that cannot be used.
public enum MethodError: Error, Equatable, CustomStringConvertible {
  /// No method of the registry has this name.
  case unknown(name: String, known: [String])
  /// A value that an option cannot take.
  case option(name: String, value: String, wanted: String)
  /// The method compares sites, and too few are named.
  case needsSites(method: String, found: Int)
  /// The method replaces the head and does not decode.
  case doesNotDecode(method: String)
  /// The method asks for the text tower, which is not there.
  case needsTextTower(method: String)
  /// A name that other entries of the metrics have, or that cannot stand in a file.
  case termName(method: String, name: String)

  /// One line that names the method or the option and says what is possible.
  public var description: String {
    switch self {
    case .unknown(let name, let known):
      "the method \"\(name)\" is not known; use one of \(known.joined(separator: ", "))"
    case .option(let name, let value, let wanted):
      "model.options.\(name) is \(value); it must be \(wanted)"
    case .needsSites(let method, let found):
      "\(method) compares source sites, but sources names \(found); name two or more"
    case .doesNotDecode(let method): "the method \(method) replaces the head but does not decode"
    case .needsTextTower(let method):
      "the method \(method) needs the text tower; give the CLIP model that the run was trained with"
    case .termName(let method, let name):
      "the method \(method) names a loss term \"\(name)\"; use letters, digits, hyphens and underscores, and none of "
        + "the names that metrics.jsonl has itself"
    }
  }
}
