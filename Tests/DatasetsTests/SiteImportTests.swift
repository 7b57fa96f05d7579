import Foundation
import Imaging
import Storage
import TestSupport
import Testing

@testable import Datasets

@Suite("Writing an imported site")
struct SiteImportTests {
  /// A folder of two images with masks.
  private func simple() throws -> ImportTrial {
    let trial = try ImportTrial()
    for number in 0..<2 { try trial.pair("images/\(number).png", "masks/\(number).png", number) }
    return trial
  }

  @Test(
    "Patterns pair by what their wildcards match; names may have spaces and any letters; all else is named")
  func patterns() throws {
    let trial = try ImportTrial()
    for (number, name) in ["Ärztin 1", "息肉 (2)", "b"].enumerated() {
      try trial.pair("day one/\(name).png", "truth/day one/\(name)_mask.png", number)
    }
    try trial.image("day one/lonely.png", 4)
    try trial.write("truth/day one/orphan_mask.png", channels: 1, ImportTrial.mask(1))
    try trial.image("elsewhere/x.jpg", 5)
    try trial.scratch.text("source/readme.txt", "x")
    let record = try #require(
      try trial.run("folder") {
        ($0.images, $0.masks) = ("*/*.{png,tif}", "truth/*/*_mask.png")
        $0.grouping = .pattern("^([^/]+)/")
      }["s"])
    #expect(Set(record.stems) == ["Ärztin 1", "息肉 (2)", "b"])
    #expect(record.images.allSatisfy { $0.group == "day one" && $0.repairs.isEmpty })
    #expect(try trial.mask("s/masks/息肉 (2).png") == ImportTrial.mask(1))
    #expect(record.reason("day one/lonely.png") == "it has no mask of its name")
    #expect(record.reason("truth/day one/orphan_mask.png") == "there is no image of its name")
    #expect(record.reason("elsewhere/x.jpg") == "it has no part in this layout")
    #expect(record.reason("readme.txt") == "it is no image")
  }

  @Test("Faults of patterns and groups are errors that name the option")
  func wrongOptions() throws {
    let trial = try simple()
    let cases: [(String, String, (inout ImportOptions) -> Void)] = [
      ("--masks", "is missing", { $0.images = "images/*" }),
      ("--images", "is missing", { $0.masks = "masks/*" }),
      ("--images", "needs a *", { ($0.images, $0.masks) = ("images/0.png", "masks/*") }),
      ("--images", "matches no image file", { ($0.images, $0.masks) = ("photos/*", "masks/*") }),
      ("--masks", "at most 8 wildcards", { ($0.images, $0.masks) = ("images/*", "*-*-*-*-*-*-*-*-*") }),
      ("--masks", "has no }", { ($0.images, $0.masks) = ("images/*", "masks/{a,*") }),
      ("--group-by", "not a regular expression", { $0.grouping = .pattern("(") }),
      ("--group-by", "matches none of the images", { $0.grouping = .pattern("patient") }),
      ("--part", "has no parts", { $0.parts = ["C1"] }),
      ("--labels", "values and colours", { ($0.labels, $0.colours) = (["a": 1], ["b": [255, 0, 0]]) }),
    ]
    for (option, part, change) in cases {
      let text = message { try trial.run("folder", change) }
      #expect(text.hasPrefix(option + ":") && text.contains(part), "\(text)")
    }
    #expect(FileSystem.kind(of: trial.data) == nil)
  }

  @Test("Labels that a kind does not take, or does not have, are errors that name the option")
  func labelChoices() throws {
    let trial = try simple()
    let cases: [(String, String, String, (inout ImportOptions) -> Void)] = [
      ("kvasir-seg", "--labels", "leave the option out", { $0.labels = ["polyp": 1] }),
      ("etis", "--lesions", "leave the option out", { $0.lesions = ["polyp"] }),
      ("bkai", "--labels", "leave the option out", { $0.labels = ["polyp": 1] }),
      ("coco", "--labels", "no colours", { $0.colours = ["polyp": [255, 0, 0]] }),
      ("folder", "--lesions", "none are stated", { $0.lesions = ["polyp"] }),
      (
        "folder", "--lesions", "did you mean \"polyp\"?",
        { ($0.labels, $0.lesions) = (["polyp": 1, "tool": 2], ["polpy"]) }
      ),
    ]
    for (kind, option, part, change) in cases {
      let text = message { try trial.run(kind, change) }
      #expect(text.hasPrefix(option + ":") && text.contains(part), "\(kind): \(text)")
    }
    #expect(FileSystem.kind(of: trial.data) == nil)
  }

  @Test("A group pattern of nested repetitions ends with an error")
  func patience() throws {
    let trial = try ImportTrial()
    let name = String(repeating: "a", count: 60)
    try trial.pair("images/\(name).png", "masks/\(name).png", 1)
    let text = message { try trial.run("folder") { $0.grouping = .pattern("^images/((a|aa)+)+$b") } }
    #expect(text.contains("takes too long"), "\(text)")
  }

  @Test("A second call changes no byte and no time of a file; another content is refused and named")
  func twice() throws {
    let trial = try simple()
    try trial.run("folder") { $0.lesionClass = "polyp" }
    let first = try trial.files()
    func times() throws -> [String: Date?] {
      try Dictionary(
        uniqueKeysWithValues: first.keys.map {
          let path = trial.data.appendingPathComponent($0).path
          return ($0, try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date)
        })
    }
    let before = try times()
    try trial.run("folder") { $0.lesionClass = "polyp" }
    #expect(try trial.files() == first)
    #expect(try times() == before)

    try trial.scratch.text("DATA/s/masks/1.png", "other")
    let text = message { try trial.run("folder") { $0.lesionClass = "polyp" } }
    #expect(text.contains("s/masks/1.png") && text.contains("other content"), "\(text)")
  }

  @Test("A mask that was compressed otherwise is the same content and stays; one changed pixel is refused")
  func compressedOtherwise() throws {
    let trial = try simple()
    try trial.run("folder")
    let file = trial.data.appendingPathComponent("s/masks/1.png")
    let first = try Data(file: file)
    var mask = try ImageFile.decode([UInt8](first), file: "mask")
    try ImageFile.writePNG(mask, to: file)
    let other = try Data(file: file)
    #expect(other != first)
    try trial.run("folder")
    #expect(try Data(file: file) == other)

    mask = try Image(
      width: mask.width, height: mask.height, channels: mask.channels,
      pixels: [255 - mask.pixels[0]] + mask.pixels.dropFirst())
    try ImageFile.writePNG(mask, to: file)
    let text = message { try trial.run("folder") }
    #expect(text.contains("s/masks/1.png") && text.contains("other content"), "\(text)")
  }

  @Test("An interrupted import goes on: files that are there stay, and the rest is written")
  func goesOn() throws {
    let trial = try simple()
    try trial.run("folder")
    let all = try trial.files()
    for path in ["s/import.json", "sites.json5", "s/images/1.png", "s/masks/1.png"] {
      try FileManager.default.removeItem(at: trial.data.appendingPathComponent(path))
    }
    try trial.scratch.text("DATA/s/images/.abc.part", "half")
    try trial.run("folder")
    #expect(try trial.files() == all)
  }

  @Test("A site that no import wrote is refused, by its files or by its entry")
  func foreign() throws {
    let trial = try simple()
    try trial.scratch.text("DATA/s/images/mine.png", "x")
    #expect(message { try trial.run("folder") }.contains("mine.png: is no file of this import"))
    try FileManager.default.removeItem(at: trial.data.appendingPathComponent("s"))
    try trial.scratch.text("DATA/sites.json5", "{sites: [{name: 's'}]}")
    #expect(message { try trial.run("folder") }.contains("names a site s that no import wrote"))
    for name in ["", "..", "a/b"] {
      #expect(message { try trial.run("folder", site: name) }.contains("--site"))
    }
  }

  @Test(
    "A file that the import does not write is refused before the first image is written",
    arguments: ["unlabelled/0.png", "images/0.jpg", "masks/1.tif"])
  func otherFiles(path: String) throws {
    let trial = try simple()
    try trial.scratch.text("DATA/s/\(path)", "x")
    let text = message { try trial.run("folder") }
    #expect(text.contains("s/\(path): is no file of this import"), "\(text)")
    #expect(try trial.files().keys.sorted() == ["s/\(path)"])
  }

  @Test("A mask of another size is left out with its sizes, or brought to the image's by nearest pixels")
  func sizes() throws {
    let trial = try simple()
    try trial.image("images/2.png", 2)
    let half = (0..<16 * 12).map { pixel -> UInt8 in pixel % 16 < 8 ? 255 : 0 }
    try trial.write("masks/2.png", channels: 1, half, width: 16)
    let strict = try #require(try trial.run("folder")["s"])
    #expect(strict.stems == ["0", "1"])
    #expect(strict.reason("images/2.png").contains("16×12 pixels and not 32×24"))
    #expect(strict.reason("images/2.png").contains("--resize-masks"))
    let resized = try #require(try trial.run("folder", site: "r") { $0.resizesMasks = true }["r"])
    #expect(resized.images[2].repairs == ["mask of 16×12 pixels brought to 32×24, nearest pixel"])
    #expect(try trial.mask("r/masks/2.png") == (0..<32 * 24).map { $0 % 32 < 16 ? 255 : 0 })
    let text = message { try trial.run("folder", site: "r") }
    #expect(text.contains("2.png: is of an earlier import"), "\(text)")
  }

  @Test("Masks of 0 and 1 become white, two conventions ask for --labels, and labels keep their values")
  func values() throws {
    let ones = try ImportTrial()
    for number in 0..<2 { try ones.pair("images/\(number).png", "masks/\(number).png", number, value: 1) }
    let record = try #require(try ones.run("folder")["s"])
    #expect(record.images[0].repairs == ["mask value 1 stored as white"])
    #expect(try ones.mask("s/masks/1.png") == ImportTrial.mask(1))

    let labels = try ImportTrial()
    for number in 1...2 {
      try labels.pair("images/\(number).png", "masks/\(number).png", number, value: UInt8(number))
    }
    let text = message { try labels.run("folder") }
    #expect(text.contains("--labels") && text.contains("--lesions"), "\(text)")
    try labels.run("folder") {
      $0.labels = ["polyp": 1, "tool": 2]
      $0.lesions = ["polyp"]
    }
    let file = labels.data.appendingPathComponent("s/masks/2.png")
    #expect(try MaskFile.read(file, as: .indices).pixels == ImportTrial.mask(2, value: 2))
    let sample = try SiteCatalog(at: labels.data).site("s").samples[0]
    #expect(sample.labels == ["polyp": 1, "tool": 2] && sample.lesionLabels == [1])
  }

  @Test("Colours become labels in the order of their names; a colour that nobody stated leaves the image out")
  func colours() throws {
    let trial = try ImportTrial()
    let palette: [[UInt8]] = [[255, 0, 0], [0, 0, 255], [255, 255, 0]]
    for number in 0..<3 {
      try trial.image("images/\(number).png", number)
      let colours = ImportTrial.mask(number).flatMap { $0 > 0 ? palette[number] : [0, 0, 0] }
      try trial.write("masks/\(number).png", channels: 3, colours)
    }
    let record = try #require(
      try trial.run("folder") { $0.colours = ["tool": [0, 0, 255], "polyp": [255, 0, 0]] }["s"])
    #expect(record.stems == ["0", "1"] && record.reason("images/2.png").contains("none of the stated"))
    for (number, value) in [(0, 1), (1, 2)] as [(Int, UInt8)] {
      let file = trial.data.appendingPathComponent("s/masks/\(number).png")
      #expect(try MaskFile.read(file, as: .indices).pixels == ImportTrial.mask(number, value: value))
    }
  }

  @Test("Equal names of several folders get their path, and all stems differ")
  func distinctStems() throws {
    let trial = try ImportTrial()
    for (number, patient) in ["p1", "p2"].enumerated() {
      try trial.pair("\(patient)/images/0.png", "\(patient)/masks/0.png", number)
    }
    try trial.pair("p3/images/x.png", "p3/masks/x.png", 2)
    let record = try #require(
      try trial.run("folder") {
        ($0.images, $0.masks, $0.grouping) = ("*/images/*.png", "*/masks/*.png", .folder)
      }["s"])
    #expect(record.stems == ["p1-images-0", "p2-images-0", "x"])
    #expect(record.images.map(\.group) == ["p1/images", "p2/images", "p3/images"])
    var stems = DistinctStems(["a/1.png", "b/1.png", "a-1.png"])
    #expect(["a/1.png", "b/1.png", "a-1.png"].map { stems.next($0) } == ["a-1", "b-1", "a-1-2"])
    #expect(DistinctStems.stem("a/b.c.png") == "b.c" && DistinctStems.stem("a/.png") == ".png")
  }

  @Test("Damaged images and missing masks are left out, and no path of the machine is recorded")
  func damaged() throws {
    let trial = try simple()
    try trial.scratch.text("source/images/2.png", "no picture")
    try trial.write("masks/2.png", channels: 1, ImportTrial.mask(2))
    try trial.image("images/3.png", 3)
    try trial.scratch.text("source/masks/3.png", "no mask")
    let record = try #require(try trial.run("folder")["s"])
    #expect(record.stems == ["0", "1"] && record.leftOut.count == 2)
    #expect(record.leftOut.allSatisfy { !$0.reason.isEmpty && !$0.reason.contains("/source/") })
    let text = String(decoding: try #require(try trial.files()["s/import.json"]), as: UTF8.self)
    #expect(!text.contains(trial.scratch.url.path) && text.contains("\"version\" : \"\(packageVersion)\""))
  }

  @Test("A source of which nothing can be used is an error that says why")
  func nothing() throws {
    let trial = try ImportTrial()
    try trial.image("images/0.png", 0)
    try trial.write("masks/1.png", channels: 1, ImportTrial.mask(0))
    #expect(message { try trial.run("folder") }.contains("no image has a mask"))
    let other = try ImportTrial()
    try other.image("images/0.png", 0)
    try other.write("masks/0.png", channels: 1, [255, 0, 0, 0], width: 2)
    let text = message { try other.run("folder") }
    #expect(text.contains("every image is left out") && text.contains("2×2"), "\(text)")
  }

  @Test("Frames and contents in memory become files; one that cannot be read is left out")
  func contents() throws {
    let trial = try ImportTrial()
    let grey = try Image(width: 4, height: 2, channels: 1, pixels: [1, 2, 3, 4, 5, 6, 7, 8])
    var listing = ImportListing()
    let film = trial.source.appendingPathComponent("film.mp4")
    listing.items = [
      ImportItem(
        stem: "f1", image: .frame(of: film, name: "frame 1", read: { grey }), mask: .empty, group: "film"),
      ImportItem(
        stem: "f2", image: .frame(of: film, name: "frame 2", read: { throw UnusableMask("cut off") }),
        mask: .empty),
      ImportItem(
        stem: "c", image: .content(try grey.pngData(), of: film), mask: .empty, lesionClass: "polyp"),
      ImportItem(stem: "m", image: .content(try grey.pngData(), of: film), mask: .missing),
    ]
    let (record, _) = try SiteImport(
      listing, of: trial.source, kind: "test", site: "s", data: trial.data, options: ImportOptions()
    ).write()
    #expect(record.stems == ["c", "f1"] && record.images.map(\.from) == ["film.mp4#c", "film.mp4, frame 1"])
    #expect(record.reason("film.mp4, frame 2") == "cut off")
    #expect(record.reason("film.mp4#m") == "the source has no mask of it")
    #expect(try ImageFile.read(trial.data.appendingPathComponent("s/images/f1.png")) == grey)
    for stem in ["../x", ".x", ""] {
      listing.items[0].stem = stem
      #expect(throws: ImportError.self) {
        try SiteImport(
          listing, of: trial.source, kind: "test", site: "s", data: trial.data, options: ImportOptions())
      }
    }
  }
}
