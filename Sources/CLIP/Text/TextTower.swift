import Torch

/// A trainable text tower of CLIP: `TextTransformer` or `BertTower`.
public class TextTower: Module {
  /// The geometry.
  public let configuration: CLIPConfiguration.Text

  init(_ configuration: CLIPConfiguration.Text) { self.configuration = configuration }

  /// Makes the tower of a configuration.
  static func make(
    _ configuration: CLIPConfiguration.Text, projectionSize: Int, _ initializer: Initializer
  ) throws -> TextTower {
    if let bert = configuration.bert {
      return try BertTower(configuration, bert, projectionSize: projectionSize, initializer)
    }
    return try TextTransformer(configuration, projectionSize: projectionSize, initializer)
  }

  /// The name of the architecture in texts.
  package var name: String { "text tower" }

  /// Returns whether an embedding changes with the number of padding tokens after the sentence.
  ///
  /// Then every sentence must fill the window of the training.
  ///
  /// - Parameter padding: the tokenizer's padding token.
  /// - Returns: true if the padding is read.
  package func readsPadding(_ padding: Int) -> Bool { false }

  /// Maps token ids, int64 n×L, to embeddings n×d, projected, not normalised.
  ///
  /// - Parameter ids: int64, n×L.
  /// - Returns: n×d.
  /// - Throws: `TorchError` for ids outside the vocabulary or a window that is too long.
  public func callAsFunction(_ ids: Tensor) throws -> Tensor {
    try self(tokens: tokens(ids), endingAs: ids)
  }

  /// Maps token ids, int64 n×L, to the embeddings of the tokens, n×L×w, without positions.
  ///
  /// - Parameter ids: int64, n×L.
  /// - Returns: n×L×w.
  /// - Throws: `TorchError` for ids outside the vocabulary or of another rank.
  public func tokens(_ ids: Tensor) throws -> Tensor {
    throw TorchError.value("this text tower has no embeddings of tokens")
  }

  /// Maps token embeddings, which may be learned, to sentence embeddings n×d.
  ///
  /// The outputs are projected, not normalised.
  ///
  /// - Parameters:
  ///   - tokens: n×L×w, without positions.
  ///   - ids: the token ids of sentences with the same ends and the same padding, int64 n×L.
  /// - Returns: the embeddings of the sentences.
  /// - Throws: `TorchError` if the shapes do not fit or the window is too long.
  public func callAsFunction(tokens: Tensor, endingAs ids: Tensor) throws -> Tensor {
    throw TorchError.value("this text tower cannot encode")
  }
}
