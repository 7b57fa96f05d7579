/// A benchmark that cannot be run.
package enum BenchmarkError: Error, Equatable, CustomStringConvertible {
  /// Memory is measured in a process of its own, and none can be started.
  case noProgram
  /// A geometry that is not known.
  case unknownGeometry(String)
  /// A training that is at its end.
  case trainingEnded(String)

  /// One line.
  package var description: String {
    switch self {
    case .noProgram: "memory is measured in processes of their own, and none can be started"
    case .unknownGeometry(let text): "\(text): the geometry is not known"
    case .trainingEnded(let turn): "the training has no further \(turn)"
    }
  }
}
