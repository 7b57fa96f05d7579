import Foundation
import Testing
import TestSupport

@testable import Datasets

@Suite("Site catalog")
struct SiteCatalogTests {
  @Test("Folders are sites by name, each image with the mask of its stem and a group of its own")
  func folders() throws {
    let scratch = try Scratch()
    for site in ["b", "c", "a"] {
      for index in 0..<5 { try scratch.touch("\(site)/images/\(index).png", "\(site)/masks/\(index).png") }
    }
    let catalog = try SiteCatalog(at: scratch.url)
    #expect(catalog.sites.map(\.name) == ["a", "b", "c"])
    for site in catalog.sites {
      #expect(site.samples.count == 5)
      #expect(Set(site.samples.map(\.group)).count == 5)
      #expect(site.samples.map(\.id) == site.samples.map(\.id).sorted())
      #expect(site.samples.allSatisfy { $0.mask?.lastPathComponent == $0.image.lastPathComponent })
      #expect(site.samples.allSatisfy { $0.lesionClass == nil && $0.lesionLabels == nil })
    }
    #expect(
      try SiteCatalog(at: scratch.url, defaultClass: "polyp").sites[0].samples[0].lesionClass == "polyp")
  }

  @Test("Files that are no images, and hidden ones, are passed over; endings may be upper case")
  func endings() throws {
    let scratch = try Scratch()
    try scratch.touch(
      "a/images/1.JPG", "a/images/._1.png", "a/images/notes.txt", "a/masks/1.png", "a/masks/other.png")
    try scratch.folder("elsewhere")
    let catalog = try SiteCatalog(at: scratch.url)
    #expect(catalog.sites.map(\.name) == ["a"])
    #expect(catalog.sites[0].samples.map(\.id) == ["1"])
  }

  @Test("sites.json5 gives folders, classes, null for no lesion, and groups by pattern or by name")
  func manifest() throws {
    let scratch = try Scratch()
    try scratch.touch("pics/p1_1.png", "pics/p1_2.png", "pics/p2_1.png", "pics/odd.png")
    try scratch.touch("truth/p1_1.png", "truth/p1_2.png", "truth/p2_1.png", "truth/odd.png")
    try scratch.text(
      "sites.json5",
      """
      // a comment, as JSON5 has them
      { sites: [{
        name: 'north', images: 'pics', masks: 'truth', class: 'polyp',
        classes: { p1_2: 'cyst', p2_1: null }, groupPattern: '^(p[0-9]+)_', groups: { p2_1: 'stated' },
      }] }
      """)
    for url in [scratch.url, scratch.file("sites.json5")] {
      let site = try SiteCatalog(at: url, defaultClass: "tumour").site("north")
      #expect(site.samples.map(\.id) == ["odd", "p1_1", "p1_2", "p2_1"])
      #expect(site.samples.map(\.lesionClass) == ["polyp", "polyp", "cyst", nil])
      #expect(site.samples.map(\.group) == ["north/odd", "north/p1", "north/p1", "north/stated"])
    }
  }

  @Test("A site may state other images to score it on when it is held out; without them they are its own")
  func testSamples() throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/1.png", "a/masks/1.png", "b/images/1.png", "b/masks/1.png")
    try scratch.touch(
      "b/test/images/2.png", "b/test/images/3.png", "b/test/masks/2.png", "b/test/masks/3.png")
    try scratch.text(
      "sites.json5",
      "{sites: [{name: 'a'}, {name: 'b', class: 'polyp', test: {classes: {'2': null, '3': 'cyst'}}}]}")
    let catalog = try SiteCatalog(at: scratch.url)
    let (a, b) = (try catalog.site("a"), try catalog.site("b"))
    #expect(a.testSamples == a.samples)
    #expect(b.samples.map(\.id) == ["1"] && b.samples.map(\.lesionClass) == ["polyp"])
    #expect(b.testSamples.map(\.id) == ["2", "3"] && b.testSamples.map(\.lesionClass) == [nil, "cyst"])
    #expect(b.testSamples.allSatisfy { $0.image.path.contains("/b/test/images/") && $0.mask != nil })
    try scratch.text("sites.json5", "{sites: [{name: 'a', test: {images: 'b/images', masks: 'nowhere'}}]}")
    #expect(throws: DatasetError.missingFolder(site: "a", folder: scratch.file("nowhere"))) {
      try SiteCatalog(at: scratch.url)
    }
  }

  @Test("A run trains on unlinked scenes only of a site that states them")
  func unlinked() throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/1.png", "a/masks/1.png", "b/images/1.png", "b/masks/1.png")
    try scratch.touch("b/unlinked/images/1.png", "b/unlinked/masks/1.png")
    try scratch.touch("b/test/images/2.png", "b/test/masks/2.png")
    try scratch.text(
      "sites.json5",
      "{sites: [{name: 'a'}, {name: 'b', unlinked: {classes: {'1': 'cyst'}}, test: {}}]}")
    let catalog = try SiteCatalog(at: scratch.url)
    let b = try catalog.site("b")
    #expect(b.samples.map(\.lesionClass) == [nil] && b.allSamples.count == 2)
    let trained = try b.training(on: .unlinked)
    #expect(trained.samples.map(\.lesionClass) == ["cyst"] && trained.testSamples == b.testSamples)
    #expect(trained.samples[0].image == scratch.file("b/unlinked/images/1.png"))
    #expect(try b.training(on: .observed) == b && catalog.leftOut.isEmpty)
    #expect(throws: DatasetError.noUnlinkedScenes(site: "a")) {
      try catalog.site("a").training(on: .unlinked)
    }
    try scratch.text("sites.json5", "{sites: [{name: 'b', unlinked: {clases: {}}}]}")
    #expect(message { _ = try SiteCatalog(at: scratch.url) }.contains("site b: unlinked: \"clases\""))
  }

  @Test("A label map's lesions are named; background never counts and all labels count by default")
  func labels() throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/1.png", "a/masks/1.png")
    func values(_ more: String) throws -> [Int]? {
      try scratch.text(
        "sites.json5", "{sites: [{name: 'a', labels: {none: 0, polyp: 2, tool: 7} \(more)}]}")
      return try SiteCatalog(at: scratch.url).sites[0].samples[0].lesionLabels
    }
    #expect(try values(", lesions: ['polyp']") == [2])
    #expect(try values("") == [2, 7])
    let text = message { _ = try values(", lesions: ['ulcer']") }
    #expect(text.contains(scratch.file("sites.json5").path) && text.contains("\"ulcer\""))
  }

  @Test(
    "What is stated of images that are not there, or matches none, is an error that names it",
    arguments: [
      ("classes: {nosuch: 'polyp'}", "nosuch"), ("groups: {'1': 'p', other: 'p'}", "other"),
      ("groupPattern: '^(patient[0-9]+)_'", "such as 1"),
    ])
  func strangers(_ setting: String, _ part: String) throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/1.png", "a/masks/1.png")
    try scratch.text("sites.json5", "{sites: [{name: 'a', \(setting)}]}")
    let text = message { _ = try SiteCatalog(at: scratch.url) }
    #expect(text.hasPrefix(scratch.file("sites.json5").path) && text.contains(part), "\(text)")
  }

  @Test("An error in a manifest of another name names that manifest")
  func otherManifest() throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/1.png", "a/masks/1.png")
    for setting in ["groupPattern: '('", "labels: {polyp: 1}, lesions: ['ulcer']"] {
      try scratch.text("folds.json5", "{sites: [{name: 'a', \(setting)}]}")
      let text = message { _ = try SiteCatalog(at: scratch.file("folds.json5")) }
      #expect(text.hasPrefix(scratch.file("folds.json5").path), "\(text)")
    }
  }

  @Test("Images without a mask are counted and named")
  func missingMasks() throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/1.png", "a/images/2.png", "a/masks/1.png")
    let expected = DatasetError.missingMasks(site: "a", stems: ["2"], folder: scratch.file("a/masks"))
    #expect(throws: expected) { try SiteCatalog(at: scratch.url) }
    #expect(expected.description.contains(scratch.file("a/masks").path))
  }

  @Test("A site without images, without masks/, or a folder without sites each has its own message")
  func empty() throws {
    let scratch = try Scratch()
    #expect(throws: DatasetError.noSites(scratch.url)) { try SiteCatalog(at: scratch.url) }
    try scratch.touch("b/unlabelled/1.png")
    let unlabelled = DatasetError.onlyUnlabelled(scratch.url, folders: ["b/unlabelled"])
    #expect(throws: unlabelled) { try SiteCatalog(at: scratch.url) }
    #expect(unlabelled.description.contains("only images without masks (b/unlabelled)"))
    try scratch.folder("a/images")
    #expect(throws: DatasetError.missingFolder(site: "a", folder: scratch.file("a/masks"))) {
      try SiteCatalog(at: scratch.url)
    }
    try scratch.folder("a/masks")
    #expect(throws: DatasetError.emptySite("a", folder: scratch.file("a/images"))) {
      try SiteCatalog(at: scratch.url)
    }
    let nowhere = scratch.file("nowhere")
    #expect(message { _ = try SiteCatalog(at: nowhere) }.hasPrefix(nowhere.path))
  }

  @Test("A site that does not exist is answered with those that do")
  func unknownSite() throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/1.png", "a/masks/1.png", "b/images/1.png", "b/masks/1.png")
    let catalog = try SiteCatalog(at: scratch.url)
    #expect(throws: DatasetError.unknownSite("z", known: ["a", "b"])) { try catalog.site("z") }
  }

  @Test("Two images of one stem are an error that names both")
  func duplicateStem() throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/1.png", "a/images/1.jpg", "a/masks/1.png")
    let text = message { _ = try SiteCatalog(at: scratch.url) }
    #expect(text.contains(scratch.file("a/images/1.jpg").path) && text.contains("1.png"), "\(text)")
  }

  @Test(
    "A manifest that is no JSON5, lacks what it needs, names a site twice or by what is no folder's name, is an error",
    arguments: [
      "{sites: [", "{}", "{sites: [{images: 'a'}]}", "{sites: [{name: 'a'}, {name: 'a'}]}",
      "{sites: [{name: '../a', images: 'a', masks: 'a'}]}", "{sites: [{name: ''}]}",
      "{sites: [{name: 'a', groupPatern: 'x'}]}", "{sites: [{name: 'a', test: {image: 'x'}}]}",
      "{groupsAreLokal: true, sites: [{name: 'a'}]}",
    ])
  func badManifest(_ content: String) throws {
    let scratch = try Scratch()
    try scratch.text("sites.json5", content)
    #expect(message { _ = try SiteCatalog(at: scratch.url) }.hasPrefix(scratch.file("sites.json5").path))
  }
}
