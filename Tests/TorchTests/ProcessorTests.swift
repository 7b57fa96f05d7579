import Foundation
import Testing

/// The C kernels beside plain loops in double precision, on this processor and as on others.
@Suite struct ProcessorTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test("scripts/check-processors finds all kernels right; it names what it skips")
  func kernelsAreRight() throws {
    let process = Process()
    process.executableURL = Self.root.appending(path: "scripts/check-processors")
    let output = Pipe()
    (process.standardOutput, process.standardError) = (output, output)
    try process.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    print(text)
  }
}
