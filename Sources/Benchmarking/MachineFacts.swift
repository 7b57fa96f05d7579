import Foundation
import Torch

/// The machine of a benchmark.
package struct MachineFacts: Codable, Equatable, Sendable {
  /// The name that the processor reports.
  package var processor: String
  /// The instructions that matter for matrix products, such as `avx512_bf16`.
  package var features: [String]
  /// The instruction set that libtorch uses, such as `AVX512`.
  package var capability: String
  /// The number of cores in use.
  package var cores: Int
  /// The threads per operator.
  package var threads: Int
  /// The memory in bytes.
  package var memory: UInt64
  /// The system load over one minute at the start of the run: about 0 on an idle machine.
  package var load: Double?
  /// The device that computed, such as `cuda:0`; nil for the CPU.
  package var device: String?
  /// The operating system.
  package var system: String

  /// Describes this machine.
  ///
  /// - Parameters:
  ///   - threads: the threads per operator.
  ///   - device: the device that computes.
  package init(threads: Int, device: Device = .cpu) {
    self.device = device == .cpu ? nil : device.description
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

  /// Returns the words of a line such as `flags : fpu vme`.
  private static func line(_ name: String, of file: String) -> [String] {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) })
    else { return [] }
    return line.split(separator: ":").last?.split(separator: " ").map(String.init) ?? []
  }
}

/// Returns the peak memory of this process so far, in bytes; nil if the system does not report it.
///
/// The value that the system reports for the parent program does not count.
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
