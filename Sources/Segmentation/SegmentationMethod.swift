import Confounders
import Torch

/// A method that learns to segment with the common tower, head, trainer and evaluation.
///
/// A method is a subclass that overrides the hooks it needs. It conforms to `ConfigurableMethod`,
/// which gives it a name and typed options. In training the order of the hooks is `images`, the
/// tower, `features`, `represent`, `detail` or `decode`, `segmentation`, `losses`. Inference calls
/// only `represent` and `decode`, which must not draw random numbers. Parameters and buffers of a
/// subclass are trained, stored and resumed with the model under `method.`.
/// docs/guides/write-a-method.md has an example.
open class SegmentationMethod: Module {
  /// The name in texts about a run; it may say more than the name of the class.
  open var label: String {
    (self as? any ConfigurableMethod).map { type(of: $0).name } ?? "\(type(of: self))"
  }

  /// Changes the images of a training batch before the tower encodes them.
  ///
  /// - Parameters:
  ///   - images: B×3×S×S, 0 to 1.
  ///   - pass: the sites and the random number generator.
  /// - Returns: images of the same shape; the mask of each image must remain correct.
  /// - Throws: `TorchError` if the shapes do not fit.
  open func images(_ images: Tensor, _ pass: TrainingPass) throws -> Tensor { images }

  /// Changes the tower's outputs for a training batch.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - pass: the sites and the random number generator.
  /// - Returns: outputs of the same shapes.
  /// - Throws: `TorchError` if the shapes do not fit.
  open func features(_ encoded: EncodedImages, _ pass: TrainingPass) throws -> EncodedImages { encoded }

  /// Makes the representation that the head reads, in training and in inference.
  ///
  /// - Parameters:
  ///   - encoded: the tower's outputs.
  ///   - pass: the training step, if any, and the adjustment.
  /// - Returns: the features before and after the method; unchanged unless overridden.
  /// - Throws: `TorchError` if the shapes do not fit.
  open func represent(_ encoded: EncodedImages, _ pass: ForwardPass) throws -> Representation {
    Representation(unchanged: try encoded.positions)
  }

  /// Returns whether the intervention is on in a training epoch, for the metrics.
  ///
  /// A method without an intervention returns false.
  ///
  /// - Parameters:
  ///   - epoch: the epoch, counted from 0.
  ///   - epochs: the number of epochs of the training.
  /// - Returns: whether it is on; false unless overridden.
  open func intervenes(inEpoch epoch: Int, of epochs: Int) -> Bool { false }

  /// Computes S^, B×P, the similarity of each position to a lesion, for diagnosis.
  ///
  /// - Parameters:
  ///   - features: C, B×P×d.
  ///   - text: the embedded prompts.
  /// - Returns: the score of each position; nil for the default score. Nil unless overridden.
  /// - Throws: `TorchError` if the widths differ.
  open func regionScore(_ features: Tensor, _ text: TextEmbeddings) throws -> Tensor? { nil }

  /// Computes the weights of the confounders from the method's evidence term alone, for diagnosis.
  ///
  /// - Parameter cosine: cos(image, z), float32, B×M.
  /// - Returns: weights that sum to 1 over M, B×M, on the device of `cosine`; nil without such a
  ///   term. Nil unless overridden.
  /// - Throws: `TorchError` if the widths differ.
  open func evidence(_ cosine: Tensor) throws -> Tensor? { nil }

  /// Changes the output of a level of the head's image branch for a training batch.
  ///
  /// - Parameters:
  ///   - features: B×c×h×w.
  ///   - level: the level, from 0, the finest.
  ///   - pass: the sites and the random number generator.
  /// - Returns: features of the same shape.
  /// - Throws: `TorchError` if the shapes do not fit.
  open func detail(_ features: Tensor, level: Int, _ pass: TrainingPass) throws -> Tensor { features }

  /// Decodes instead of the common head if `MethodTraits.replacesHead` is true.
  ///
  /// - Parameters:
  ///   - images: the normalised pixels, B×3×S×S.
  ///   - encoded: the tower's outputs.
  /// - Returns: the lesion logits, B×K×S×S, with K of `MethodContext.maskCount`.
  /// - Throws: `TorchError` if the shapes do not fit.
  open func decode(_ images: Tensor, _ encoded: EncodedImages) throws -> Tensor {
    throw MethodError.doesNotDecode(method: label)
  }

  /// Replaces the mean of L_seg over the batch.
  ///
  /// - Parameter batch: the batch with L_seg of each image.
  /// - Returns: a scalar; nil for the mean.
  /// - Throws: `TorchError` if the shapes do not fit.
  open func segmentation(_ batch: MethodBatch) throws -> Tensor? { nil }

  /// Computes the terms that are added to L_seg in this step.
  ///
  /// - Parameters:
  ///   - output: the model's outputs.
  ///   - batch: the batch.
  /// - Returns: the terms, in the order of their addition; none unless overridden.
  /// - Throws: `TorchError` if the shapes do not fit.
  open func losses(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> [LossTerm] { [] }
}
