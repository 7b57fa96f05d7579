import Foundation
import Testing
import TestSupport

@testable import Datasets

@Suite("Listing of image folders")
struct ImageFolderTests {
  @Test("The stem of a name is what is before the last dot, if the ending is that of an image")
  func stems() {
    let expected: [(name: String, stem: String?)] = [
      ("a.png", "a"), ("a.b.JPG", "a.b"), ("a b.Tiff", "a b"), ("é.jpeg", "é"), ("a..bmp", "a."),
      (".png", nil), ("png", nil), ("a.", nil), ("a.png.txt", nil), ("a.png ", nil), ("", nil),
    ]
    for (name, stem) in expected {
      #expect(ImageFolder.stem(name) == stem, "\(name)")
      #expect(ImageFolder.isImage(name) == (stem != nil), "\(name)")
    }
  }

  @Test("Images come in the order of their names; folders, links, hidden and other files are told apart")
  func order() throws {
    let scratch = try Scratch()
    try scratch.touch("b.png", "a.JPG", "a10.png", "a2.png", "C.png", "é.png")
    try scratch.touch("notes.txt", ".h.png", "Thumbs.db")
    try scratch.folder("x.png")
    try scratch.touch("other/real.png")
    try FileManager.default.createSymbolicLink(
      at: scratch.file("link.png"), withDestinationURL: scratch.file("other/real.png"))
    try FileManager.default.createSymbolicLink(
      at: scratch.file("far.png"), withDestinationURL: scratch.file("other"))
    let listing = try ImageFolder(scratch.url)
    #expect(listing.images.keys.sorted() == ["C", "a", "a10", "a2", "b", "link", "é"])
    #expect(listing.others.map(\.lastPathComponent) == ["far.png", "notes.txt", "other", "x.png"])
    let names = try ImageFolder.names(in: scratch.url)
    #expect(names == names.sorted() && names.count == 11)
    for (stem, url) in listing.images {
      #expect(url.deletingPathExtension().lastPathComponent == stem)
      #expect(FileManager.default.fileExists(atPath: url.path))
    }
  }

  @Test("Sites that share a folder read it once, and what none of them chooses is left out once")
  func shared() throws {
    let scratch = try Scratch()
    for stem in ["a1", "a2", "b1", "c1"] {
      try scratch.touch("all/images/\(stem).jpg", "all/masks/\(stem).png")
    }
    try scratch.touch("all/masks/d1.png", "all/images/notes.txt")
    try scratch.text(
      "sites.json5",
      """
      {sites: [{name: 'a', images: 'all/images', masks: 'all/masks', stems: '^a'},
        {name: 'b', images: 'all/images', masks: './all/masks', stems: '^b'}]}
      """)
    let catalog = try SiteCatalog(at: scratch.url)
    #expect(catalog.sites.map { $0.samples.map(\.id) } == [["a1", "a2"], ["b1"]])
    let left = catalog.leftOut.map { "\($0.url.lastPathComponent) \($0.reason.rawValue)" }
    #expect(
      left == [
        "c1.jpg otherStem", "notes.txt otherFile", "c1.png maskWithoutImage", "d1.png maskWithoutImage",
      ])
  }
}
