/// A stored property of a module with a key in checkpoints.
protocol ModuleSlot: AnyObject {
  var key: String { get }
  var parameter: Tensor? { get }
  var buffer: Tensor? { get }
  var modules: [(key: String, module: Module)] { get }
  func replace(_ change: (Tensor) throws -> Tensor) throws
}

extension ModuleSlot {
  var parameter: Tensor? { nil }
  var buffer: Tensor? { nil }
  var modules: [(key: String, module: Module)] { [] }
  func replace(_ change: (Tensor) throws -> Tensor) throws {}
}

/// A slot with a tensor, trained or not.
protocol TensorSlot: ModuleSlot {
  associatedtype Value: TensorSlotValue
  var wrappedValue: Value { get set }
}

extension TensorSlot {
  func replace(_ change: (Tensor) throws -> Tensor) throws {
    if let tensor = wrappedValue.tensorIfPresent { wrappedValue = Value.holding(try change(tensor)) }
  }
}

/// The value of a `Parameter` or `Buffer`: a tensor or an optional tensor.
public protocol TensorSlotValue {
  /// The tensor, if there is one.
  var tensorIfPresent: Tensor? { get }
  /// Makes the value from a tensor.
  static func holding(_ tensor: Tensor) -> Self
}

extension Tensor: TensorSlotValue {
  /// Itself.
  public var tensorIfPresent: Tensor? { self }
  /// Returns the tensor.
  public static func holding(_ tensor: Tensor) -> Tensor { tensor }
}

extension Optional: TensorSlotValue where Wrapped == Tensor {
  /// The tensor, if there is one.
  public var tensorIfPresent: Tensor? { self }
  /// Returns the tensor.
  public static func holding(_ tensor: Tensor) -> Tensor? { tensor }
}

/// A trained tensor of a module, under its checkpoint key.
@propertyWrapper
public final class Parameter<Value: TensorSlotValue>: TensorSlot {
  /// The tensor.
  public var wrappedValue: Value
  let key: String

  /// Makes the slot; training enables the gradients of the tensor when it starts.
  public init(_ key: String, _ value: Value) {
    self.key = key
    wrappedValue = value
  }

  var parameter: Tensor? { wrappedValue.tensorIfPresent }
}

/// A stored, untrained tensor of a module, under its checkpoint key.
@propertyWrapper
public final class Buffer<Value: TensorSlotValue>: TensorSlot {
  /// The tensor.
  public var wrappedValue: Value
  let key: String

  /// Makes the slot.
  public init(_ key: String, _ value: Value) {
    self.key = key
    wrappedValue = value
  }

  var buffer: Tensor? { wrappedValue.tensorIfPresent }
}

/// The value of a `Child`: a module, an optional module or a list (keys `name.0`, `name.1`, …).
public protocol ModuleSlotValue {
  /// Returns the modules with their keys.
  func modules(_ key: String) -> [(key: String, module: Module)]
}

extension Module: ModuleSlotValue {
  /// Returns this module with its key.
  public func modules(_ key: String) -> [(key: String, module: Module)] { [(key, self)] }
}

extension Optional: ModuleSlotValue where Wrapped: ModuleSlotValue {
  /// Returns the module, if there is one.
  public func modules(_ key: String) -> [(key: String, module: Module)] { self?.modules(key) ?? [] }
}

extension Array: ModuleSlotValue where Element: ModuleSlotValue {
  /// Returns the modules with their positions in the list.
  public func modules(_ key: String) -> [(key: String, module: Module)] {
    enumerated().flatMap { $1.modules("\(key).\($0)") }
  }
}

/// A part of a module, under its checkpoint key.
@propertyWrapper
public final class Child<Value: ModuleSlotValue>: ModuleSlot {
  /// The child module.
  public var wrappedValue: Value
  let key: String

  /// Makes the slot.
  public init(_ key: String, _ value: Value) {
    self.key = key
    wrappedValue = value
  }

  var modules: [(key: String, module: Module)] { wrappedValue.modules(key) }
}
