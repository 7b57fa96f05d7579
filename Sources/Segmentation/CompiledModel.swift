import Confounders
import Torch

/// The method after the image tower, ready for inference: immutable, shared by threads.
///
/// On the CPU the head is compiled. The method stays a module that holds copies of the weights, is in evaluation
/// mode and known to nobody else.
package struct CompiledModel: @unchecked Sendable {
  private let modules: SegmentationModel
  private let head: CompiledHead?

  /// The settings.
  package var configuration: ModelConfiguration { modules.configuration }
  /// The method, for reading.
  package var method: SegmentationMethod { modules.method }
  /// The embedded prompts.
  package var text: TextEmbeddings { modules.text }
  /// The confounders with P(z).
  package var dictionary: ConfounderDictionary { modules.dictionary }
  /// The tower's layers whose outputs it reads, counted from 1.
  package var towerLayers: [Int] { modules.towerLayers }

  /// Compiles a model; later changes of its weights do not reach the result.
  ///
  /// - Parameters:
  ///   - model: the trained model.
  ///   - copy: a model of the same settings, on the same device, that nobody else holds; it gets copies of
  ///     the weights.
  ///   - precision: the arithmetic of the head, on the CPU; nil leaves the head a module.
  /// - Throws: `TorchError` when weights cannot be packed or the two models differ.
  package init(_ model: SegmentationModel, copy: SegmentationModel, for precision: Precision?) throws {
    try copy.load(model.state(), from: "a model")
    head = try precision.flatMap { try model.head?.compiled(for: $0) }
    if head != nil { copy.head = nil }
    copy.train(false)
    modules = copy
    model.releasePages()
  }

  /// Segments a batch.
  ///
  /// - Parameters:
  ///   - images: as the tower saw them, B×3×S×S.
  ///   - encoded: the tower's outputs.
  ///   - pass: the adjustment.
  /// - Returns: logits, and the tensors that lead to them.
  /// - Throws: `TorchError` when shapes do not fit.
  package func callAsFunction(
    images: Tensor, encoded: EncodedImages, _ pass: ForwardPass = ForwardPass()
  ) throws -> SegmentationOutput {
    try modules.output(images: images, encoded: encoded, pass, head: head ?? modules.head)
  }

  /// Makes the representation that stands before the head.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - pass: the adjustment.
  /// - Returns: F, F_ca, the attention, and the grid before and after.
  /// - Throws: `TorchError` when shapes do not fit.
  package func represent(
    _ encoded: EncodedImages, _ pass: ForwardPass = ForwardPass()
  ) throws -> Representation { try modules.method.represent(encoded, pass) }

  /// Scores positions: S^, B×h×w, by which regions are selected, also for a method that selects none.
  ///
  /// - Parameter encoded: the tower's outputs.
  /// - Returns: the score of each position.
  /// - Throws: `TorchError` when shapes do not fit.
  package func regionScore(_ encoded: EncodedImages) throws -> Tensor { try modules.regionScore(encoded) }
}
