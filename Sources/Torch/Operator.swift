import CLibTorch

/// One libtorch operator, found by name through libtorch's dispatcher.
///
/// About 3,400 exist. The typed methods of `Tensor` are thin calls of these.
///
/// ```swift
/// let softmax = Operator("aten::softmax", "int")
/// let y = try softmax(x, -1)
/// ```
public struct Operator: @unchecked Sendable {
  /// The name with its overload, as libtorch writes it.
  public let name: String
  private let found: Result<mcdrl_operator_t, TorchError>

  /// Looks up an operator; the first call reports a name that does not exist.
  ///
  /// - Parameters:
  ///   - name: the name, such as `aten::softmax`.
  ///   - overload: the name of the overload; empty for the default one.
  public init(_ name: String, _ overload: String = "") {
    let fullName = overload.isEmpty ? name : "\(name).\(overload)"
    self.name = fullName
    var handle: mcdrl_operator_t?
    do {
      try check(fullName) { mcdrl_operator_find(name, overload, &handle, $0) }
      found = handle.map { .success($0) } ?? .failure(.value("\(fullName) was not found"))
    } catch {
      found = .failure(error as? TorchError ?? .value("\(error)"))
    }
  }

  /// Calls the operator and returns its first result, a tensor.
  ///
  /// - Parameters:
  ///   - arguments: the arguments in schema order. Missing ones take the schema's defaults.
  ///   - named: the arguments by keyword.
  /// - Returns: the first result.
  /// - Throws: `TorchError.operation` with libtorch's message.
  @discardableResult
  public func callAsFunction(
    _ arguments: (any OperatorArgument)?..., named: KeyValuePairs<StaticString, any OperatorArgument> = [:]
  ) throws -> Tensor {
    guard case .tensor(let first)? = try call(arguments, named).first else {
      throw TorchError.value("\(name) returned no tensor")
    }
    return first
  }

  /// Calls the operator and returns all its results.
  ///
  /// - Parameters:
  ///   - arguments: the arguments in schema order. Missing ones take the schema's defaults.
  ///   - named: the arguments by keyword.
  /// - Returns: all results.
  /// - Throws: `TorchError.operation` with libtorch's message.
  @discardableResult
  public func all(
    _ arguments: (any OperatorArgument)?..., named: KeyValuePairs<StaticString, any OperatorArgument> = [:]
  ) throws -> [OperatorValue] {
    try call(arguments, named)
  }

  /// Calls an operator whose results are tensors, single or in one list.
  ///
  /// - Parameters:
  ///   - arguments: the arguments in schema order. Missing ones take the schema's defaults.
  ///   - named: the arguments by keyword.
  /// - Returns: the tensors.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func tensors(
    _ arguments: (any OperatorArgument)?..., named: KeyValuePairs<StaticString, any OperatorArgument> = [:]
  ) throws -> [Tensor] {
    try call(arguments, named).flatMap { value -> [Tensor] in
      switch value {
      case .tensor(let tensor): [tensor]
      case .tensors(let list): list.compactMap { $0 }
      default: []
      }
    }
  }

  private func call(
    _ arguments: [(any OperatorArgument)?], _ named: KeyValuePairs<StaticString, any OperatorArgument>
  ) throws -> [OperatorValue] {
    let handle = try found.get()
    var frame = CallFrame()
    defer { frame.free() }
    for argument in arguments { frame.append(argument?.operatorValue ?? .none, name: nil) }
    for (key, argument) in named { frame.append(argument.operatorValue, name: key) }
    var results: UnsafeMutablePointer<mcdrl_value>?
    var count: Int64 = 0
    try withExtendedLifetime((arguments, named)) {
      try check(name) {
        mcdrl_operator_call(handle, frame.values, Int64(frame.values.count), &results, &count, $0)
      }
    }
    guard let results else { return [] }
    defer { mcdrl_results_free(results, count) }
    return (0..<Int(count)).map { OperatorValue(taking: results[$0]) }
  }
}

