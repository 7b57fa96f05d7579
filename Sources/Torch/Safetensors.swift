import Foundation
import Storage

/// An error in a safetensors file; each message names the file.
public enum SafetensorsError: Error, Equatable, CustomStringConvertible {
  /// The file is shorter than its eight-byte length field.
  case tooShort(String, bytes: Int)
  /// The header claims more than the format's limit of 100 MB.
  case headerTooLarge(String, bytes: UInt64)
  /// The header or a tensor extends beyond the end of the file.
  case truncated(String, needed: Int, bytes: Int)
  /// The header is not UTF-8.
  case notUTF8(String)
  /// The header is not JSON of the form that the format requires.
  case badHeader(String, reason: String)
  /// The header has a key twice.
  case duplicateKey(String, key: String)
  /// This version does not know the type of a tensor.
  case unknownType(String, tensor: String, type: String)
  /// A tensor's offsets are reversed or do not match shape × type.
  case badOffsets(String, tensor: String, reason: String)
  /// Two tensors share bytes, or bytes belong to no tensor.
  case notContiguous(String, tensor: String, reason: String)
  /// The product of the sizes overflows.
  case overflow(String, tensor: String)

  /// One line with the file and the fault.
  public var description: String {
    switch self {
    case .tooShort(let file, let bytes):
      "\(file): \(bytes) bytes are too few for a safetensors file; fetch it again"
    case .headerTooLarge(let file, let bytes):
      "\(file): a header of \(bytes) bytes is beyond the format's limit; this is no safetensors file"
    case .truncated(let file, let needed, let bytes):
      "\(file): needs \(needed) bytes and has \(bytes); the file was cut short, fetch it again"
    case .notUTF8(let file): "\(file): the header is not UTF-8; this is no safetensors file"
    case .badHeader(let file, let reason): "\(file): bad header: \(reason)"
    case .duplicateKey(let file, let key): "\(file): the key \"\(key)\" stands twice in the header"
    case .unknownType(let file, let tensor, let type): "\(file): \(tensor) has the unknown type \"\(type)\""
    case .badOffsets(let file, let tensor, let reason): "\(file): \(tensor): \(reason)"
    case .notContiguous(let file, let tensor, let reason): "\(file): \(tensor): \(reason)"
    case .overflow(let file, let tensor): "\(file): the size of \(tensor) overflows"
    }
  }
}

/// A memory-mapped safetensors file: tensors are views of it, read at their use.
///
/// A large tensor has a mapping of its own, which is unmapped with the tensor.
///
/// The format: 8 bytes header length (little-endian), a JSON header, the data without gaps.
public struct SafetensorsFile: Sendable {
  /// The position of one tensor.
  public struct Entry: Sendable, Equatable {
    /// The type.
    public let dtype: DType
    /// The sizes.
    public let shape: [Int]
    /// The range of bytes, counted from the start of the data.
    public let offsets: Range<Int>
  }

  /// The free text of the writer.
  public let metadata: [String: String]
  /// All tensors by name.
  public let entries: [String: Entry]
  private let file: OpenFile
  private let mapping: FileMapping
  private let dataStart: Int

  /// Opens and checks a file without reading data.
  ///
  /// - Parameter url: the file.
  /// - Throws: `FileError` if the file cannot be opened, `SafetensorsError` if it is malformed.
  public init(_ url: URL) throws {
    file = try OpenFile(url)
    mapping = try FileMapping(file, 0..<file.size)
    let name = url.path
    let bytes = mapping.bytes
    guard bytes.count >= 8 else { throw SafetensorsError.tooShort(name, bytes: bytes.count) }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= 100_000_000 else { throw SafetensorsError.headerTooLarge(name, bytes: length) }
    dataStart = 8 + Int(length)
    guard dataStart <= bytes.count else {
      throw SafetensorsError.truncated(name, needed: dataStart, bytes: bytes.count)
    }
    let header = try SafetensorsHeader(Array(bytes[8..<dataStart]), file: name)
    metadata = header.metadata
    entries = header.entries
    try header.checkLayout(dataBytes: bytes.count - dataStart, file: name)
  }

  /// Returns all tensors, as views of the mapping.
  public func tensors() throws -> [String: Tensor] {
    try Dictionary(uniqueKeysWithValues: entries.map { ($0, try view($1)) })
  }

  /// Returns one tensor, nil if there is none of the name.
  ///
  /// - Parameter name: the name of the tensor.
  /// - Returns: the tensor, a view of the mapping.
  /// - Throws: `TorchError` if libtorch cannot wrap the bytes.
  public func tensor(_ name: String) throws -> Tensor? { try entries[name].map(view) }

  private func view(_ entry: Entry) throws -> Tensor {
    let start = dataStart + entry.offsets.lowerBound
    let range = start..<start + entry.offsets.count
    // If the system has no more mappings, the tensor uses the whole one.
    let own = range.count < Self.leastOwnMapping ? nil : try? FileMapping(file, range)
    let bytes = own?.bytes ?? UnsafeRawBufferPointer(rebasing: mapping.bytes[range])
    // Writers align the data, but the format does not promise it. Zero-size tensors have no
    // address.
    guard let base = bytes.baseAddress, !bytes.isEmpty,
      UInt(bitPattern: base) % UInt(entry.dtype.byteCount) == 0
    else { return try Tensor(bytes: bytes, shape: entry.shape, dtype: entry.dtype) }
    return try Tensor(
      bytes, of: own ?? mapping, isAlone: own != nil, shape: entry.shape, dtype: entry.dtype)
  }

  /// The least size in bytes of a tensor with a mapping of its own.
  private static let leastOwnMapping = 1 << 16

  /// Writes tensors atomically; the same content gives the same bytes.
  ///
  /// - Parameters:
  ///   - tensors: the tensors by name.
  ///   - metadata: free text.
  ///   - url: the file.
  /// - Throws: `FileError` that names the file, for example for a full disk.
  public static func write(_ tensors: [String: Tensor], metadata: [String: String] = [:], to url: URL) throws
  {
    // Wide types come first, so that every tensor is aligned. Within a type the order is by name.
    let order = tensors.sorted {
      ($1.value.dtype.byteCount, $0.key) < ($0.value.dtype.byteCount, $1.key)
    }
    let header = SafetensorsHeader.encode(order.map { ($0.key, $0.value.dtype, $0.value.shape) }, metadata)
    try AtomicFile.write(to: url) { file in
      try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try file.write(contentsOf: Data($0)) }
      try file.write(contentsOf: header)
      for (_, tensor) in order {
        try tensor.withBytes { bytes in
          guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
          try file.write(
            contentsOf: Data(
              bytesNoCopy: UnsafeMutableRawPointer(mutating: base), count: bytes.count, deallocator: .none))
        }
      }
    }
  }
}
