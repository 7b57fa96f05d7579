import Foundation
import Testing

@testable import Torch

/// Memory of a process of its own, so that no other test's comes and goes with it.
@Suite struct MemoryTests {
  #if compiler(>=6.2) && (os(Linux) || os(macOS))
    @Test func tenThousandStepsLeaveMemoryFlat() async {
      await #expect(processExitsWith: .success) {
        let growth = try growth(keeping: false)
        try #require(growth < 1 << 20, "\(growth) bytes")
      }
    }

    @Test func aTensorThatIsKeptInEachStepIsSeen() async {
      await #expect(processExitsWith: .success) {
        let growth = try growth(keeping: true)
        // 8×16 numbers of 4 bytes a step.
        try #require(growth > 5 << 20, "\(growth) bytes")
      }
    }
  #else
    @Test(.disabled("memory is measured in a process of its own, which this toolchain or system has not"))
    func tenThousandStepsLeaveMemoryFlat() {}
  #endif
}

/// By how much the most memory that this process has held grows over ten thousand steps of training, bytes.
private func growth(keeping: Bool) throws -> Int {
  try Machine.setThreads(1)
  let generator = try Generator(seed: 0)
  let layer = try Linear(16, 16, generator: generator)
  let optimizer = try AdamW(groups: [
    .init(name: "all", parameters: layer.parameters(), learningRate: 1e-3, weightDecay: 0)
  ])
  let x = try Tensor.randomNormal([8, 16], generator: generator)
  var kept: [Tensor] = []
  func train(_ steps: Int) throws {
    for _ in 0..<steps {
      try optimizer.clearGradients()
      let output = try layer(x)
      try output.power(2).mean().backward()
      try clipGradients(of: optimizer.parameters, toNorm: 1)
      try optimizer.step()
      if keeping { kept.append(try output.detached()) }
    }
  }
  try train(1_000)
  let before = try peakBytes()
  try train(10_000)
  return try peakBytes() - before
}

/// The most memory that this process has held, bytes.
private func peakBytes() throws -> Int {
  #if os(Linux)
    // Not getrusage, which remembers the program that started this one, too.
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    let kibibytes = line.split(whereSeparator: { " \t".contains($0) }).compactMap { Int($0) }.first
    return try #require(kibibytes) << 10
  #else
    var usage = rusage()
    try #require(getrusage(RUSAGE_SELF, &usage) == 0)
    return Int(usage.ru_maxrss)
  #endif
}
