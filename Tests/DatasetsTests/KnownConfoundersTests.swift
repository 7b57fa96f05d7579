import Foundation
import Testing

@testable import Datasets

@Suite("Known confounders")
struct KnownConfoundersTests {
  private func folder(_ lines: String?) throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "factors-\(UUID().uuidString)/site-a")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try lines.map { try Data($0.utf8).write(to: folder.appendingPathComponent("factors.jsonl")) }
    return folder
  }

  @Test("Images find their line in the site's file, also those of the folder test; others are unknown")
  func matched() throws {
    let folder = try folder(
      """
      {"image": "images/1.png", "strengths": {"blur": 0.6, "blood": 0.1, "far": 0.3}, "scene": "s"}
      {"image": "test/images/1.png", "strengths": {}}
      """)
    defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
    let images = ["images/1.png", "test/images/1.png", "images/2.png"].map {
      folder.appendingPathComponent($0)
    }
    let known = try KnownConfounders(images)
    #expect(known.strengths(of: images[0]) == ["blur": 0.6, "blood": 0.1, "far": 0.3])
    #expect(known.strengths(of: images[1]) == [:] && known.strengths(of: images[2]) == nil)
    #expect(known.names == ["blood", "blur", "far"])
    #expect(known.files.map(\.lastPathComponent) == ["factors.jsonl"])
  }

  @Test("Of several files the nearest that names the image counts")
  func nearest() throws {
    let folder = try folder(
      """
      {"image": "images/1.png", "strengths": {"blur": 0.6}}
      {"image": "images/2.png", "strengths": {"far": 1}}
      """)
    defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
    let images = ["images/1.png", "images/2.png"].map { folder.appendingPathComponent($0) }
    try FileManager.default.createDirectory(
      at: images[0].deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(#"{"image": "1.png", "strengths": {"blood": 0.5}}"#.utf8).write(
      to: folder.appendingPathComponent("images/factors.jsonl"))
    let known = try KnownConfounders(images)
    #expect(known.strengths(of: images[0]) == ["blood": 0.5])
    #expect(known.strengths(of: images[1]) == ["far": 1] && known.files.count == 2)
  }

  @Test("Without a file nothing is known; a damaged one is named with its line")
  func missing() throws {
    let none = try folder(nil)
    defer { try? FileManager.default.removeItem(at: none.deletingLastPathComponent()) }
    let image = none.appendingPathComponent("images/1.png")
    let known = try KnownConfounders([image])
    #expect(known.names.isEmpty && known.files.isEmpty && known.strengths(of: image) == nil)
    let bad = try folder("{\"image\": \"images/1.png\", \"strengths\": {}}\n{\"image\": 3}\n")
    defer { try? FileManager.default.removeItem(at: bad.deletingLastPathComponent()) }
    #expect {
      try KnownConfounders([bad.appendingPathComponent("images/1.png")])
    } throws: {
      "\($0)".contains("factors.jsonl") && "\($0)".contains("line 2")
    }
  }
}
