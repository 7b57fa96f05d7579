import Foundation
import Testing

@testable import Reviewing

@Suite("The review page")
struct ReviewPageTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test("Every file of the page is in it once, and nothing is loaded by an address")
  func parts() {
    let named = ReviewPage.markup.compactMap(ReviewPage.named(by:))
    #expect(named.sorted() == ReviewPage.parts.keys.sorted())
    for (name, bytes) in ReviewPage.parts {
      let part = String(decoding: bytes, as: UTF8.self)
      #expect(ReviewPage.html.components(separatedBy: part).count == 2, "\(name)")
    }
    for address in ["http:", "https:", " src=\"", "@import", "url("] {
      let found = ReviewPage.html.replacing("http://www.w3.org/2000/svg", with: "").contains(address)
      #expect(!found, "\(address)")
    }
  }

  @Test("Headless Chromium reviews pictures with the page", .enabled(if: Browser.path != nil, "no Chromium"))
  func browser() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let page = folder.appending(path: "index.html")
    try ReviewPage.html.write(to: page, atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = Self.root.appending(path: "scripts/check-review")
    process.arguments = ["--quick", "--page", page.path(percentEncoded: false)]
    let output = Pipe()
    (process.standardOutput, process.standardError) = (output, output)
    try process.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    print(text)
  }
}

/// The browser of the test.
private enum Browser {
  /// The path of Chromium, as `scripts/check-review` looks for it; nil also without Python.
  static let path: String? = {
    func find(_ names: [String]) -> String? {
      let environment = ProcessInfo.processInfo.environment
      let folders = (environment["PATH"] ?? "").split(separator: ":").map(String.init)
      return names.lazy.flatMap { name in folders.lazy.map { "\($0)/\(name)" } }
        .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
    guard find(["python3"]) != nil else { return nil }
    return find(["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"])
  }()
}
