import Foundation
import Storage
import Testing

@testable import Reviewing

@Suite("Decisions")
struct DecisionStoreTests {
  @Test("Of many changes of one revision exactly one is saved")
  func races() async throws {
    let fixture = try ReviewFixture()
    let store = try DecisionStore(ReviewFolder(fixture.url))
    let decision = try fixture.decision("a0", .accept)
    let saved = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<20 { group.addTask { (try? store.save(decision, replacing: 0)) == 1 } }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(saved == 1)
  }

  @Test("A link in the place of a reviewer's folder is not followed")
  func links() throws {
    let fixture = try ReviewFixture()
    let store = try DecisionStore(ReviewFolder(fixture.url))
    let other = fixture.scratch.file("other")
    try FileManager.default.createFolder(other)
    try FileManager.default.createSymbolicLink(
      atPath: fixture.url.path + "/decisions/Ana", withDestinationPath: other.path)
    #expect(throws: FileError.self) { try store.save(fixture.decision("a0", .accept), replacing: 0) }
    #expect(try FileSystem.entries(of: other).isEmpty)
  }

  @Test("Saved and exported decisions are read together, and the newest of a reviewer counts")
  func exports() throws {
    let fixture = try ReviewFixture()
    try fixture.store([
      fixture.decision("a0", .accept, at: "2026-05-04T09:00:00Z"), fixture.decision("a1", .accept),
    ])
    let exported = [
      try fixture.decision("a0", .noLesion, at: "2026-05-04T10:00:00.5Z"),
      try fixture.decision("a1", .reject, at: "2026-05-01T10:00:00Z"),
    ]
    let id = try fixture.content.document.id
    let list = String(decoding: try JSONEncoder().encode(exported), as: UTF8.self)
    let file = fixture.url.appendingPathComponent("decisions/decisions-Ana.json")
    let export = #"{"format":1,"kind":"mcdrl review decisions","review":"\#(id)","decisions":\#(list)}"#
    try Data(export.utf8).write(to: file)
    let found = try DecisionFiles.all(of: fixture.content).found.map {
      "\($0.decision.item) \($0.decision.verdict)"
    }
    #expect(found == ["a0 noLesion", "a1 accept"])
  }

  @Test("Damaged and foreign files of decisions are errors that name them")
  func damaged() throws {
    let good = #"{"format":1,"kind":"mcdrl review decisions","review":"x","decisions":[]}"#
    for (name, content) in [
      ("decisions/Ana/a0.json", "{"), ("decisions/Ana/a0.json", "{}"),
      ("decisions/Ana/other.json", "DECISION"),
      ("decisions/Ben/a0.json", "DECISION"), ("decisions/notes.txt", "x"),
      ("decisions/decisions-Ana.json", "[]"),
      ("decisions/decisions-Ana.json", good.replacingOccurrences(of: "\"format\":1", with: "\"format\":2")),
      ("decisions/-x/a0.json", "{}"), ("decisions/Ana/a1.json", "DECISION"),
    ] {
      let fixture = try ReviewFixture()
      let file = fixture.url.appendingPathComponent(name)
      try FileManager.default.createFolder(file.deletingLastPathComponent())
      let decision = String(
        decoding: try JSONEncoder().encode(fixture.decision("a0", .accept)), as: UTF8.self)
      try Data(content.replacingOccurrences(of: "DECISION", with: decision).utf8).write(to: file)
      let error = #expect(throws: (any Error).self) { try DecisionFiles.all(of: fixture.content) }
      #expect("\(error.map { "\($0)" } ?? "")".contains(fixture.url.path), "\(name)")
    }
  }

  @Test("IDs keep the names that are IDs, and make others different on every file system")
  func ids() {
    let names = [
      "frame-1", "Frame-1", "scan 1", "scan:1", "é", "-x", String(repeating: "a", count: 70), "x_2",
    ]
    let made = ReviewID.make(for: names)
    #expect(
      made.allSatisfy { ReviewID.isValid($0) } && Set(made.map { $0.lowercased() }).count == names.count)
    #expect(made.last == "x_2" && ReviewID.make(for: names.reversed()) == made.reversed())
  }

  @Test("Names of reviewers are those of folders on every system")
  func names() {
    for name in ["Ana", "Dr. Ana-María O'Neil", "李雷", "2", "a_b"] {
      #expect(ReviewerName.isValid(name), "\(name)")
    }
    for name in [
      "", " Ana", "Ana ", "Ana.", ".Ana", "a/b", "a\\b", "a:b", "..", "a\nb", "a\0b", "e\u{0301}", "-a",
    ] {
      #expect(!ReviewerName.isValid(name), "\(name)")
    }
  }
}
