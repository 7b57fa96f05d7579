import Foundation

extension Machine {
  /// The processor's own name; its architecture if the system does not give the name.
  public static var processor: String {
    #if os(macOS)
      var size = 0
      sysctlbyname("machdep.cpu.brand_string", nil, &size, nil, 0)
      var bytes = [UInt8](repeating: 0, count: size)
      if size > 0, sysctlbyname("machdep.cpu.brand_string", &bytes, &size, nil, 0) == 0 {
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
    #else
      let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      for line in (text ?? "").split(separator: "\n") where line.hasPrefix("model name") {
        if let name = line.split(separator: ":", maxSplits: 1).last {
          return name.trimmingCharacters(in: .whitespaces)
        }
      }
    #endif
    #if arch(arm64)
      return "arm64"
    #elseif arch(x86_64)
      return "x86_64"
    #else
      return "unknown"
    #endif
  }

  /// Runs a body with another number of threads for each operator of the calling thread.
  ///
  /// - Parameters:
  ///   - count: the number of threads, at least 1.
  ///   - body: the body.
  /// - Returns: the result of the body.
  /// - Throws: the error of the body, or `TorchError.operation` unless `count` is at least 1.
  public static func withThreads<Result>(_ count: Int, _ body: () throws -> Result) throws -> Result {
    let before = threads
    try setThreads(count)
    let result = Swift.Result { try body() }
    try setThreads(before)
    return try result.get()
  }

  /// Makes a thread whose operators use as many threads as those of the calling thread.
  ///
  /// The thread is not yet started. A plain thread would use the number that any thread set last.
  /// The number of parts of a sum changes its rounding.
  ///
  /// - Parameter body: the body of the thread.
  /// - Returns: the thread, to be started by the caller.
  public static func thread(_ body: @escaping @Sendable () -> Void) -> Thread {
    let count = threads
    return Thread {
      try? setThreads(count)
      body()
    }
  }
}
