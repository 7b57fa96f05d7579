import Foundation

extension Project {
  /// Runs an executable file of the project and waits for its end.
  ///
  /// - Parameters:
  ///   - path: its path from the root, such as `scripts/check-review`.
  ///   - arguments: its arguments.
  ///   - tools: a folder from the root in which it looks for programs first; nil for none.
  /// - Returns: its exit code, and what it printed on both streams.
  /// - Throws: an error of Foundation if it cannot be started.
  package static func run(
    _ path: String, _ arguments: [String] = [], tools: String? = nil
  ) throws -> (code: Int32, text: String) {
    let process = Process()
    process.executableURL = file(path)
    process.arguments = arguments
    if let tools {
      var variables = ProcessInfo.processInfo.environment
      variables["PATH"] = "\(file(tools).path):\(variables["PATH"] ?? "")"
      process.environment = variables
    }
    let output = Pipe()
    (process.standardOutput, process.standardError) = (output, output)
    try process.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }
}
