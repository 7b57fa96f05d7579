import Foundation
import TestSupport
import Testing

@testable import Reviewing

@Suite("The review page")
struct ReviewPageTests {
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

  @Test(
    "Headless Chromium reviews pictures with the page",
    .enabled(if: Chromium.isInstalled, "skipped without Chromium: scripts/install-test-tools installs it"))
  func reviews() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let page = folder.appending(path: "index.html")
    try ReviewPage.html.write(to: page, atomically: true, encoding: .utf8)
    // The Python that scripts/install-test-tools made has pycocotools.
    let (code, text) = try Project.run(
      "scripts/check-review", ["--untimed", "--page", page.path(percentEncoded: false)],
      tools: ".deps/test-tools/bin")
    #expect(code == 0, "\(text)")
    print(text)
  }
}

/// What `scripts/check-review` needs.
private enum Chromium {
  /// Whether Chromium and Python are installed.
  static let isInstalled: Bool = {
    let environment = ProcessInfo.processInfo.environment
    let folders = (environment["PATH"] ?? "").split(separator: ":")
    func has(_ name: String) -> Bool {
      let places = name.contains("/") ? [name] : folders.map { "\($0)/\(name)" }
      return places.contains { FileManager.default.isExecutableFile(atPath: $0) }
    }
    // The script takes the one that CHROMIUM names, and no other then.
    let known = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"]
    let named = (environment["CHROMIUM"] ?? "").isEmpty ? known : [environment["CHROMIUM"] ?? ""]
    return has("python3") && named.contains(where: has)
  }()
}
