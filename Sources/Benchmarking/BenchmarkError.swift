/// A benchmark that cannot run.
package enum BenchmarkError: Error, Equatable, CustomStringConvertible {
  /// The memory measurement needs a separate process, and none can be started.
  case noProgram
  /// A geometry is unknown.
  case unknownGeometry(String)
  /// A training has reached its end.
  case trainingEnded(String)
  /// A group computes on the CPU, and another device is to be measured.
  case cpuOnly
  /// The system refuses another thread.
  case noThread

  /// One line.
  package var description: String {
    switch self {
    case .noProgram: "memory is measured in processes of their own, and none can be started"
    case .unknownGeometry(let text): "\(text): the geometry is not known"
    case .cpuOnly: "this group measures the CPU alone; leave --device out for it"
    case .noThread: "the system refuses another thread; raise its limits (ulimit -u, ulimit -v)"
    case .trainingEnded(let turn): "the training has no further \(turn)"
    }
  }
}
