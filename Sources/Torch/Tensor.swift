import CLibTorch
import Storage

/// An array of numbers with a shape, a type and a device, and, when asked, a gradient.
///
/// A tensor is freed when its last reference goes. Reading from several threads at once is safe; writing is not.
public final class Tensor: @unchecked Sendable {
  let handle: mcdrl_tensor_t
  /// The pages of a file that hold this tensor's elements and nothing else; nil for other memory.
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
  ///   - shape: the sizes; one dimension of all elements when nil.
  /// - Throws: `TorchError.value` when the count does not fit the shape.
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
  /// - Throws: `TorchError.value` when the byte count does not fit shape and type.
  public convenience init(bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType) throws {
    guard try elementCount(shape) * dtype.byteCount == bytes.count else {
      throw TorchError.value("\(bytes.count) bytes do not fill the shape \(shape) of \(dtype)")
    }
    self.init(owning: try makeTensor(bytes.baseAddress, shape, dtype))
  }

  /// Wraps bytes of a mapped file; nothing is copied.
  ///
  /// - Parameters:
  ///   - bytes: the elements, inside the mapping.
  ///   - mapping: stays as long as the elements are used.
  ///   - isAlone: whether the mapping holds no other tensor.
  ///   - shape: the sizes.
  ///   - dtype: the type of the elements.
  /// - Throws: `TorchError` when libtorch cannot wrap them.
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
  /// Drops the resident memory pages of a tensor that is an unchanged view of a file; others stay as they
  /// are.
  ///
  /// The system reads the pages again when they are used.
  public func releasePages() {
    // A change lives in memory alone, and in-place operators count it.
    guard let mapping, case .int(0)? = try? Operators.version.all(self).first else { return }
    mapping.releasePages()
  }
}

extension Tensor {
  /// The sizes of all dimensions.
  public var shape: [Int] { (0..<rank).map { Int(mcdrl_tensor_size(handle, Int64($0))) } }

  /// How many dimensions there are.
  public var rank: Int { Int(mcdrl_tensor_rank(handle)) }

  /// How many elements there are.
  public var count: Int { Int(mcdrl_tensor_count(handle)) }

  /// The type of the elements.
  public var dtype: DType { DType(rawValue: mcdrl_tensor_dtype(handle)) ?? .float32 }

  /// Where the tensor lives.
  public var device: Device {
    var kind: Int32 = 0
    var index: Int32 = -1
    mcdrl_tensor_device(handle, &kind, &index)
    return Device(kind: Device.Kind(rawValue: kind) ?? .cpu, index: Int(index))
  }

  /// Whether elements lie in memory in the order of their indices.
  public var isContiguous: Bool { mcdrl_tensor_contiguous(handle) }

  /// The size of one dimension; negative dimensions count from the end.
  ///
  /// - Throws: `TorchError.value` when there is no such dimension.
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
  ///   - rank: the wanted number of dimensions.
  ///   - name: what the tensor is, for the message.
  /// - Returns: the sizes.
  /// - Throws: `TorchError.value` when the rank differs.
  public func sizes(rank: Int, _ name: String) throws -> [Int] {
    let shape = self.shape
    guard shape.count == rank else {
      throw TorchError.value("\(name) must have \(rank) dimensions, its shape is \(shape)")
    }
    return shape
  }

  /// The elements as Swift values, last dimension fastest.
  ///
  /// - Throws: `TorchError.value` when `Element` is not the tensor's type; convert with `to(_:)` first.
  public func array<Element: TensorElement>(of type: Element.Type = Element.self) throws -> [Element] {
    guard dtype == Element.dtype else {
      throw TorchError.value("a tensor of \(dtype) cannot be read as \(Element.self)")
    }
    return try withBytes { Array($0.bindMemory(to: Element.self)) }
  }

  /// The elements converted to `Float`.
  public func floats() throws -> [Float] { try to(.float32).array() }

  /// The elements converted to `Double`.
  public func doubles() throws -> [Double] { try to(.float64).array() }

  /// The only element.
  ///
  /// - Throws: `TorchError.value` when there is not exactly one.
  public func item() throws -> Double {
    guard count == 1 else { throw TorchError.value("item() needs one element, the shape is \(shape)") }
    return try doubles()[0]
  }

  /// Lends the elements' bytes, on the CPU and contiguous.
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

/// The number of elements of a shape.
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
  /// Type, shape and, when small, the values.
  public var description: String {
    let head = "Tensor(\(dtype), \(shape)"
    guard count <= 16, let values = try? doubles() else { return head + ")" }
    return head + ", \(values))"
  }
}
