import Storage

/// The arithmetic of products and convolutions.
public enum Precision: String, NamedChoice, Sendable {
  /// Single precision.
  case float32
  /// Half the bits and the same range; fast if the processor supports it.
  case bfloat16
  /// Integer products in transformers, for inference only.
  ///
  /// Everything else is bfloat16 if the processor supports it, otherwise float32.
  case int8

  /// The precisions that can train a network.
  public static let trainable: [Precision] = [.float32, .bfloat16]

  /// The type for autocast; nil for none.
  public var autocastType: DType? { activationType == .float32 ? nil : .bfloat16 }

  /// The precision for layers in which integer products do not pay.
  public var floating: Precision { activationType == .float32 ? .float32 : .bfloat16 }

  /// The type of activations between compiled layers.
  public var activationType: DType {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .int8: Machine.hasBFloat16 ? .bfloat16 : .float32
    }
  }
}
