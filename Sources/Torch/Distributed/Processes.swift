import Storage

/// The processes that share one piece of work: this one alone, or those that `torchrun` started.
///
/// Alone, every function returns its argument at once, so that callers need no second path.
package struct Processes: Sendable {
  /// The group; nil without `torchrun`.
  package let group: ProcessGroup?

  /// This process alone.
  package static let alone = Processes(nil)

  /// Makes the value of a group; nil for this process alone.
  package init(_ group: ProcessGroup?) { self.group = group }

  /// The number of this process, from 0.
  package var rank: Int { group?.rank ?? 0 }
  /// The number of processes.
  package var count: Int { group?.count ?? 1 }
  /// Whether this process writes files and messages.
  package var isFirst: Bool { rank == 0 }
  /// Whether there are others.
  package var areSeveral: Bool { count > 1 }
  /// The group if it has other processes.
  package var others: ProcessGroup? { areSeveral ? group : nil }

  /// Runs a body in the first process; all get its value or its error.
  ///
  /// - Throws: the error of the body, in the other processes its message.
  @discardableResult
  package func first<Value: Codable & Sendable>(_ body: () throws -> Value) throws -> Value {
    try others.map { try $0.first(body) } ?? body()
  }

  /// Runs a body in the first process, for which the others wait.
  ///
  /// - Throws: the error of the body, in the other processes its message.
  package func first(_ body: () throws -> Void) throws {
    _ = try first { () -> Bool in
      try body()
      return true
    }
  }

  /// Returns whether a flag is true in some process.
  ///
  /// - Throws: the error of the group if a process has ended.
  package func isTrueAnywhere(_ flag: Bool) throws -> Bool { try others?.isTrueAnywhere(flag) ?? flag }

  /// Adds up numbers over the processes.
  ///
  /// - Throws: the error of the group if a process has ended.
  package func sums(_ numbers: [Double]) throws -> [Double] {
    guard let others, !numbers.isEmpty else { return numbers }
    let tensor = try Tensor(numbers)
    try others.sum(tensor)
    return try tensor.doubles()
  }

  /// Gives tensors the values that they have in the first process.
  ///
  /// - Parameter tensors: the same number, types and shapes in every process.
  /// - Throws: the error of the group if a process has ended.
  package func broadcast(_ tensors: [Tensor]) throws {
    guard let others else { return }
    try withoutGradients { for tensor in tensors { try others.broadcast(tensor) } }
  }

  /// Makes the reducer of gradients.
  ///
  /// It finds the parameters that a step does not use, because losses depend on the batch and the
  /// epoch. For some ten thousand operators this takes some milliseconds a step.
  ///
  /// - Parameter parameters: the trained parameters, in the same order in every process.
  /// - Returns: the reducer; nil for one process.
  /// - Throws: the error of the group if the processes have different parameters.
  package func reducer(of parameters: [Tensor]) throws -> GradientReducer? {
    try others.map { try GradientReducer(parameters, group: $0, findsUnused: true) }
  }

  /// Checks that all processes have the same value, such as a hash of their weights.
  ///
  /// - Parameters:
  ///   - text: the value.
  ///   - what: a name for it, in the plural.
  /// - Throws: `ProcessesError.differ` in every process.
  package func requireEqual(_ text: String, _ what: String) throws {
    guard let others else { return }
    let all = try others.gathered(text)
    guard let rank = all.firstIndex(where: { $0 != all[0] }) else { return }
    throw ProcessesError.differ(what, rank: rank)
  }
}

/// The rows of a batch that this process computes.
///
/// The processes take turns: row i belongs to process i mod N. So each has as many of the first rows
/// as the others, for example of those with an intervention. Random draws are those of the whole
/// batch, of which a process takes its rows. So they do not depend on the number of processes.
package struct OwnRows: Sendable, Equatable {
  /// The number of rows of the whole batch.
  package let all: Int
  /// The number of processes.
  package let processes: Int
  /// The number of this process.
  package let rank: Int

  /// Makes the value; by default one process has all rows.
  package init(of all: Int, rank: Int = 0, processes: Int = 1) {
    (self.all, self.rank, self.processes) = (all, rank, processes)
  }

  /// Makes the rows of this one of some processes.
  package init(of all: Int, _ processes: Processes) {
    self.init(of: all, rank: processes.rank, processes: processes.count)
  }

  /// Whether these are all rows.
  package var areAll: Bool { processes == 1 }
  /// The numbers of the rows, ascending.
  package var indices: [Int] { Array(stride(from: rank, to: all, by: processes)) }

  /// Returns the same process's rows among the first rows of the batch.
  package func first(_ count: Int) -> OwnRows { OwnRows(of: count, rank: rank, processes: processes) }

  /// Selects the own rows of a list of all rows.
  package func own<Value>(_ values: [Value]) -> [Value] { areAll ? values : indices.map { values[$0] } }

  /// Selects the own rows of a tensor of all rows.
  ///
  /// - Throws: `TorchError` if it has fewer rows.
  package func own(_ tensor: Tensor) throws -> Tensor {
    areAll ? tensor : try tensor.indexed(Tensor(indices).to(tensor.device))
  }

  /// The place of each row of the batch among the rows of all processes, one process after the other.
  package var places: [Int] {
    var places = [Int](repeating: 0, count: all)
    var next = 0
    for process in 0..<processes {
      for row in stride(from: process, to: all, by: processes) {
        places[row] = next
        next += 1
      }
    }
    return places
  }
}

/// An error of several processes that train together.
package enum ProcessesError: Error, Equatable, CustomStringConvertible {
  /// A value differs between processes.
  case differ(String, rank: Int)
  /// There are more processes than rows in a batch.
  case tooMany(processes: Int, batch: Int)

  /// One or two lines with the fix.
  package var description: String {
    switch self {
    case .differ(let what, let rank):
      "the \(what) of process \(rank) differ from those of process 0; give every process the same version of "
        + "mcdrl and libtorch, processors with the same instructions, the same files and the same settings"
    case .tooMany(let processes, let batch):
      "\(processes) processes cannot share a batch of \(counted(batch, "image")); start at most \(batch) processes, or "
        + "raise batchSize"
    }
  }
}
