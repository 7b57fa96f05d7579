import Confounders
import Torch

/// The method after the image tower, ready for inference: immutable, shared by threads.
///
/// On the CPU the head is compiled. Region selection, intervention and a method that plugs in stay modules,
/// which hold copies of the weights, are in evaluation mode and known to nobody else.
package struct CompiledModel: @unchecked Sendable {
  private let modules: SegmentationModel
  private let head: CompiledHead?

  /// The settings.
  package var configuration: ModelConfiguration { modules.configuration }
  /// The embedded prompts.
  package var text: TextEmbeddings { modules.text }
  /// The confounders with their prior.
  package var dictionary: ConfounderDictionary { modules.dictionary }
  /// The tower's layers whose outputs it wants, counted from 1.
  package var towerLayers: [Int] { modules.towerLayers }
  /// The trained factor of the cosines of image and confounder in the intervention's attention, 1; nil
  /// without one.
  package var evidenceScale: Tensor? { modules.state()["intervention.evidence_scale"] }

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
    copy.dictionary = try model.dictionary.copied()
    copy.adjustment = model.adjustment
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
  ///   - intervening: whether the intervention is on.
  /// - Returns: logits, and the tensors that lead to them.
  /// - Throws: `TorchError` when shapes do not fit.
  package func callAsFunction(
    images: Tensor, encoded: EncodedImages, intervening: Bool = true
  ) throws -> SegmentationOutput {
    try modules.output(
      images: images, encoded: encoded, intervening: intervening, head: head ?? modules.head
    ) { features, _ in features }
  }

  /// F, F_ca and the attention, which stand before the head, with the intervention on.
  ///
  /// - Parameter encoded: the tower's outputs.
  /// - Returns: F, F_ca, the attention, and the grid before and after.
  /// - Throws: `TorchError` when shapes do not fit.
  package func representation(_ encoded: EncodedImages) throws -> Representation {
    try modules.representation(encoded)
  }

  /// S^, B×h×w: the score that regions are selected by, also for a method that selects none.
  ///
  /// - Parameter encoded: the tower's outputs.
  /// - Returns: the score of every position.
  /// - Throws: `TorchError` when shapes do not fit.
  package func regionScore(_ encoded: EncodedImages) throws -> Tensor { try modules.regionScore(encoded) }
}
