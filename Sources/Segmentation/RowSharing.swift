import Torch

/// The part of a training step that several processes share out, each for its own rows of the batch.
///
/// The rest is computed in every process for all rows, which were gathered before. So a step equals
/// that of one process, whatever a method reads, except for batch normalisation inside the shared
/// part. The less is shared, the less time several processes save.
public enum RowSharing: Equatable, Sendable {
  /// The image tower. Methods may read anything and draw random numbers anywhere.
  case tower
  /// The tower, the method and the head, but not the losses.
  ///
  /// No hook before the losses draws random numbers, changes buffers or mixes rows. The losses see
  /// all rows of what `reading` names. A method must not keep tensors of its own for its losses.
  case model(reading: LossInputs)
  /// Everything. The method adds no term and keeps the mean of L_seg.
  case all
}

/// The tensors that the losses of a method read.
public struct LossInputs: OptionSet, Sendable {
  /// The bits.
  public let rawValue: Int

  /// Makes a set from bits.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// The masks.
  public static let masks = LossInputs(rawValue: 1)
  /// `SegmentationOutput.logits`.
  public static let logits = LossInputs(rawValue: 2)
  /// `SegmentationOutput.image`.
  public static let image = LossInputs(rawValue: 4)
  /// `SegmentationOutput.features` and `last`.
  public static let features = LossInputs(rawValue: 8)
  /// `SegmentationOutput.layers`, and `MethodBatch.pretrained`.
  public static let layers = LossInputs(rawValue: 16)
  /// The representation's `observed`.
  public static let observed = LossInputs(rawValue: 32)
  /// `SegmentationOutput.intervened`.
  public static let intervened = LossInputs(rawValue: 512)
  /// The representation's `grid`.
  public static let grid = LossInputs(rawValue: 64)
  /// The representation's `attention`.
  public static let attention = LossInputs(rawValue: 128)
  /// The other tensors of the representation: `features`, `score` and `layers`.
  public static let others = LossInputs(rawValue: 256)
  /// L_seg of each row, which every method may read, alone.
  public static let losses: LossInputs = []
  /// Everything.
  public static let everything = LossInputs(rawValue: 1023)
}

extension SegmentationOutput {
  /// Returns the outputs of which some tensors are replaced, such as by those of all rows.
  ///
  /// - Parameters:
  ///   - parts: the tensors to replace.
  ///   - change: the function that replaces one.
  /// - Returns: the changed outputs.
  package func mapping(
    _ parts: LossInputs, _ change: (Tensor) throws -> Tensor
  ) rethrows -> SegmentationOutput {
    func part(_ tensor: Tensor?, _ name: LossInputs) throws -> Tensor? {
      try parts.contains(name) ? tensor.map(change) : tensor
    }
    func part(_ tensor: Tensor, _ name: LossInputs) throws -> Tensor {
      try parts.contains(name) ? change(tensor) : tensor
    }
    let own = representation
    // Without an intervention F takes the place of F_ca.
    let readsObserved = parts.contains(.observed) || own.intervened == nil && parts.contains(.intervened)
    let representation = Representation(
      features: try part(own.features, .others),
      observed: try readsObserved ? change(own.observed) : own.observed,
      intervened: try part(own.intervened, .intervened), attention: try part(own.attention, .attention),
      grid: try part(own.grid, .grid), score: try part(own.score, .others),
      layers: try parts.contains(.others) ? own.layers?.map(change) : own.layers)
    var output = SegmentationOutput(
      logits: try part(logits, .logits), representation: representation, image: try part(image, .image),
      features: try part(features, .features))
    output.last = try part(last, .features)
    output.layers = try parts.contains(.layers) ? layers.map(change) : layers
    return output
  }
}
