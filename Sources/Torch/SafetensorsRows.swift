import Foundation
import Storage

/// A safetensors file that is written row by row: all its tensors have as many rows, stored in any order, from any thread.
public final class SafetensorsRows: Sendable {
  /// One tensor of the file, without its first size, which is the number of rows.
  public struct Column: Equatable, Sendable {
    /// Its name.
    public let name: String
    /// Its type.
    public let dtype: DType
    /// The sizes of a row.
    public let shape: [Int]

    /// Describes a tensor.
    public init(_ name: String, _ dtype: DType, _ shape: [Int]) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
    }

    /// Bytes of a row.
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

  /// Writes a file, atomically: nobody sees it before every row is stored and flushed to disk.
  ///
  /// - Parameters:
  ///   - columns: the tensors.
  ///   - rows: how many rows each has; those that are not stored are zeros.
  ///   - metadata: free text.
  ///   - url: where to.
  ///   - body: stores the rows.
  /// - Throws: `FileError` that names the file, such as for a full disk, or what the body throws; nothing is left then.
  public static func write(
    _ columns: [Column], rows: Int, metadata: [String: String] = [:], to url: URL,
    _ body: (SafetensorsRows) throws -> Void
  ) throws {
    // Wide types first, so that every tensor is aligned.
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
  ///   - tensor: of the column's type and as many elements as a row has.
  ///   - row: from 0.
  ///   - name: the column's.
  /// - Throws: `TorchError.value` when tensor or row do not fit, `FileError` when the disk is full.
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
