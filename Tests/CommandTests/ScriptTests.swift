import Foundation
import Testing

@Suite("Scripts")
struct ScriptTests {
  private static let python = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(
    separator: ":"
  )
  .map { $0 + "/python3" }.first(where: FileManager.default.isExecutableFile)

  @Test(
    "to-safetensors reads tensors alone, and runs nothing from a checkpoint",
    .enabled(if: python != nil, "skipped: no python3"))
  func toSafetensors() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(Self.python))
    process.arguments = [Program.root.appendingPathComponent("Tests/Scripts/to_safetensors_tests.py").path]
    let pipe = Pipe()
    (process.standardOutput, process.standardError) = (pipe, pipe)
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
  }
}
