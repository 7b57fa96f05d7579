import Confounders
import Torch

/// The method and head after the image tower, ready for inference.
///
/// The value is immutable and shared by threads. On the CPU the head is compiled.
///
/// It is `@unchecked Sendable` because the method is a `Module`, a class with parameters that
/// training may write. This one is a copy in evaluation mode to which nothing else refers. After
/// `init` it is only read, and reading a tensor is safe from any thread. A method that keeps a
/// result from image to image does it behind a lock (`PromptMemory`).
package struct CompiledModel: @unchecked Sendable {
  private let modules: SegmentationModel
  private let head: CompiledHead?

  /// The settings.
  package var configuration: ModelConfiguration { modules.configuration }
  /// The method, for reading only.
  package var method: SegmentationMethod { modules.method }
  /// The embedded prompts.
  package var text: TextEmbeddings { modules.text }
  /// The confounders with P(z).
  package var dictionary: ConfounderDictionary { modules.dictionary }
  /// The tower layers whose outputs the model reads, counted from 1.
  package var towerLayers: [Int] { modules.towerLayers }

  /// Compiles a model; later changes of its weights do not reach the result.
  ///
  /// - Parameters:
  ///   - model: the trained model.
  ///   - copy: a model of the same settings on the same device, without other references. It gets
  ///     copies of the weights.
  ///   - precision: the arithmetic of the head on the CPU; nil does not compile the head.
  /// - Throws: `TorchError` if the weights cannot be packed or the two models differ.
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
  ///   - images: the normalised pixels, B×3×S×S.
  ///   - encoded: the tower's outputs.
  ///   - pass: the settings of the pass.
  /// - Returns: the logits and the tensors that lead to them.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func callAsFunction(
    images: Tensor, encoded: EncodedImages, _ pass: ForwardPass = ForwardPass()
  ) throws -> SegmentationOutput {
    try modules.output(images: images, encoded: encoded, pass, head: head ?? modules.head)
  }

  /// Makes the representation before the head.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - pass: the settings of the pass.
  /// - Returns: F, F_ca, the attention, and the grid before and after.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func represent(
    _ encoded: EncodedImages, _ pass: ForwardPass = ForwardPass()
  ) throws -> Representation { try modules.method.represent(encoded, pass) }

  /// Scores positions: S^, B×h×w, the score that selects regions.
  ///
  /// A method that selects none has a score, too.
  ///
  /// - Parameter encoded: the tower's outputs.
  /// - Returns: the score of each position.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func regionScore(_ encoded: EncodedImages) throws -> Tensor { try modules.regionScore(encoded) }
}
