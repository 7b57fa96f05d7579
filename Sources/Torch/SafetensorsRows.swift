import Foundation
import Storage

/// A safetensors file that is written row by row.
///
/// All tensors have the same number of rows. Any thread may store any row at any time.
public final class SafetensorsRows: Sendable {
  /// One tensor of the file without its first size, the number of rows.
  public struct Column: Equatable, Sendable {
    /// The name.
    public let name: String
    /// The type.
    public let dtype: DType
    /// The sizes of a row.
    public let shape: [Int]

    /// Describes a tensor.
    ///
    /// - Parameters:
    ///   - name: the name of the tensor.
    ///   - dtype: the type of the elements.
    ///   - shape: the sizes of a row.
    public init(_ name: String, _ dtype: DType, _ shape: [Int]) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
    }

    /// The size of a row in bytes.
    public var rowBytes: Int { shape.reduce(dtype.byteCount, *) }
  }

  private let descriptor: Int32
  private let url: URL
  private let rows: Int
  private let columns: [String: (column: Column, start: Int)]

  private init(
    _ descriptor: Int32, _ url: URL, rows: Int, columns: [String: (column: Column, start: Int)]
  ) {
    self.descriptor = descriptor
    self.url = url
    self.rows = rows
    self.columns = columns
  }

  /// Writes a file atomically: it appears only after every row is stored and flushed to disk.
  ///
  /// - Parameters:
  ///   - columns: the tensors.
  ///   - rows: the number of rows of each tensor. Rows that are not stored are zeros.
  ///   - metadata: free text.
  ///   - url: the file.
  ///   - body: stores the rows.
  /// - Throws: `FileError` that names the file, for example for a full disk, or the error of the
  ///   body. Nothing is left then.
  public static func write(
    _ columns: [Column], rows: Int, metadata: [String: String] = [:], to url: URL,
    _ body: (SafetensorsRows) throws -> Void
  ) throws {
    // Wide types come first, so that every tensor is aligned.
    let order = columns.sorted { ($1.dtype.byteCount, $0.name) < ($0.dtype.byteCount, $1.name) }
    let header = SafetensorsHeader.encode(order.map { ($0.name, $0.dtype, [rows] + $0.shape) }, metadata)
    try AtomicFile.write(to: url) { file in
      try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try file.write(contentsOf: Data($0)) }
      try file.write(contentsOf: header)
      var end = 8 + header.count
      var places: [String: (column: Column, start: Int)] = [:]
      for column in order {
        places[column.name] = (column, end)
        end += rows * column.rowBytes
      }
      guard ftruncate(file.fileDescriptor, off_t(end)) == 0 else {
        throw FileError.cannotWrite(url, reason: FileError.systemReason())
      }
      try body(SafetensorsRows(file.fileDescriptor, url, rows: rows, columns: places))
    }
  }

  /// Stores one row of a tensor.
  ///
  /// - Parameters:
  ///   - tensor: of the column's type, with as many elements as a row.
  ///   - row: the row, from 0.
  ///   - name: the name of the column.
  /// - Throws: `TorchError.value` if the tensor or the row does not fit, `FileError` if the disk is
  ///   full.
  public func store(_ tensor: Tensor, row: Int, of name: String) throws {
    guard let (column, start) = columns[name], (0..<rows).contains(row), tensor.dtype == column.dtype,
      tensor.count * tensor.dtype.byteCount == column.rowBytes
    else {
      throw TorchError.value("\(url.path): \(tensor.dtype) \(tensor.shape) is no row \(row) of \(name)")
    }
    try tensor.withBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = pwrite(
          descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done,
          off_t(start + row * column.rowBytes + done))
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw FileError.cannotWrite(url, reason: FileError.systemReason()) }
        done += count
      }
    }
  }
}
