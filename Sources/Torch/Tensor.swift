import CLibTorch
import Storage

/// An array of numbers with a shape, a type, a device and, on request, a gradient.
///
/// A tensor is freed with its last reference. Several threads may read at once, but not write.
public final class Tensor: @unchecked Sendable {
  let handle: mcdrl_tensor_t
  /// The pages of a file with only this tensor's elements; nil for other memory.
  private let mapping: FileMapping?

  init(owning handle: mcdrl_tensor_t) {
    self.handle = handle
    mapping = nil
  }

  private init(owning handle: mcdrl_tensor_t, mapping: FileMapping?) {
    self.handle = handle
    self.mapping = mapping
  }

  deinit { mcdrl_tensor_free(handle) }

  /// Copies Swift values into a new tensor on the CPU.
  ///
  /// - Parameters:
  ///   - values: the elements, last dimension fastest.
  ///   - shape: the sizes; one dimension of all elements if nil.
  /// - Throws: `TorchError.value` if the count does not fit the shape.
  public convenience init<Element: TensorElement>(_ values: [Element], shape: [Int]? = nil) throws {
    let shape = shape ?? [values.count]
    guard try elementCount(shape) == values.count else {
      throw TorchError.value("\(values.count) values do not fill the shape \(shape)")
    }
    self.init(owning: try values.withUnsafeBytes { try makeTensor($0.baseAddress, shape, Element.dtype) })
  }

  /// Makes a tensor of no dimensions.
  public static func scalar(_ value: Double, dtype: DType = .float32) throws -> Tensor {
    try Tensor([value], shape: []).to(dtype)
  }

  /// Copies raw bytes into a new tensor on the CPU.
  ///
  /// - Parameters:
  ///   - bytes: the elements, last dimension fastest.
  ///   - shape: the sizes.
  ///   - dtype: the type of the elements.
  /// - Throws: `TorchError.value` if the byte count does not fit the shape and type.
  public convenience init(bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType) throws {
    guard try elementCount(shape) * dtype.byteCount == bytes.count else {
      throw TorchError.value("\(bytes.count) bytes do not fill the shape \(shape) of \(dtype)")
    }
    self.init(owning: try makeTensor(bytes.baseAddress, shape, dtype))
  }

  /// Wraps bytes of a mapped file without copying.
  ///
  /// - Parameters:
  ///   - bytes: the elements, inside the mapping.
  ///   - mapping: the mapping; it lives as long as the elements are used.
  ///   - isAlone: whether the mapping holds no other tensor.
  ///   - shape: the sizes.
  ///   - dtype: the type of the elements.
  /// - Throws: `TorchError` if libtorch cannot wrap them.
  convenience init(
    _ bytes: UnsafeRawBufferPointer, of mapping: FileMapping, isAlone: Bool, shape: [Int], dtype: DType
  ) throws {
    var out: mcdrl_tensor_t?
    let sizes = shape.map(Int64.init)
    let context = Unmanaged.passRetained(mapping).toOpaque()
    try check("from_blob") { error in
      mcdrl_tensor_wrap(
        UnsafeMutableRawPointer(mutating: bytes.baseAddress), sizes, Int64(sizes.count), dtype.rawValue,
        { context in if let context { Unmanaged<FileMapping>.fromOpaque(context).release() } }, context, &out,
        error)
    }
    guard let out else { throw TorchError.value("libtorch returned no tensor") }
    self.init(owning: out, mapping: isAlone ? mapping : nil)
  }
}

extension Tensor {
  /// Releases the resident memory pages if the tensor is an unchanged view of a file.
  ///
  /// Other tensors do not change. The system reads the pages again at their next use.
  public func releasePages() {
    // A change exists only in memory, and in-place operators count it.
    guard let mapping, case .int(0)? = try? Operators.version.all(self).first else { return }
    mapping.releasePages()
  }
}

extension Tensor {
  /// The sizes of all dimensions.
  public var shape: [Int] { (0..<rank).map { Int(mcdrl_tensor_size(handle, Int64($0))) } }

  /// The number of dimensions.
  public var rank: Int { Int(mcdrl_tensor_rank(handle)) }

  /// The number of elements.
  public var count: Int { Int(mcdrl_tensor_count(handle)) }

