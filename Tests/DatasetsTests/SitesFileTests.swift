import Foundation
import Storage
import TestSupport
import Testing

@testable import Datasets

@Suite("Entries of sites.json5")
struct SitesFileTests {
  private func text(_ scratch: Scratch) throws -> String {
    try String(contentsOf: scratch.file("sites.json5"), encoding: .utf8)
  }

  @Test("A new file also lists the folders that were sites without it")
  func newFile() throws {
    let scratch = try Scratch()
    try scratch.touch("old/images/1.png", "old/masks/1.png", "s/images/1.png", "s/masks/1.png", "notes/x.txt")
    let listed = try SitesFile(in: scratch.url).state("s", [("class", "polyp")], replacing: [])
    #expect(listed == ["old"])
    let sites = try SiteCatalog(at: scratch.url).sites
    #expect(sites.map(\.name) == ["old", "s"] && sites[1].samples[0].lesionClass == "polyp")
  }

  @Test("Another entry is added, and comments and other entries stay as they are")
  func added() throws {
    let scratch = try Scratch()
    let old = """
      {
        // Our two hospitals.
        groupsAreLocal: true,
        sites: [
          { name: 'a', class: "polyp" },  // the first
          { name: "b" }  // [no comma] yet
        ],
      }
      """
    try scratch.text("sites.json5", old)
    try SitesFile(in: scratch.url).expectState("s", [("groups", .object(["x 1": "p\"1"]))])
    let new = try text(scratch)
    #expect(
      new.contains("// Our two hospitals.") && new.contains("{ name: 'a', class: \"polyp\" },  // the first"))
    #expect(new.contains("{ name: \"b\" },  // [no comma] yet\n"))
    let sites = try #require(try JSONValue(json5: Data(new.utf8)).members?["sites"])
    guard case .array(let items) = sites else { throw UnusableMask("no list") }
    #expect(items.count == 3 && items[2].members?["groups"] == .object(["x 1": "p\"1"]))
  }

  @Test(
    "Lists in any form take an entry",
    arguments: [
      "{sites:[]}", "{sites: [\n]}", "{'sites':[{name:'a'}]}", "{\"sites\" : [ {name:'a'}, ] }",
      "{x:[1,{y:']'}],sites:[/*]*/]}",
    ])
  func forms(old: String) throws {
    let outline = try #require(try JSONOutlineTrial(old))
    let value = try JSONValue(json5: outline.appended)
    guard case .array(let items)? = value.members?["sites"] else { throw UnusableMask("no list") }
    #expect(items.count == outline.count + 1 && items.last == .object(["name": "new"]))
  }

  @Test(
    "An entry is updated: own keys of the user stay, those of an earlier import go, equal ones write nothing")
  func updated() throws {
    let scratch = try Scratch()
    let file = SitesFile(in: scratch.url)
    try scratch.text(
      "sites.json5",
      "{sites: [{name: 's', images: 'elsewhere', class: 'cyst', groups: {'1': 'p'}}, {name: 'b'}]}")
    let before = try text(scratch)
    try file.expectState("s", [("class", "cyst")])
    #expect(try text(scratch) == before)
    _ = try file.state("s", [("class", "polyp")], replacing: ["class", "groups"])
    guard case .array(let items)? = try JSONValue(json5: Data(text(scratch).utf8)).members?["sites"] else {
      throw UnusableMask("no list")
    }
    #expect(items[0] == .object(["name": "s", "images": "elsewhere", "class": "polyp"]))
    #expect(items[1] == .object(["name": "b"]))
  }

  @Test("A file that cannot be used is an error that names it, and stays")
  func bad() throws {
    let scratch = try Scratch()
    for old in ["{sites: [", "{sites: 3}", "{}", "{sites: [{nme: 'a'}]}"] {
      try scratch.text("sites.json5", old)
      let text = message { _ = try SitesFile(in: scratch.url).state("s", [], replacing: []) }
      #expect(text.contains("sites.json5"), "\(old): \(text)")
      #expect(try self.text(scratch) == old)
    }
  }
}

extension SitesFile {
  /// States an entry in a file that is there.
  fileprivate func expectState(_ site: String, _ members: Members) throws {
    #expect(try state(site, members, replacing: []).isEmpty)
  }
}

/// A list with one more entry.
private struct JSONOutlineTrial {
  let count: Int
  let appended: Data

  init?(_ text: String) throws {
    guard let outline = try JSON5Outline(of: "sites", in: Data(text.utf8)) else { return nil }
    count = outline.items.count
    appended = outline.appending("{ name: \"new\" }", indent: "    ")
  }
}
