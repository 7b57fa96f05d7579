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

  /// The processor's name with what decides the speed of its products.
  ///
  /// Virtual machines give different processors one name.
  package static let processorWithInstructions: String = {
    let names = processorFeatures.filter { name in
      ["amx", "avx512_bf16", "avx512_fp16", "avx512_vnni", "avx_vnni", "bf16", "i8mm", "sve"].contains {
        name.contains($0)
      }
    }
    return ([processor, cpuCapability] + names.sorted()).joined(separator: " ")
  }()

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

  /// Starts a thread whose operators use as many threads as those of the calling thread.
  ///
  /// A plain thread would use the number that any thread set last. The number of parts of a sum
  /// changes its rounding. Foundation's `Thread` does not report that the system refused a thread,
  /// and its caller would wait for ever.
  ///
  /// - Parameter body: the body of the thread.
  /// - Returns: whether the thread was started. The system may have no more threads or memory.
  public static func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    let count = threads
    let work = Unmanaged.passRetained(
      ThreadBody {
        try? setThreads(count)
        body()
      })
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else {
      work.release()
      return false
    }
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 8 << 20)
    #if canImport(Darwin)
      var thread: pthread_t?
      let run: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? = {
        ThreadBody.run($0)
        return nil
      }
    #else
      var thread = pthread_t()
      let run: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
        if let pointer = $0 { ThreadBody.run(pointer) }
        return nil
      }
    #endif
    guard pthread_create(&thread, &attributes, run, work.toOpaque()) == 0 else {
      work.release()
      return false
    }
    return true
  }
}

/// The body of a thread, for a pointer to it.
private final class ThreadBody: Sendable {
  private let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  /// Runs and releases the body at a retained pointer.
  static func run(_ pointer: UnsafeMutableRawPointer) {
    Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().body()
  }
}
