import Foundation

extension Processes {
  /// Returns the part of a list that this process works on: contiguous, in the order of processes.
  package func part(of count: Int) -> Range<Int> { others?.shard(of: count) ?? 0..<count }

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
    guard let others else { return try body(0..<count) }
    let encoder = PropertyListEncoder()
    encoder.outputFormat = .binary
    let done = Result { try encoder.encode(body(others.shard(of: count))) }
    return try others.agreed(done).flatMap { try PropertyListDecoder().decode([Value].self, from: $0) }
  }

  /// Does work that may fail in some processes only, such as reading a file; then all of them throw.
  ///
  /// - Parameter body: the work; it calls nothing of the group.
  /// - Returns: the result of this process.
  /// - Throws: the error of the first process that failed; another process gets it as a `PartError`.
  package func together<Value>(_ body: () throws -> Value) throws -> Value {
    guard let others else { return try body() }
    let done = Result { try body() }
    _ = try others.agreed(done.map { _ in Data() })
    return try done.get()
  }

  /// Joins the rows of all processes along the first dimension, in their order.
  ///
  /// The rows travel some at a time, so that memory holds little more than the result.
  ///
  /// - Parameters:
  ///   - own: the rows of this process, which may be none; on the CPU.
  ///   - bytes: the most bytes that one process sends at a time, unless a row has more.
  /// - Returns: the rows of all processes.
  /// - Throws: `TorchError` if the rows differ in shape or type, or the error of another process.
  package func joined(rows own: Tensor, bytes: Int = 64 << 20) throws -> Tensor {
    guard let others else { return own }
    let shape = Array(own.shape.dropFirst())
    let rowBytes = max(1, shape.reduce(own.dtype.byteCount, *))
    let counts = try others.gathered(own.size(0))
    let starts = counts.indices.map { counts[..<$0].reduce(0, +) }
    let step = max(1, bytes / rowBytes)
    let all = try Tensor.zeros([counts.reduce(0, +)] + shape, dtype: own.dtype)
    for start in stride(from: 0, to: counts.max() ?? 0, by: step) {
      let sent = counts.map { max(0, min(step, $0 - start)) }
      let rows = try others.gathered(
        rows: own.narrowed(dim: 0, start: min(start, counts[rank]), length: sent[rank]).contiguous())
      var place = 0
      for (from, count) in zip(starts, sent) where count > 0 {
        try all.narrowed(dim: 0, start: from + start, length: count)
          .assign(rows.narrowed(dim: 0, start: place, length: count))
        place += count
      }
    }
    return all
  }

  /// Joins the lists of all processes, in their order.
  ///
  /// - Parameter own: the values of this process.
  /// - Returns: the values of all processes.
  /// - Throws: the error of the group if a process has ended.
  package func joined<Value: Codable & Sendable>(_ own: [Value]) throws -> [Value] {
    try others.map { try $0.gathered(own).flatMap { $0 } } ?? own
  }
}

/// The error of another process.
package struct PartError: Error, Equatable, CustomStringConvertible {
  /// The number of that process.
  package let rank: Int
  /// What failed there, with the fix.
  package let message: String

  /// Makes an error of a process.
  package init(rank: Int, message: String) { (self.rank, self.message) = (rank, message) }

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
