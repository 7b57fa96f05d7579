import Foundation
import Testing

@testable import Storage

@Suite("Names of any bytes")
struct NativePathTests {
  private let latin = Array("caf".utf8) + [0xE9] + Array(".png".utf8)

  private func withFolder(_ body: (URL) throws -> Void) throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("names-\(UUID().uuidString)")
    try FileManager.default.createFolder(url)
    defer { try? FileManager.default.removeItem(at: url) }
    try body(url)
  }

  @Test(
    "Bytes become text and the same bytes again",
    arguments: [
      "plain", "é日本𝄞", "e\u{301}", "\u{10FE80}\u{10FEFF}", "a\u{10FEE9}b",
    ].map { Array($0.utf8) } + [
      [0xE9], [0x80, 0xFF, 0x61], [0xC3], [0xC3, 0x28], [0xE2, 0x82], [0xED, 0xA0, 0x80],
      [0xF4, 0x90, 0x80, 0x80],
      [0xC0, 0xAF], Array(0x80...0xFF), Array(1...0xFF),
    ])
  func roundTrip(bytes: [UInt8]) {
    let text = NativePath.text(bytes)
    #expect(NativePath.bytes(text) == bytes)
    #expect(
      NativePath.bytes(URL(fileURLWithPath: "/x/" + text.replacingOccurrences(of: "/", with: "")).path)
        == Array("/x/".utf8) + bytes.filter { $0 != 0x2F })
  }

  @Test("Messages show bytes and control characters as escapes, and other text as it is")
  func shown() {
    #expect(NativePath.shown(NativePath.text(latin)) == "caf\\xE9.png")
    #expect(NativePath.shown("a\nb\u{1B}[2J\tc\u{85}\u{7F}") == "a\\nb\\x1B[2J\\tc\\x85\\x7F")
    #expect(NativePath.shown("é日本") == "é日本")
    #expect(NativePath.shown("a\nb\u{1B}", keeping: ["\n"]) == "a\nb\\x1B")
    let error = FileError.cannotRead(URL(fileURLWithPath: "/x/\n" + NativePath.text(latin)), reason: "gone")
    #expect("\(error)" == "/x/\\ncaf\\xE9.png: cannot be read: gone")
  }

  @Test("A file with such a name is written, listed, read and replaced")
  func files() throws {
    try withFolder { folder in
      let file = folder.appendingPathComponent(NativePath.text(latin))
      try AtomicFile.write(Data("one".utf8), to: file)
      try AtomicFile.write(Data("three".utf8), to: file)
      #expect(try FileSystem.contents(of: folder).map(\.path) == [file.path])
      #expect(FileSystem.kind(of: file) == .file && FileSystem.kind(of: folder) == .folder)
      #expect(try OpenFile(file).size == 5)
      var status = stat()
      #expect(
        stat((Array(folder.path.utf8) + [0x2F] + latin).map { CChar(bitPattern: $0) } + [0], &status) == 0)
      let below = folder.appendingPathComponent(NativePath.text([0xFF])).appendingPathComponent("in")
      try FileManager.default.createFolder(below)
      #expect(FileSystem.kind(of: below) == .folder)
      #expect(FileSystem.resolved(below.appendingPathComponent("new")).hasSuffix("in/new"))
    }
  }

  @Test("A folder, a pipe or a device in the place of a file is named as such")
  func notAFile() {
    func message(_ path: String) -> String? {
      do {
        _ = try Data(file: URL(fileURLWithPath: path))
        return nil
      } catch {
        return "\(error)"
      }
    }
    #expect(message("/dev") == "/dev: is a folder; give a file")
    #expect(message("/dev/null") == "/dev/null: is not a regular file; give a file")
    let pipe = Pipe()
    let path = "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"
    #expect(message(path) == "\(path): is not a regular file; give a file")
    #expect(message("/nowhere")?.hasPrefix("/nowhere: cannot be read: ") == true)
  }

  @Test("A folder that cannot be read is named")
  func unreadable() throws {
    try withFolder { folder in
      let missing = folder.appendingPathComponent("missing")
      #expect(FileSystem.kind(of: missing) == nil)
      #expect(throws: FileError.self) { try FileSystem.contents(of: missing) }
    }
  }

  @Test("Any name that the system takes can be written; a longer one is an error that leaves nothing")
  func longNames() throws {
    try withFolder { folder in
      for length in [1, 200, 224, 250, 255] {
        let file = folder.appendingPathComponent(String(repeating: "x", count: length))
        try AtomicFile.write(Data("x".utf8), to: file)
        #expect(FileSystem.kind(of: file) == .file)
      }
      let wide = folder.appendingPathComponent(String(repeating: "日", count: 85))
      try AtomicFile.write(Data("x".utf8), to: wide)
      let long = folder.appendingPathComponent(String(repeating: "y", count: 256))
      let error = #expect(throws: FileError.self) { try AtomicFile.write(Data("x".utf8), to: long) }
      #expect("\(try #require(error))".contains("shorten the name"))
      #expect(try FileSystem.contents(of: folder).count == 6)
    }
  }

  @Test("Temporary files of killed writers are removed, those in progress stay")
  func leftovers() throws {
    try withFolder { folder in
      let left = folder.appendingPathComponent(".abc.part")
      try Data().write(to: left)
      AtomicFile.removeLeftovers(in: folder)
      #expect(FileSystem.kind(of: left) == .file)
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -90)], ofItemAtPath: left.path)
      AtomicFile.removeLeftovers(in: folder)
      #expect(FileSystem.kind(of: left) == nil)
    }
  }
}
