/// The type of a tensor's elements.
///
/// Raw values are libtorch's own (`c10::ScalarType`).
public enum DType: Int32, Sendable, CaseIterable {
  /// 8-bit unsigned integers.
  case uint8 = 0
  /// 8-bit integers.
  case int8 = 1
  /// 16-bit integers.
  case int16 = 2
  /// 32-bit integers.
  case int32 = 3
  /// 64-bit integers.
  case int64 = 4
  /// Half precision: 5 bits of exponent, 10 of fraction.
  case float16 = 5
  /// Single precision.
  case float32 = 6
  /// Double precision.
  case float64 = 7
  /// One byte, 0 or 1.
  case bool = 11
  /// The first 16 bits of single precision: 8 bits of exponent, 7 of fraction.
  case bfloat16 = 15
  /// Eight bits: 5 of exponent, 2 of fraction.
  case float8e5m2 = 23
  /// Eight bits: 4 of exponent, 3 of fraction, without infinities.
  case float8e4m3 = 24
  /// 16-bit unsigned integers.
  case uint16 = 27
  /// 32-bit unsigned integers.
  case uint32 = 28
  /// 64-bit unsigned integers.
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
