import Foundation
import TestSupport
import Testing

@testable import Datasets

@Suite("Lists of images")
struct ImageListsTests {
  /// Sites a and b of four images each, and one name at both.
  private func sites() throws -> Scratch {
    let scratch = try Scratch()
    for site in ["a", "b"] {
      for stem in (1...4).map({ "\(site)\($0)" }) + ["x"] {
        try scratch.touch("\(site)/images/\(stem).jpg", "\(site)/masks/\(stem).png")
      }
    }
    return scratch
  }

  private func lists(
    _ scratch: Scratch, _ training: String, _ validation: String, _ test: String? = nil
  ) throws -> ImageLists {
    try scratch.text("train.txt", training)
    try scratch.text("validation.txt", validation)
    if let test { try scratch.text("test.txt", test) }
    return try ImageLists(
      training: scratch.file("train.txt"), validation: scratch.file("validation.txt"),
      test: test.map { _ in scratch.file("test.txt") }, of: SiteCatalog(at: scratch.url))
  }

  @Test("Lists are taken exactly: comments, empty lines, file names and names with their site")
  func exact() throws {
    let scratch = try sites()
    let found = try lists(scratch, "# ours\r\nb/b2\r\n\r\n a1.jpg \na/x", "a2\na/a3.jpg", "b/x\na4\n")
    let sites = try SiteCatalog(at: scratch.url).sites
    let split = found.split(sites)
    #expect(split.training.map(\.id) == ["a1", "x", "b2"])
    #expect(split.training.map(\.site) == ["a", "a", "b"])
    #expect(split.validation.map(\.id) == ["a2", "a3"])
    #expect(found.sites == ["a", "b"] && found.testSites == ["a", "b"])
    #expect(found.tested(sites[0])?.map(\.id) == ["a4"])
    #expect(found.tested(sites[1])?.map(\.id) == ["x"])
    #expect(found.restricted(sites[0]).samples.map(\.id) == ["a1", "a2", "a3", "x"])

    let again = try JSONDecoder().decode(ImageLists.self, from: JSONEncoder().encode(found))
    #expect(again == found)
    let plain = try lists(scratch, "a1", "a2")
    #expect(plain.test == nil && plain.tested(sites[0]) == nil)
    #expect(try JSONDecoder().decode(ImageLists.self, from: JSONEncoder().encode(plain)) == plain)
  }

  @Test("Unknown, repeated, overlapping and ambiguous names are errors that name file and line")
  func faults() throws {
    let scratch = try sites()
    func text(_ training: String, _ validation: String, _ test: String? = nil) -> String {
      message { _ = try lists(scratch, training, validation, test) }
    }
    let unknown = text("a1\n\na/a9", "a2")
    #expect(unknown.contains("train.txt, line 3: no image \"a/a9\""), "\(unknown)")
    #expect(unknown.contains("did you mean \"a/a1\"?"), "\(unknown)")
    let twice = text("a1\na/a1.jpg", "a2")
    #expect(twice.contains("train.txt, line 2: \"a/a1\" stands in "), "\(twice)")
    #expect(twice.contains("train.txt, line 1 already"), "\(twice)")
    let overlap = text("a1\na2", "# none\na3", "a4\na2.jpg")
    #expect(overlap.contains("test.txt, line 2: \"a/a2\" stands in "), "\(overlap)")
    #expect(overlap.contains("train.txt, line 2 already"), "\(overlap)")
    let ambiguous = text("x", "a2")
    #expect(ambiguous.contains("line 1: \"x\" is an image of a and of b; write a/x"), "\(ambiguous)")
    #expect(text("a1", "# nothing").contains("validation.txt: names no image"))
    let long = text(String(repeating: "y", count: 5000), "a2")
    #expect(long.count < 1000, "\(long.count)")

    try Data([0xff, 0xfe, 0xff]).write(to: scratch.file("bytes"))
    #expect(throws: ImageListError.notText(scratch.file("bytes"))) {
      try ImageLists(
        training: scratch.file("bytes"), validation: scratch.file("validation.txt"),
        of: SiteCatalog(at: scratch.url))
    }
  }

  @Test("A patient or picture in two lists leaks, also if names of patients are local to the site")
  func leakage() throws {
    let scratch = try Scratch()
    for number in 1...4 {
      // The fourth picture is the first one again.
      try scratch.picture("a/images/p\(number)_x.jpg", number == 4 ? 1 : number)
      try scratch.touch("a/masks/p\(number)_x.png")
    }
    func report(_ lists: ImageLists) throws -> LeakageReport {
      try LeakageReport(lists, of: SiteCatalog(at: scratch.url).sites)
    }
    #expect(try report(lists(scratch, "p1_x\np4_x", "p2_x", "p3_x")).findings.isEmpty)
    let pictures = try report(lists(scratch, "p1_x", "p2_x", "p4_x"))
    let text = "\(try #require(pictures.error))"
    #expect(pictures.findings.map(\.kind) == [.duplicate])
    #expect(text.contains("(the training list)") && text.contains("(the test list)"), "\(text)")
    #expect(text.contains("in two lists") && text.contains("keep both of a pair in one list"), "\(text)")

    try scratch.text(
      "sites.json5", "{groupsAreLocal: true, sites: [{name: 'a', groups: {p1_x: 'k', p2_x: 'k'}}]}")
    let patients = try report(lists(scratch, "p1_x", "p2_x", "p3_x"))
    #expect(patients.findings.map(\.kind) == [.group])
    #expect(patients.findings.allSatisfy { $0.isBetweenLists == true })
  }
}
