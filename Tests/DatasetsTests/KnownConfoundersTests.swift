import Foundation
import Testing

@testable import Datasets

@Suite("Known confounders")
struct KnownConfoundersTests {
  private func sample(_ folder: URL, _ path: String) -> Sample {
    Sample(
      site: "a", id: path, image: folder.appendingPathComponent(path), mask: nil, lesionClass: nil,
      group: path,
      lesionLabels: nil)
  }

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
    let samples = ["images/1.png", "test/images/1.png", "images/2.png"].map { sample(folder, $0) }
    let known = try KnownConfounders(samples)
    #expect(known.visible(in: samples[0]) == ["blur", "far"])
    #expect(known.visible(in: samples[1]) == [] && known.visible(in: samples[2]) == nil)
    #expect(known.names == ["blood", "blur", "far"])
  }

  @Test("Without a file nothing is known; a damaged one is named with its line")
  func missing() throws {
    let none = try folder(nil)
    defer { try? FileManager.default.removeItem(at: none.deletingLastPathComponent()) }
    let known = try KnownConfounders([sample(none, "images/1.png")])
    #expect(known.names.isEmpty && known.visible(in: sample(none, "images/1.png")) == nil)
    let bad = try folder("{\"image\": \"images/1.png\", \"strengths\": {}}\n{\"image\": 3}\n")
    defer { try? FileManager.default.removeItem(at: bad.deletingLastPathComponent()) }
    #expect {
      try KnownConfounders([sample(bad, "images/1.png")])
    } throws: {
      "\($0)".contains("factors.jsonl") && "\($0)".contains("line 2")
    }
  }
}
