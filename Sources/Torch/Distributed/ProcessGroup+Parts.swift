import Foundation

// The work of several processes on one list. An optional group is a group, or this process alone.
extension ProcessGroup? {
  /// Whether this process writes and prints: the first of its group, or one without a group.
  package var isFirst: Bool { self?.isFirst ?? true }

  /// Returns the part of a list that this process works on; all of it without a group.
  package func part(of count: Int) -> Range<Int> { self?.shard(of: count) ?? 0..<count }

  /// Computes values by index in parts, and gives every process all of them in order.
  ///
  /// Each process computes one part. A process that fails does not leave the others waiting: all of
  /// them throw.
  ///
  /// - Parameters:
  ///   - count: the number of values.
  ///   - body: computes the values of a part, in order; it calls nothing of the group.
  /// - Returns: the values of all parts, with every bit as computed.
  /// - Throws: the error of the lowest part that failed; another process gets it as a `PartError`.
  package func inParts<Value: Codable & Sendable>(
    count: Int, _ body: (_ part: Range<Int>) throws -> [Value]
  ) throws -> [Value] {
    guard let self else { return try body(0..<count) }
    let encoder = PropertyListEncoder()
    encoder.outputFormat = .binary
    let done = Result { try encoder.encode(body(self.shard(of: count))) }
    return try self.agreed(done).flatMap { try PropertyListDecoder().decode([Value].self, from: $0) }
  }

  /// Does work that may fail in some processes only, such as reading a file; then all of them throw.
  ///
  /// - Parameter body: the work; it calls nothing of the group.
  /// - Returns: the result of this process.
  /// - Throws: the error of the first process that failed; another process gets it as a `PartError`.
  package func together<Value>(_ body: () throws -> Value) throws -> Value {
    guard let self else { return try body() }
    let done = Result { try body() }
    _ = try self.agreed(done.map { _ in Data() })
    return try done.get()
  }

  /// Does work in the first process only, while the others wait.
  ///
  /// - Parameter body: the work, such as writing a file.
  /// - Returns: its result, in every process.
  /// - Throws: the error of the body; the other processes get its message.
  @discardableResult
  package func onFirst<Value: Codable & Sendable>(_ body: () throws -> Value) throws -> Value {
    guard let self else { return try body() }
    return try self.first(body)
  }
}

/// The error of another process.
package struct PartError: Error, Equatable, CustomStringConvertible {
  /// The number of that process.
  package let rank: Int
  /// What failed there, with the fix.
  package let message: String

  /// The message, and the process that sent it.
  package var description: String { "\(message) (process \(rank))" }
}

extension ProcessGroup {
  /// What one process computed, or why it failed.
  private struct Part: Codable, Sendable {
    var data: Data?
    var failure: String?
  }

  /// Gives every process the results of all; each throws if one has failed.
  fileprivate func agreed(_ own: Result<Data, any Error>) throws -> [Data] {
    let part: Part
    switch own {
    case .success(let data): part = Part(data: data)
    case .failure(let error): part = Part(failure: "\(error)")
    }
    let all = try gathered(part)
    guard let failed = all.firstIndex(where: { $0.data == nil }) else { return all.compactMap(\.data) }
    if failed == rank { _ = try own.get() }
    throw PartError(rank: failed, message: all[failed].failure ?? "failed")
  }
}
