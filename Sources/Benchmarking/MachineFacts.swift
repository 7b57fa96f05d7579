import Foundation
import Torch

/// What a benchmark ran on.
package struct MachineFacts: Codable, Equatable, Sendable {
  /// The processor, as it calls itself.
  package var processor: String
  /// The instructions that matter to matrix products, such as `avx512_bf16`.
  package var features: [String]
  /// What libtorch makes of them, such as `AVX512`.
  package var capability: String
  /// Cores in use.
  package var cores: Int
  /// Threads an operator may use.
  package var threads: Int
  /// Bytes of memory.
  package var memory: UInt64
  /// The system's load over a minute when the run began: about 0 on a quiet machine.
  package var load: Double?
  /// The operating system.
  package var system: String

  /// Describes this machine.
  ///
  /// - Parameter threads: that operators will use.
  package init(threads: Int) {
    processor = Machine.processor
    capability = Machine.cpuCapability
    cores = ProcessInfo.processInfo.activeProcessorCount
    self.threads = threads
    memory = ProcessInfo.processInfo.physicalMemory
    system = ProcessInfo.processInfo.operatingSystemVersionString
    let flags = Self.line("flags", of: "/proc/cpuinfo")
    features = Self.telling.filter(Set(flags).contains)
    var loads = [0.0]
    load = getloadavg(&loads, 1) == 1 ? loads[0] : nil
  }

  private static let telling = [
    "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8",
  ]

  /// The words of a line such as `flags : fpu vme`.
  private static func line(_ name: String, of file: String) -> [String] {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) })
    else { return [] }
    return line.split(separator: ":").last?.split(separator: " ").map(String.init) ?? []
  }
}

/// The most memory that this process has held so far, in bytes; nil where the system does not say.
///
/// What the system remembers of the program that started this one is not counted.
package func peakMemory() -> Int? {
  #if os(Linux)
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = line.split(whereSeparator: { " \t".contains($0) }).compactMap({ Int($0) }).first
    else { return nil }
    return kibibytes << 10
  #else
    var usage = rusage()
    return getrusage(RUSAGE_SELF, &usage) == 0 ? Int(usage.ru_maxrss) : nil
  #endif
}
