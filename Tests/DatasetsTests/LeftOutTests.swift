import Foundation
import Testing
import TestSupport

@testable import Datasets

@Suite("Files that take no part")
struct LeftOutTests {
  @Test("Every ending that the codecs read counts, in either case, for images and masks")
  func endings() throws {
    let scratch = try Scratch()
    let endings = ["jpg", "JPEG", "jpe", "jfif", "jif", "PNG", "tif", "TIFF", "bmp", "dib"]
    for (index, ending) in endings.enumerated() {
      try scratch.touch("a/images/\(index).\(ending)", "a/masks/\(index).\(endings[9 - index])")
    }
    let catalog = try SiteCatalog(at: scratch.url)
    #expect(catalog.sites[0].samples.count == 10 && catalog.leftOut.isEmpty)
  }

  @Test("Masks without an image, files of another kind, stray images and folders are named")
  func named() throws {
    let scratch = try Scratch()
    try scratch.touch(
      "a/images/1.png", "a/images/notes.txt", "a/images/more/2.png", "a/masks/1.png", "a/masks/9.png",
      "a/5.png", "a/images/.DS_Store", "a/images/Thumbs.db", "stray.jpg", "readme.md", "b/pictures/1.png",
      ".git/x")
    let catalog = try SiteCatalog(at: scratch.url)
    let files = catalog.leftOut.map { "\($0.reason) \($0.url.path.dropFirst(scratch.url.path.count + 1))" }
    #expect(
      files.sorted() == [
        "folder b", "maskWithoutImage a/masks/9.png", "otherFile a/images/more",
        "otherFile a/images/notes.txt",
        "strayImage a/5.png", "strayImage stray.jpg",
      ])
    #expect(
      LeftOut.summary(catalog.leftOut)
        == "1 mask without an image, 2 files without the ending of an image, 2 images outside images/, "
        + "1 folder without images/")
    for left in catalog.leftOut { #expect("\(left)".hasPrefix(left.url.path)) }
  }

  @Test("Masks that another site uses are no masks without an image")
  func sharedFolder() throws {
    let scratch = try Scratch()
    try scratch.touch("a/1.png", "b/2.png", "truth/1.png", "truth/2.png", "truth/3.png")
    try scratch.text(
      "sites.json5",
      "{sites: [{name: 'a', images: 'a', masks: 'truth'}, {name: 'b', images: 'b', masks: 'truth'}]}")
    #expect(try SiteCatalog(at: scratch.url).leftOut.map(\.url.lastPathComponent) == ["3.png"])
  }

  @Test("Links to folders are followed, and paths of a manifest may be absolute")
  func places() throws {
    let (scratch, store) = (try Scratch(), try Scratch())
    try store.touch("pictures/1.png", "truth/1.png")
    try scratch.folder("a")
    for (name, folder) in [("images", "pictures"), ("masks", "truth")] {
      try FileManager.default.createSymbolicLink(
        at: scratch.file("a/\(name)"), withDestinationURL: store.file(folder))
    }
    let linked = try SiteCatalog(at: scratch.url).site("a").samples
    #expect(linked.map(\.image) == [scratch.file("a/images/1.png")] && linked.first?.mask != nil)
    let manifest = try Scratch()
    try manifest.text(
      "sites.json5",
      "{sites: [{name: 'a', images: '\(store.file("pictures").path)', masks: '\(store.file("truth").path)'}]}"
    )
    #expect(
      try SiteCatalog(at: manifest.url).site("a").samples[0].image.path == store.file("pictures/1.png").path)
  }

  @Test("A label above 255 is refused with its name")
  func largeLabel() throws {
    let scratch = try Scratch()
    try scratch.touch("a/images/1.png", "a/masks/1.png")
    try scratch.text("sites.json5", "{sites: [{name: 'a', labels: {fine: 3, lesion: 300}}]}")
    let text = message { _ = try SiteCatalog(at: scratch.url) }
    #expect(text.contains("\"lesion\" is 300") && text.hasPrefix(scratch.file("sites.json5").path), "\(text)")
  }
}
