import Foundation
import Testing

@testable import Storage

@Suite("The hash of a file")
struct ContentHashTests {
  private static func folder() throws -> URL {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("hash-\(UUID().uuidString)")
    try FileManager.default.createFolder(url)
    return url
  }

  @Test("It follows the bytes, also beyond the first part that is read, and not the path")
  func bytes() throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    var content = Data((0..<(3 << 20) + 5).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    func hash(_ name: String) throws -> String {
      try content.write(to: folder.appendingPathComponent(name))
      return try ContentHash(file: folder.appendingPathComponent(name)).text
    }
    let first = try hash("a")
    #expect(try hash("b") == first)
    content[content.count - 1] ^= 1
    #expect(try hash("c") != first)
    content.removeLast()
    #expect(try hash("d") != first)
    content = Data()
    #expect(try hash("e") == ContentHash().text)
  }

  @Test("A missing file and a folder are errors that name them")
  func errors() throws {
    let folder = try Self.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    for url in [folder.appendingPathComponent("none"), folder] {
      let error = #expect(throws: FileError.self) { try ContentHash(file: url) }
      #expect(error.map { "\($0)" }?.contains(url.path) == true)
    }
  }
}
