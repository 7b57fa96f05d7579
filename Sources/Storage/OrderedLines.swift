import Foundation

/// Writes the lines of a file in their order, while several threads make them in any order.
///
/// A line goes to `NAME.part` as soon as all before it are known, so a killed process loses only those
/// that wait. Without a line there is no file.
package final class OrderedLines<Value: Encodable & Sendable>: @unchecked Sendable {
  private let file: URL
  private let lock = NSLock()
  private var log: LineLog?
  /// The values that wait for others before them; nil for a place without a line.
  private var waiting: [Int: Value?] = [:]
  private var next = 0
  private var failure: (any Error)?

  /// Prepares the file; the first line begins it.
  ///
  /// - Parameter file: the file.
  package init(_ file: URL) { self.file = file }

  /// Adds the line of a place, from any thread.
  ///
  /// `finish` throws the first failure, so that the work whose lines these are goes on.
  ///
  /// - Parameters:
  ///   - value: the value; nil for a place without a line.
  ///   - place: the place, from 0; each comes once.
  package func add(_ value: Value?, at place: Int) {
    lock.withLock {
      waiting.updateValue(value, forKey: place)
      while let known = waiting.removeValue(forKey: next) {
        next += 1
        guard failure == nil, let value = known else { continue }
        do { try write(value) } catch { failure = error }
      }
    }
  }

  private func write(_ value: Value) throws {
    let log = try log ?? LineLog(file)
    self.log = log
    try log.add(value)
  }

  /// Flushes the file to disk and gives it its name.
  ///
  /// - Throws: `FileError` that names the file, also of an earlier line. The lines before it stay in
  ///   `NAME.part`.
  package func finish() throws {
    try lock.withLock {
      if let failure { throw failure }
      try log?.finish()
    }
  }
}
