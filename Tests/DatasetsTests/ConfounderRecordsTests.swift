import Foundation
import Testing
import Torch

@testable import Datasets

@Suite("Records of true confounders")
struct ConfounderRecordsTests {
  @Test("An image's strengths are found up to three folders above it; others have none; a bad line is named")
  func records() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("records-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createFolder(folder.appendingPathComponent("test/images"))
    let file = folder.appendingPathComponent("factors.jsonl")
    try Data(
      """
      {"image": "images/1.png", "strengths": {"blur": 0.7}, "zoom": 1}
      {"image": "test/images/1.png", "strengths": {}}
      """.utf8
    ).write(to: file)
    var records = ConfounderRecords()
    #expect(try records.strengths(of: folder.appendingPathComponent("images/1.png")) == ["blur": 0.7])
    #expect(try records.strengths(of: folder.appendingPathComponent("test/images/1.png")) == [:])
    #expect(try records.strengths(of: folder.appendingPathComponent("images/2.png")) == nil)
    try Data("{\"image\": 3}\n".utf8).write(to: file)
    var others = ConfounderRecords()
    do {
      _ = try others.strengths(of: folder.appendingPathComponent("images/1.png"))
      Issue.record("a bad line was taken")
    } catch {
      #expect("\(error)".contains(file.path) && "\(error)".contains("line 1"))
    }
  }
}
