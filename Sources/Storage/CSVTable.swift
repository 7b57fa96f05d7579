import Foundation

/// A table in the form of RFC 4180, such as `evaluation-SITE.csv`, as text.
package struct CSVTable: Equatable, Sendable {
  /// The names of the columns.
  package let headings: [String]
  /// The rows, each with a field for each column.
  package let rows: [[String]]

  /// Reads a file.
  ///
  /// - Parameter url: the file.
  /// - Throws: `FileError` that names the file, and the row of a fault.
  package init(contentsOf url: URL) throws {
    let data = try Data(file: url, limit: Data.documentLimit)
    do { try self.init(data) } catch let fault as CSVFault {
      throw FileError.malformed(url, reason: "is no table with commas: \(fault)")
    }
  }

  /// Parses a table.
  ///
  /// - Parameter data: the bytes of the file, in UTF-8.
  /// - Throws: `CSVFault` with the row.
  package init(_ data: Data) throws {
    var parser = Parser()
    for byte in data { try parser.take(byte) }
    var rows = try parser.finished()
    guard !rows.isEmpty else { throw CSVFault(row: 1, reason: "lacks the names of the columns") }
    headings = rows.removeFirst()
    if let wrong = rows.firstIndex(where: { [headings] in $0.count != headings.count }) {
      throw CSVFault(
        row: wrong + 2,
        reason: "has " + counted(rows[wrong].count, "field") + " in place of \(headings.count)")
    }
    self.rows = rows
  }

  /// Returns the fields of a column; nil if there is none of the name.
  package subscript(name: String) -> [String]? {
    headings.firstIndex(of: name).map { column in rows.map { $0[column] } }
  }

  /// The state between two bytes.
  private struct Parser {
    private enum Place { case start, plain, quoted, quote }

    private var rows: [[String]] = []
    private var row: [String] = []
    private var field: [UInt8] = []
    private var place = Place.start

    mutating func take(_ byte: UInt8) throws {
      switch (place, byte) {
      case (.quoted, UInt8(ascii: "\"")): place = .quote
      case (.quoted, _): field.append(byte)
      case (.quote, UInt8(ascii: "\"")):
        field.append(byte)
        place = .quoted
      case (.start, UInt8(ascii: "\"")): place = .quoted
      case (_, UInt8(ascii: ",")): endField()
      case (_, UInt8(ascii: "\n")): endRow()
      // Rows end with CR LF; CR alone is no end.
      case (_, UInt8(ascii: "\r")): break
      case (.quote, _): throw CSVFault(row: rows.count + 1, reason: "goes on after a closing quote")
      default:
        field.append(byte)
        place = .plain
      }
    }

    mutating func finished() throws -> [[String]] {
      guard place != .quoted else {
        throw CSVFault(row: rows.count + 1, reason: "has a quote that is not closed")
      }
      if place != .start || !row.isEmpty { endRow() }
      return rows
    }

    private mutating func endField() {
      row.append(String(decoding: field, as: UTF8.self))
      field.removeAll(keepingCapacity: true)
      place = .start
    }

    private mutating func endRow() {
      // An empty line is no row.
      if row.isEmpty, place == .start, field.isEmpty { return }
      endField()
      rows.append(row)
      row = []
    }
  }
}

/// A fault in a table, with its row.
package struct CSVFault: Error, Equatable, CustomStringConvertible {
  /// The row, from 1; the first has the names of the columns.
  package let row: Int
  /// The fault.
  package let reason: String

  /// The row and the fault in one line.
  package var description: String { "row \(row) \(reason)" }
}
