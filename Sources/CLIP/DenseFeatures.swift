import Torch

/// The way to read the last block, so that features belong to their positions.
///
/// Method, section 1.
public enum DenseFeatures: String, CaseIterable, Sendable {
  /// The final tokens: post-norm, projection. Plain CLIP; localises poorly.
  case tokens
  /// The value path of the last attention block, without residual and feed-forward.
  ///
  /// This is MaskCLIP (Zhou et al., 2022).
  case maskclip
  /// Self-correlative attention in the last block, without residual and feed-forward.
  ///
  /// This is SCLIP (Wang et al., 2024). The residual is omitted because of the prototype's
  /// measurements, see docs/explanation/choices.md.
  case sclip

  /// Finds an extractor by name.
  ///
  /// - Parameter name: the name.
  /// - Throws: `CLIPError.unknownExtractor` with the existing names.
  public init(named name: String) throws {
    guard let found = DenseFeatures(rawValue: name) else { throw CLIPError.unknownExtractor(name) }
    self = found
  }

  /// Reads the last block from the tokens before and after it, B×N×w → B×N×w.
  func read(
    _ last: some TransformerBlock, before: Tensor, after: Tensor, rotation: Rotation?
  ) throws -> Tensor {
    switch self {
    case .tokens: after
    case .maskclip: try last.attention.valuePath(last.norm1(before))
    case .sclip: try last.attention.correlative(last.norm1(before), rotation: rotation)
    }
  }
}

/// The tensors that a pass returns for the requested layers.
public enum LayerReading: Equatable, Sendable {
  /// The outputs of the layers (of a convolutional tower: stages).
  case outputs
  /// The keys of the layers' attention, all heads side by side; transformers alone have them.
  ///
  /// Rotary positions are not yet applied to them. Keys of self-supervised transformers describe
  /// parts of objects (Amir et al., "Deep ViT features as dense visual descriptors", 2022).
  case keys
}

/// The reading of an image tower for a segmentation model, by the names of `model.dense`.
public struct FeatureReading: Equatable, Sendable {
  /// The features in the joint image–text space.
  public let dense: DenseFeatures
  /// The tensors of the requested layers.
  public let layers: LayerReading

  /// The name that reads keys.
  private static let keys = "keys"

  /// The names: those of `DenseFeatures`, and `keys`.
  public static let names = DenseFeatures.allCases.map(\.rawValue) + [keys]

  /// Finds a reading by name.
  ///
  /// `keys` returns the keys of the requested layers; features in the joint space are then those of
  /// `maskclip`.
  ///
  /// - Parameter name: the name.
  /// - Throws: `CLIPError.unknownReading` with the existing names.
  public init(named name: String) throws {
    if name == Self.keys {
      (dense, layers) = (.maskclip, .keys)
      return
    }
    guard let found = DenseFeatures(rawValue: name) else { throw CLIPError.unknownReading(name) }
    (dense, layers) = (found, .outputs)
  }
}