/// An argument or a result of an operator.
public enum OperatorValue {
  /// No value: `None`.
  case none
  /// A tensor.
  case tensor(Tensor)
  /// An integer.
  case int(Int)
  /// A floating-point number.
  case double(Double)
  /// True or false.
  case bool(Bool)
  /// A text.
  case string(String)
  /// A list of tensors, some of which may be absent.
  case tensors([Tensor?])
  /// A list of integers, such as sizes.
  case ints([Int])
  /// A list of floating-point numbers.
  case doubles([Double])
  /// A list of truth values.
  case bools([Bool])
  /// A type of elements.
  case dtype(DType)
  /// A device.
  case device(Device)
  /// A random number generator.
  case generator(Generator)

  init(taking value: mcdrl_value) {
    switch UInt32(value.kind) {
    case MCDRL_TENSOR.rawValue:
      self = value.object.map { .tensor(Tensor(owning: mcdrl_tensor_t($0))) } ?? .none
    case MCDRL_INT.rawValue: self = .int(Int(value.integer))
    case MCDRL_DOUBLE.rawValue: self = .double(value.real)
    case MCDRL_BOOL.rawValue: self = .bool(value.integer != 0)
    case MCDRL_TENSOR_LIST.rawValue:
      let items = value.data?.assumingMemoryBound(to: mcdrl_tensor_t?.self)
      self = .tensors((0..<Int(value.count)).map { index in items?[index].map(Tensor.init(owning:)) })
    default: self = .none
    }
  }
}

/// The C values of one call and the memory that they point to.
private struct CallFrame {
  var values: [mcdrl_value] = []
  private var owned: [UnsafeMutableRawPointer] = []

  mutating func append(_ value: OperatorValue, name: StaticString?) {
    var out = mcdrl_value()
    out.name = name.map { UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self) }
    switch value {
    case .none: out.kind = Int32(MCDRL_NONE.rawValue)
    case .tensor(let tensor):
      out.kind = Int32(MCDRL_TENSOR.rawValue)
      out.object = UnsafeMutableRawPointer(tensor.handle)
    case .int(let int):
      out.kind = Int32(MCDRL_INT.rawValue)
      out.integer = Int64(int)
    case .double(let double):
      out.kind = Int32(MCDRL_DOUBLE.rawValue)
      out.real = double
    case .bool(let bool):
      out.kind = Int32(MCDRL_BOOL.rawValue)
      out.integer = bool ? 1 : 0
    case .string(let string): store(Array(string.utf8), MCDRL_STRING, &out)
    case .tensors(let tensors): store(tensors.map { $0?.handle }, MCDRL_TENSOR_LIST, &out)
    case .ints(let ints): store(ints.map(Int64.init), MCDRL_INT_LIST, &out)
    case .doubles(let doubles): store(doubles, MCDRL_DOUBLE_LIST, &out)
    case .bools(let bools): store(bools, MCDRL_BOOL_LIST, &out)
    case .dtype(let dtype):
      out.kind = Int32(MCDRL_DTYPE.rawValue)
      out.integer = Int64(dtype.rawValue)
    case .device(let device):
      out.kind = Int32(MCDRL_DEVICE.rawValue)
      out.integer = Int64(device.kind.rawValue)
      out.count = Int64(device.index)
    case .generator(let generator):
      out.kind = Int32(MCDRL_GENERATOR.rawValue)
      out.object = UnsafeMutableRawPointer(generator.handle)
    }
    values.append(out)
  }

  private mutating func store<Item>(_ items: [Item], _ kind: mcdrl_kind, _ out: inout mcdrl_value) {
    let memory = UnsafeMutablePointer<Item>.allocate(capacity: max(1, items.count))
    memory.initialize(from: items, count: items.count)
    owned.append(UnsafeMutableRawPointer(memory))
    out.kind = Int32(kind.rawValue)
    out.data = UnsafeRawPointer(memory)
    out.count = Int64(items.count)
  }

  mutating func free() {
    for pointer in owned { pointer.deallocate() }
    owned = []
  }
}
