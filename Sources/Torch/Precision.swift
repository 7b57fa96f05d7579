/// Arithmetic of products and convolutions.
public enum Precision: String, Codable, Sendable, CaseIterable {
  /// Single precision.
  case float32
  /// Half the bits, the same range; quick where the processor has it.
  case bfloat16
  /// Products of whole numbers in transformers; for inference alone.
  ///
  /// All else is bfloat16 where the processor has it, else float32.
  case int8

  /// Those that a network can be trained in.
  public static let trainable: [Precision] = [.float32, .bfloat16]

  /// What autocast is asked for; nil for none.
  public var autocastType: DType? { activationType == .float32 ? nil : .bfloat16 }

  /// The same for layers that products of whole numbers are not worth while in.
  public var floating: Precision { activationType == .float32 ? .float32 : .bfloat16 }

  /// The type of activations between layers whose weights were prepared.
  public var activationType: DType {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .int8: Machine.hasBFloat16 ? .bfloat16 : .float32
    }
  }
}
