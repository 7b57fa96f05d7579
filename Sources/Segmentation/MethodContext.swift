import CLIP
import Confounders
import Torch

/// The inputs from which a method is made.
public struct MethodContext {
  /// The embedded prompts, of width d.
  ///
  /// With `MethodTraits.needsTextTower`, `text.words` has the names of the classes.
  public let text: TextEmbeddings
  /// The dictionary Z with P(z), which the model owns.
  public let dictionary: ConfounderDictionary
  /// The text tower, for methods that learn prompts; nil without `MethodTraits.needsTextTower`.
  ///
  /// It moves to another device with the system. A method moves its own tensors that are neither
  /// parameters nor buffers, in an override of `move(to:)`.
  public let textEncoder: TextEncoder?
  /// The tower layers of `EncodedImages.layers`, counted from 1, in its order.
  public let towerLayers: [Int]
  /// The channels of each of these layers.
  public let towerWidths: [Int]
  /// The distance in image pixels between neighbouring positions of the feature grid.
  public let gridStride: Int
  /// The channels of `SegmentationOutput.features`; nil for a method that replaces the head.
  public let featureWidth: Int?
  /// The number of source sites; nil if the settings do not name them.
  public let siteCount: Int?
  /// The seed of the initial weights.
  public let seed: UInt64
  /// The number K of masks, one for each class.
  public var maskCount = 1

  /// Returns the number of source sites, for a method with a part for each.
  ///
  /// - Parameter method: the name of the method, for the message.
  /// - Returns: the number, at least 2.
  /// - Throws: `MethodError.needsSites` if fewer than two sites are named.
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
  public let tower: TextTower
  private let tokenizer: Tokenizer
  /// The most tokens of a sentence, with start and end.
  public let window: Int

  /// Uses the text side of a CLIP model.
  ///
  /// - Parameter clip: the model.
  public init(_ clip: CLIPModel) {
    tower = clip.text
    tokenizer = clip.tokenizer
    window = clip.configuration.text.positions
  }

  /// Tokenizes sentences: int64 n×L, padded to the tower's window.
  ///
  /// - Parameter sentences: the sentences.
  /// - Returns: the ids.
  /// - Throws: `TorchError` with libtorch's message.
  public func ids(_ sentences: [String]) throws -> Tensor { try tokenizer(sentences, window: window) }

  /// Tokenizes sentences: int64 n×L, padded to the longest of them, which saves time.
  ///
  /// The padding does not change an embedding: tokens attend only to earlier ones, or padding is
  /// masked. For a tower that reads the padding, the sentences fill the window.
  ///
  /// - Parameter sentences: the sentences.
  /// - Returns: the ids.
  /// - Throws: `TorchError` with libtorch's message.
  public func shortIds(_ sentences: [String]) throws -> Tensor {
    if tower.readsPadding(tokenizer.padToken) { return try ids(sentences) }
    let longest = sentences.map { tokenizer.encode($0, window: window).count }.max() ?? 0
    return try tokenizer(sentences, window: longest)
  }

  /// The number of tokens before the words of a sentence: 1, or 0 for SigLIP.
  public var startCount: Int { tokenizer.startCount }

  /// Counts the tokens of a sentence, with start and end, also of one that the window would cut.
  ///
  /// - Parameter sentence: the sentence.
  /// - Returns: the number.
  public func tokenCount(_ sentence: String) -> Int { tokenizer.encode(sentence, window: .max).count }

  /// Maps sentences to embeddings n×d, projected, not normalised.
  ///
  /// - Parameter sentences: the sentences.
  /// - Returns: n×d.
  /// - Throws: `TorchError` with libtorch's message.
  public func callAsFunction(_ sentences: [String]) throws -> Tensor { try tower(ids(sentences)) }
}

/// An error of a method or of one of its options.
public enum MethodError: Error, Equatable, CustomStringConvertible {
  /// No method of the registry has this name.
  case unknown(name: String, known: [String])
  /// An option does not accept the value.
  case option(name: String, value: String, wanted: String)
  /// The method compares sites, and too few sites are named.
  case needsSites(method: String, found: Int)
  /// The method replaces the head and does not decode.
  case doesNotDecode(method: String)
  /// The method segments one class, and the settings name several.
  case oneClass(method: String, classes: [String])
  /// The method needs the text tower, which is missing.
  case needsTextTower(method: String)
  /// The method learns prompts of the classes, whose names are missing.
  case needsWords(method: String)
  /// A learned context does not fit into the window of the text tower with the name of a class.
  ///
  /// `option` sets the number of learned tokens; `length` is that of the sentence, `most` the window.
  case window(method: String, option: String, tokens: Int, name: String, length: Int, most: Int)
  /// The method decodes layers of the image tower, and the tower shows none.
  case needsTowerLayers(method: String)
  /// A name of a loss term is another entry of the metrics, or is not valid in a file.
  case termName(method: String, name: String)
  /// A method whose traits say that several processes share everything adds a term.
  case sharesTerm(method: String)
  /// A method changes images without the trait that says so, in several processes.
  case changesImages(method: String)

  /// One line that names the method or the option and the valid values.
  public var description: String {
    switch self {
    case .unknown(let name, let known):
      "the method \"\(name)\" is not known; use one of \(known.joined(separator: ", "))"
    case .option(let name, let value, let wanted):
      "model.options.\(name) is \(value); it must be \(wanted)"
    case .needsSites(let method, let found):
      "\(method) compares source sites, but sources names \(found); name two or more"
    case .sharesTerm(let method):
      "the method \(method) states the trait sharing all, but its loss has more than the mean of L_seg; state "
        + "model or tower"
    case .changesImages(let method):
      "the method \(method) changes images, but its traits do not state it; set changesImages"
    case .doesNotDecode(let method): "the method \(method) replaces the head but does not decode"
    case .oneClass(let method, let classes):
      "the method \(method) segments one class, but the setting classes names \(classes.joined(separator: ", ")); "
        + "name one, or choose a method for several, such as baseline, mcdrl or unet"
    case .needsTextTower(let method):
      "the method \(method) needs the text tower; give the CLIP model that the run was trained with"
    case .needsWords(let method):
      "the method \(method) needs the names of the lesion classes; make the text embeddings from a prompt set"
    case .window(let method, let option, let tokens, let name, let length, let most):
      "the method \(method) puts \(tokens) learned tokens before \"\(name.prefix(80))\", which makes \(length) tokens "
        + "with start and end, but the text tower's window has \(most); ask for fewer in \(option), or shorten the "
        + "words in the prompt file"
    case .needsTowerLayers(let method):
      "\(method) decodes layers of the image tower, but it shows none; name some in model.head.towerLayers"
    case .termName(let method, let name):
      "the method \(method) names a loss term \"\(name)\"; use letters, digits, hyphens and underscores, and none of "
        + "the names that metrics.jsonl has itself"
    }
  }
}
