/// The type of a tensor's elements.
///
/// Raw values are libtorch's own (`c10::ScalarType`).
public enum DType: Int32, Sendable, CaseIterable {
  case uint8 = 0
  case int8 = 1
  case int16 = 2
  case int32 = 3
  case int64 = 4
  case float16 = 5
  case float32 = 6
  case float64 = 7
  case bool = 11
  case bfloat16 = 15
  case float8e5m2 = 23
  case float8e4m3 = 24
  case uint16 = 27
  case uint32 = 28
  case uint64 = 29

  /// The size of an element in bytes.
  public var byteCount: Int {
    switch self {
    case .uint8, .int8, .bool, .float8e5m2, .float8e4m3: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .int64, .uint64, .float64: 8
    }
  }

  /// Whether the elements are floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64, .float8e5m2, .float8e4m3: true
    default: false
    }
  }
}

/// A Swift type whose values can be copied into and out of tensors.
public protocol TensorElement: Sendable {
  /// The tensor type of the same layout.
  static var dtype: DType { get }
}

extension UInt8: TensorElement {
  /// 8-bit unsigned integers.
  public static var dtype: DType { .uint8 }
}
extension Int32: TensorElement {
  /// 32-bit integers.
  public static var dtype: DType { .int32 }
}
extension Int64: TensorElement {
  /// 64-bit integers.
  public static var dtype: DType { .int64 }
}
extension Int: TensorElement {
  /// 64-bit integers.
  public static var dtype: DType { .int64 }
}
extension Float: TensorElement {
  /// Single precision.
  public static var dtype: DType { .float32 }
}
extension Double: TensorElement {
  /// Double precision.
  public static var dtype: DType { .float64 }
}
extension Bool: TensorElement {
  /// One byte, 0 or 1.
  public static var dtype: DType { .bool }
}
