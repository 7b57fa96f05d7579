import Confounders
import Torch

/// A way of learning to segment on the common tower, head, trainer and evaluation.
///
/// A method is a subclass that overrides the hooks it needs, and conforms to `ConfigurableMethod`, which gives it a name
/// and typed options. In training the hooks come in the order `images`, the tower, `features`, `represent`, `detail` or
/// `decode`, `segmentation`, `losses`; in inference only `represent` and `decode`, which must not draw at random.
/// Parameters and buffers that a subclass declares are trained, stored and resumed with the model under `method.`.
/// docs/guides/write-a-method.md has an example.
open class SegmentationMethod: Module {
  /// The name in texts that describe a run; a method may say more than its class's name.
  open var label: String {
    (self as? any ConfigurableMethod).map { type(of: $0).name } ?? "\(type(of: self))"
  }

  /// Changes the images of a training batch before the tower encodes them.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S, 0 to 1.
  ///   - pass: sites and chance.
  /// - Returns: images of the same shape; a mask must stay right for its image.
  /// - Throws: `TorchError` when shapes do not fit.
  open func images(_ images: Tensor, _ pass: TrainingPass) throws -> Tensor { images }

  /// Changes the tower's outputs for a training batch.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - pass: sites and chance.
  /// - Returns: outputs of the same shapes.
  /// - Throws: `TorchError` when shapes do not fit.
  open func features(_ encoded: EncodedImages, _ pass: TrainingPass) throws -> EncodedImages { encoded }

  /// Makes the representation that the head reads, in training and in inference.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - pass: the step of training, if any, and the adjustment.
  /// - Returns: the features before and after the method; unless overridden, unchanged.
  /// - Throws: `TorchError` when shapes do not fit.
  open func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    Representation(unchanged: try encoded.positions)
  }

  /// Whether the intervention is on in an epoch of training, for the metrics; a method without one has none.
  ///
  /// - Parameters:
  ///   - epoch: counted from 0.
  ///   - epochs: of the training.
  /// - Returns: whether it is on; false unless overridden.
  open func intervenes(inEpoch epoch: Int, of epochs: Int) -> Bool { false }

  /// S^, B×P: how much each position looks like a lesion, for diagnosis; nil for the default score.
  ///
  /// - Parameters:
  ///   - features: C, B×P×d.
  ///   - text: the embedded prompts.
  /// - Returns: the score of each position; nil unless overridden.
  /// - Throws: `TorchError` when widths differ.
  open func regionScore(_ features: Tensor, _ text: TextEmbeddings) throws -> Tensor? { nil }

  /// Changes the output of a level of the head's image branch for a training batch.
  ///
  /// - Parameters:
  ///   - features: B×c×h×w.
  ///   - level: from 0, the finest.
  ///   - pass: sites and chance.
  /// - Returns: features of the same shape.
  /// - Throws: `TorchError` when shapes do not fit.
  open func detail(_ features: Tensor, level: Int, _ pass: TrainingPass) throws -> Tensor { features }

  /// Decodes in the place of the common head, where `MethodTraits.replacesHead` says so.
  ///
  /// - Parameters:
  ///   - images: the normalised pixels, B×3×S×S.
  ///   - encoded: the tower's outputs.
  /// - Returns: lesion logits, B×1×S×S.
  /// - Throws: `TorchError` when shapes do not fit.
  open func decode(_ images: Tensor, _ encoded: EncodedImages) throws -> Tensor {
    throw MethodError.doesNotDecode(method: label)
  }

  /// Replaces the mean of L_seg over the batch.
  ///
  /// - Parameter batch: the batch with L_seg of each image.
  /// - Returns: a scalar; nil for the mean.
  /// - Throws: `TorchError` when shapes do not fit.
  open func segmentation(_ batch: MethodBatch) throws -> Tensor? { nil }

  /// Names the terms that are added to L_seg in this step.
  ///
  /// - Parameters:
  ///   - output: the model's outputs.
  ///   - batch: the batch.
  /// - Returns: the terms, in the order in which they are added; none unless overridden.
  /// - Throws: `TorchError` when shapes do not fit.
  open func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] { [] }
}
