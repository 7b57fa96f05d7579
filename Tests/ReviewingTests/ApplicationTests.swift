import Datasets
import Foundation
import Imaging
import Storage
import Testing

@testable import Reviewing

@Suite("review apply")
struct ApplicationTests {
  private static let drawn: [UInt8] = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]

  private func apply(
    _ fixture: ReviewFixture, reviewer: String? = nil, allowsHeldOut: Bool = false
  ) throws -> (record: AppliedReview, data: URL) {
    var options = ReviewApplication.Options(site: "reviewed")
    (options.reviewer, options.allowsHeldOut) = (reviewer, allowsHeldOut)
    let data = fixture.scratch.file("data")
    try FileManager.default.createFolder(data)
    return (try ReviewApplication(fixture.content, options).write(to: data, threads: 1).record, data)
  }

  @Test("Corrected masks become a site whose files are those that were reviewed, pixel by pixel")
  func roundTrip() throws {
    let fixture = try ReviewFixture()
    try fixture.store([
      fixture.decision("a0", .correct, Self.drawn), fixture.decision("a1", .accept),
      fixture.decision("a2", .noLesion),
    ])
    let (record, data) = try apply(fixture)
    let folder = data.appendingPathComponent("reviewed")
    for (id, pixels) in [
      ("a0", Self.drawn), ("a1", ReviewFixture.model), ("a2", [UInt8](repeating: 0, count: 12)),
    ] {
      let mask = try MaskFile.content(folder.appendingPathComponent("masks/\(id).png"))
      #expect(mask.isBilevel && mask.image.pixels == pixels.map { $0 * 255 }, "\(id)")
      #expect(
        try Data(contentsOf: folder.appendingPathComponent("images/\(id).png"))
          == Data(contentsOf: fixture.url.appendingPathComponent("images/\(id).png")))
      let model = try MaskFile.read(folder.appendingPathComponent("model-masks/\(id).png"))
      #expect(model.pixels == ReviewFixture.model.map { $0 * 255 })
    }
    let site = try SiteCatalog(at: data).site("reviewed")
    #expect(site.samples.map(\.id) == ["a0", "a1", "a2"])
    #expect(site.samples.map(\.group) == ["reviewed/patient-1", "reviewed/patient-1", "reviewed/a2"])
    #expect(site.samples.map(\.lesionClass) == ["polyp", "polyp", nil])
    #expect(site.origin.note == nil && site.origin.source == "predictions of run, reviewed by Ana")
    #expect(record.images.map(\.verdict) == ["correct", "accept", "no-lesion"])
    // 4 and 2 pixels share one.
    #expect(record.images.map(\.dice) == [0.3333, 1, 0] && record.images[0].reviewer == "Ana")
    #expect(record.leftOut.map(\.file) == ["images/b0.png", "images/b1.png"])

    let before = try ReviewFixture.files(data)
    _ = try apply(fixture)
    #expect(try ReviewFixture.files(data) == before)
    // A later decision adds its image.
    try fixture.store([fixture.decision("b0", .accept)])
    #expect(throws: ReviewError.self) { try apply(fixture) }
    #expect(try apply(fixture, allowsHeldOut: true).record.images.count == 4)
  }

  @Test("Masks of several classes become label maps, in which the later class covers the earlier one")
  func severalClasses() throws {
    let fixture = try ReviewFixture(heldOut: [], layers: ["disc", "a bar"])
    var corrected = try fixture.decision("a1", .correct, ReviewFixture.model)
    // The order of a decision's masks plays no part.
    corrected.masks = [
      try ReviewFixture.mask(Self.drawn, "a bar"), try ReviewFixture.mask(ReviewFixture.model, "disc"),
    ]
    try fixture.store([
      fixture.decision("a0", .accept), corrected, fixture.decision("a2", .noLesion),
    ])
    let (record, data) = try apply(fixture)
    for (id, pixels) in [
      ("a0", [1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]), ("a1", [1, 2, 2, 0, 0, 2, 0, 0, 0, 0, 0, 2]),
      ("a2", [UInt8](repeating: 0, count: 12)),
    ] as [(String, [UInt8])] {
      let masks = data.appendingPathComponent("reviewed/masks/\(id).png")
      #expect(try MaskFile.content(masks, as: .indices).image.pixels == pixels, "\(id)")
      let model = data.appendingPathComponent("reviewed/model-masks/\(id).png")
      #expect(
        try MaskFile.content(model, as: .indices).image.pixels == [1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }
    let sample = try #require(try SiteCatalog(at: data).site("reviewed").samples.first)
    #expect(sample.labels == ["disc": 1, "a bar": 2])
    #expect(record.images.map(\.verdict) == ["accept", "correct", "no-lesion"])
  }

  @Test("Items without a known mask are left out and named with the reason")
  func leftOut() throws {
    let fixture = try ReviewFixture(heldOut: [])
    var old = try fixture.decision("b0", .accept)
    old.modelHash = String(repeating: "0", count: 64)
    try fixture.store([
      fixture.decision("a0", .accept), fixture.decision("a1", .notUsable), fixture.decision("a2", .reject),
      old,
      fixture.decision("b1", .undecided),
    ])
    let (record, data) = try apply(fixture)
    let reasons = Dictionary(record.leftOut.map { ($0.file, $0.reason) }) { $1 }
    #expect(reasons["images/a1.png"] == "not usable" && reasons["images/b1.png"] == "no decision")
    #expect(reasons["images/a2.png"]?.contains("rejected") == true)
    #expect(reasons["images/b0.png"]?.contains("decide it again") == true)
    let text = try String(contentsOf: data.appendingPathComponent("reviewed/import.json"), encoding: .utf8)
    #expect(text.contains("not usable") && record.images.map(\.item) == ["a0"])
  }

  @Test("Images that the run withheld are refused, and marked where they are allowed")
  func heldOut() throws {
    let fixture = try ReviewFixture()
    try fixture.store([fixture.decision("a0", .accept), fixture.decision("b1", .accept)])
    let error = #expect(throws: ReviewError.self) { try apply(fixture) }
    #expect(error.map { "\($0)" }?.contains("--allow-held-out") == true)
    #expect(FileManager.default.fileExists(atPath: fixture.scratch.file("data/reviewed").path) == false)
    let (record, data) = try apply(fixture, allowsHeldOut: true)
    #expect(record.images.map(\.heldOut) == [false, true])
    #expect(try SiteCatalog(at: data).site("reviewed").origin.note?.contains("b, which run withheld") == true)

    let unchecked = try ReviewFixture(checked: false)
    try unchecked.store([unchecked.decision("a0", .accept)])
    let second = #expect(throws: ReviewError.self) { try apply(unchecked) }
    #expect(second.map { "\($0)" }?.contains("--data") == true)
    #expect(try apply(unchecked, allowsHeldOut: true).record.note?.contains("not compared") == true)
  }

  @Test("Of several reviewers the last mask counts, unless they disagree about what is there")
  func reviewers() throws {
    let fixture = try ReviewFixture(heldOut: [])
    let (early, late) = ("2026-05-04T09:00:00Z", "2026-05-04T09:00:00.5Z")
    try fixture.store([
      fixture.decision("a0", .accept, by: "Ana", at: early),
      fixture.decision("a0", .correct, by: "Ben", Self.drawn, at: late),
      fixture.decision("a1", .accept, by: "Ana"), fixture.decision("a1", .noLesion, by: "Ben"),
      fixture.decision("a2", .accept, by: "Ana"), fixture.decision("a2", .notUsable, by: "Ben"),
    ])
    let (record, _) = try apply(fixture)
    #expect(record.images.map { "\($0.item) \($0.reviewer) \($0.others)" } == ["a0 Ben [\"Ana\"]"])
    let reasons = record.leftOut.map(\.reason).filter { $0.contains("disagree") }
    #expect(
      reasons.count == 2 && reasons.allSatisfy { $0.contains("Ana: accept") && $0.contains("--reviewer") })
    try FileManager.default.removeItem(at: fixture.scratch.file("data"))
    #expect(try apply(fixture, reviewer: "Ana").record.images.map(\.item) == ["a0", "a1", "a2"])
    #expect(throws: ReviewError.unknownReviewer("Cem", known: ["Ana", "Ben"])) {
      try apply(fixture, reviewer: "Cem")
    }
  }

  @Test("A mask that one reviewer accepts and another rejects is left out, and a corrected one is not")
  func rejected() throws {
    let fixture = try ReviewFixture(heldOut: [])
    try fixture.store([
      fixture.decision("a0", .accept, by: "Ana"), fixture.decision("a0", .reject, by: "Ben"),
      fixture.decision("a1", .correct, by: "Ana", Self.drawn), fixture.decision("a1", .reject, by: "Ben"),
    ])
    let (record, _) = try apply(fixture)
    #expect(record.images.map(\.item) == ["a1"])
    let reasons = record.leftOut.map(\.reason)
    #expect(reasons.contains { $0.contains("whether the mask is right (Ana: accept, Ben: reject)") })
  }

  @Test("A rejection of an earlier mask of the model does not leave out an accepted one")
  func rejectedBefore() throws {
    let fixture = try ReviewFixture(heldOut: [])
    let now = try fixture.decision("a0", .reject, by: "Ben")
    let earlier = Decision(
      format: now.format, review: now.review, item: now.item, reviewer: now.reviewer, time: now.time,
      verdict: now.verdict, lesionClass: nil, comment: "", masks: nil,
      modelHash: String(repeating: "0", count: 64), seconds: now.seconds)
    try fixture.store([fixture.decision("a0", .accept, by: "Ana"), earlier])
    #expect(try apply(fixture).0.images.map(\.item) == ["a0"])
  }
}