  /// The type of the elements.
  public var dtype: DType { DType(rawValue: mcdrl_tensor_dtype(handle)) ?? .float32 }

  /// The device of the tensor.
  public var device: Device {
    var kind: Int32 = 0
    var index: Int32 = -1
    mcdrl_tensor_device(handle, &kind, &index)
    return Device(kind: Device.Kind(rawValue: kind) ?? .cpu, index: Int(index))
  }

  /// Whether the elements are in memory in the order of their indices.
  public var isContiguous: Bool { mcdrl_tensor_contiguous(handle) }

  /// Returns the size of one dimension; negative dimensions count from the end.
  ///
  /// - Throws: `TorchError.value` if there is no such dimension.
  public func size(_ dimension: Int) throws -> Int {
    let wrapped = dimension < 0 ? dimension + rank : dimension
    guard (0..<rank).contains(wrapped) else {
      throw TorchError.value("dimension \(dimension) is out of range for the shape \(shape)")
    }
    return Int(mcdrl_tensor_size(handle, Int64(wrapped)))
  }

  /// Checks the rank and returns the sizes.
  ///
  /// - Parameters:
  ///   - rank: the expected number of dimensions.
  ///   - name: the name of the tensor, for the message.
  /// - Returns: the sizes.
  /// - Throws: `TorchError.value` if the rank differs.
  public func sizes(rank: Int, _ name: String) throws -> [Int] {
    let shape = self.shape
    guard shape.count == rank else {
      throw TorchError.value("\(name) must have \(rank) dimensions, its shape is \(shape)")
    }
    return shape
  }

  /// Returns the elements as Swift values, last dimension fastest.
  ///
  /// - Throws: `TorchError.value` if `Element` is not the tensor's type; convert with `to(_:)`
  ///   first.
  public func array<Element: TensorElement>(of type: Element.Type = Element.self) throws -> [Element] {
    guard dtype == Element.dtype else {
      throw TorchError.value("a tensor of \(dtype) cannot be read as \(Element.self)")
    }
    return try withBytes { Array($0.bindMemory(to: Element.self)) }
  }

  /// Returns the elements, converted to `Float`.
  public func floats() throws -> [Float] { try to(.float32).array() }

  /// Returns the elements, converted to `Double`.
  public func doubles() throws -> [Double] { try to(.float64).array() }

  /// Returns the only element.
  ///
  /// - Throws: `TorchError.value` if there is not exactly one element.
  public func item() throws -> Double {
    guard count == 1 else { throw TorchError.value("item() needs one element, the shape is \(shape)") }
    return try doubles()[0]
  }

  /// Calls a body with the bytes of the elements, on the CPU and contiguous.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    let source = try detached().to(.cpu).contiguous()
    var data: UnsafeMutableRawPointer?
    var count: Int64 = 0
    try check("data") { mcdrl_tensor_data(source.handle, &data, &count, $0) }
    return try withExtendedLifetime(source) {
      try body(UnsafeRawBufferPointer(start: data, count: Int(count)))
    }
  }
}

/// Returns the number of elements of a shape.
func elementCount(_ shape: [Int]) throws -> Int {
  try shape.reduce(1) { total, size in
    let (product, overflow) = total.multipliedReportingOverflow(by: size)
    guard size >= 0, !overflow else { throw TorchError.value("\(shape) is not a possible shape") }
    return product
  }
}

private func makeTensor(
  _ bytes: UnsafeRawPointer?, _ shape: [Int], _ dtype: DType
) throws -> mcdrl_tensor_t {
  var out: mcdrl_tensor_t?
  let sizes = shape.map(Int64.init)
  try check("tensor") {
    mcdrl_tensor_from_bytes(bytes, sizes, Int64(sizes.count), dtype.rawValue, &out, $0)
  }
  guard let out else { throw TorchError.value("libtorch returned no tensor") }
  return out
}

extension Tensor: CustomStringConvertible {
  /// The type, the shape and, if small, the values.
  public var description: String {
    let head = "Tensor(\(dtype), \(shape)"
    guard count <= 16, let values = try? doubles() else { return head + ")" }
    return head + ", \(values))"
  }
}
