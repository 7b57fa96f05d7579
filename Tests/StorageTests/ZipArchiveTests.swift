import Foundation
import Testing

@testable import Storage

/// A folder that goes away with the value.
private final class Place {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("zip-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }
  func file(_ path: String) -> URL { url.appendingPathComponent(path) }
}

/// The text of the error that a closure throws, empty when it throws none.
private func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return "\(error)"
  }
}

@Suite("Zip archives")
struct ZipArchiveTests {
  /// A file for an archive that a test writes.
  struct Item {
    var name: String
    var content: [UInt8]
    var flags = 0
    var method = 0
    var mode = 0o100644
    /// The system of the archive: 3 is Unix, 0 is Windows.
    var system: UInt8 = 3
    var size: Int?
    var stored: [UInt8]?
  }

  private static func bytes(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(value >> (8 * $0) & 255) }
  }

  /// The checksum of zip, bit by bit.
  private static func checksum(_ content: [UInt8]) -> Int {
    var sum = UInt32.max
    for byte in content {
      sum ^= UInt32(byte)
      for _ in 0..<8 {
        let half: UInt32 = sum >> 1
        sum = sum & 1 == 1 ? half ^ 0xEDB8_8320 : half
      }
    }
    return Int(~sum)
  }

  /// An archive of stored files.
  static func archive(_ items: [Item]) -> Data {
    var (files, list): ([UInt8], [UInt8]) = ([], [])
    for item in items {
      let (name, stored) = (Array(item.name.utf8), item.stored ?? item.content)
      let common =
        bytes(item.flags, 2) + bytes(item.method, 2) + bytes(0, 4) + bytes(checksum(item.content), 4)
        + bytes(stored.count, 4) + bytes(item.size ?? item.content.count, 4) + bytes(name.count, 2)
        + bytes(0, 2)
      list += bytes(0x0201_4B50, 4) + [20, item.system] + bytes(20, 2) + common + bytes(0, 2) + bytes(0, 4)
      list += bytes(item.mode << 16, 4) + bytes(files.count, 4) + name
      files += bytes(0x0403_4B50, 4) + bytes(20, 2) + common + name + stored
    }
    let end =
      bytes(0x0605_4B50, 4) + bytes(0, 4) + bytes(items.count, 2) + bytes(items.count, 2)
      + bytes(list.count, 4)
      + bytes(files.count, 4) + bytes(0, 2)
    return Data(files + list + end)
  }

  private func extract(_ data: Data) throws -> [String: [UInt8]] {
    let folder = try Place()
    let (file, out) = (folder.file("x.zip"), folder.file("out"))
    try data.write(to: file)
    try FileManager.default.createFolder(out)
    let archive = try ZipArchive(file)
    try archive.extract(to: out)
    return try Dictionary(
      uniqueKeysWithValues: archive.entries.map {
        ($0.path, Array(try Data(contentsOf: out.appendingPathComponent($0.path))))
      })
  }

  @Test("Stored and deflated files come out as they went in; folders have no entry")
  func files() throws {
    // Deflate's own form of the text "aaaaaaaaaa": one block of fixed codes.
    let deflated: [UInt8] = [0x4B, 0x84, 0x03, 0x00]
    let data = Self.archive([
      Item(name: "Kvasir-SEG/images/", content: []),
      Item(name: "Kvasir-SEG/images/Ä 1.jpg", content: [1, 2, 3]),
      Item(name: "empty", content: []),
      Item(
        name: "a.txt", content: Array(repeating: UInt8(ascii: "a"), count: 10), method: 8, stored: deflated),
    ])
    #expect(
      try extract(data) == [
        "Kvasir-SEG/images/Ä 1.jpg": [1, 2, 3], "empty": [],
        "a.txt": Array(repeating: UInt8(ascii: "a"), count: 10),
      ])
  }

  @Test("Backslashes separate folders in archives of Windows, and are letters in those of Unix")
  func backslashes() throws {
    let data = Self.archive([
      Item(name: "set\\", content: [], system: 0),
      Item(name: "set\\images\\Ä 1.png", content: [1], system: 0),
      Item(name: "set/masks\\1.png", content: [2], system: 11),
      Item(name: "set\\odd", content: [3]),
    ])
    #expect(
      try extract(data) == ["set/images/Ä 1.png": [1], "set/masks/1.png": [2], "set\\odd": [3]])
  }

  @Test("Paths out of the folder, links, passwords, other methods and wrong sizes are refused and named")
  func refused() throws {
    let cases: [(Item, String)] = [
      (Item(name: "../x", content: [1]), "leads out of the folder"),
      (Item(name: "/etc/x", content: [1]), "leads out of the folder"),
      (Item(name: "a/../../x", content: [1]), "leads out of the folder"),
      (Item(name: "a//x", content: [1]), "leads out of the folder"),
      (Item(name: "..\\x", content: [1], system: 0), "leads out of the folder"),
      (Item(name: "\\etc\\x", content: [1], system: 0), "leads out of the folder"),
      (Item(name: "a\\..\\..\\x", content: [1], system: 0), "leads out of the folder"),
      (Item(name: "link", content: [1], mode: 0o120777), "is a link"),
      (Item(name: "secret", content: [1], flags: 1), "is encrypted"),
      (Item(name: "odd", content: [1], method: 9), "a method that is not read (9)"),
      (Item(name: "more", content: [1, 2], size: 1), "is larger than the archive states"),
      (Item(name: "less", content: [1], size: 2), "is damaged"),
      (Item(name: "bad", content: [1, 2, 3], method: 8, stored: [0xFF, 0xFF]), "is damaged"),
      (Item(name: "large", content: [1], size: 1 << 31), "has more than 1024 MiB"),
      (Item(name: "bomb", content: [1], size: 900 << 20), "100 times the archive"),
    ]
    for (item, part) in cases {
      let text = message { _ = try extract(Self.archive([Item(name: "good", content: [9]), item])) }
      #expect(text.contains("x.zip") && text.contains(part), "\(item.name): \(text)")
    }
    let twice = Self.archive([Item(name: "a", content: [1]), Item(name: "a", content: [2])])
    #expect(message { _ = try extract(twice) }.contains("a is in it twice"))
  }

  @Test("An archive that is cut short or changed anywhere is read or refused by name, and nothing crashes")
  func damaged() throws {
    let good = Self.archive([Item(name: "a/1.png", content: Array(0..<50)), Item(name: "b", content: [7])])
    for count in 0..<good.count {
      let text = message { _ = try extract(good.prefix(count)) }
      #expect(text.contains("x.zip"), "\(count): \(text)")
    }
    var seed: UInt64 = 1
    func next(_ count: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(seed >> 33) % count
    }
    for _ in 0..<500 {
      var bad = good
      bad[next(bad.count)] = UInt8(next(256))
      let text = message { _ = try extract(bad) }
      #expect(text.isEmpty || text.contains("zip"), "\(text)")
    }
  }

  @Test("Only files that begin as archives count as such")
  func looks() throws {
    let folder = try Place()
    for (name, data, isZip) in [
      ("a", Self.archive([Item(name: "x", content: [1])]), true), ("b", Self.archive([]), true),
      ("c", Data("PK".utf8), false), ("d", Data(), false),
    ] {
      try data.write(to: folder.file(name))
      #expect(ZipArchive.isZip(folder.file(name)) == isZip, "\(name)")
    }
    #expect(!ZipArchive.isZip(folder.url) && !ZipArchive.isZip(folder.file("missing")))
  }
}
