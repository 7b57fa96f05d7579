import Foundation
import TestSupport
import Testing

@testable import Datasets

@Suite("Imported archives")
struct ImportArchiveTests {
  @Test("A zip archive is unpacked beside the sites, imports as its folder does, and goes away")
  func archive() throws {
    let trial = try ImportTrial()
    for number in 0..<2 {
      try trial.pair("images/k\(number).jpg", "masks/k\(number).jpg", number, value: 250)
    }
    try trial.scratch.text("source/kavsir_bboxes.json", "{}")
    let paths = try SourceTree(trial.source, kind: "x").images + ["kavsir_bboxes.json"]
    let archive = trial.scratch.file("Kvasir-SEG.zip")
    var files: [(path: String, content: Data)] = []
    for path in paths {
      files.append(("Kvasir-SEG/" + path, try Data(contentsOf: trial.source.appendingPathComponent(path))))
    }
    try zipArchive(files).write(to: archive)
    try trial.scratch.text("DATA/.unpacked/old/x.png", "left by a killed import")
    do {
      let unpacked = try #require(try UnpackedArchive(archive, in: trial.data))
      #expect(unpacked.folder.lastPathComponent == "Kvasir-SEG")
      let kinds = ImportKind.fitting(unpacked.folder)
      #expect(kinds.map(\.name) == ["kvasir-seg"])
      let listing = try kinds.first?.listing(unpacked.folder, options: ImportOptions())
      #expect(listing?.items.map(\.stem) == ["k0", "k1"])
      let inside = unpacked.folder.appendingPathComponent("images/k0.jpg")
      for error: any Error in [
        ImportError.malformed(inside, reason: "is bad"),
        ImportError.option("--part", reason: "\(unpacked.folder.path) has no parts"),
      ] {
        let text = "\(unpacked.named(error))"
        #expect(text.contains(archive.path) && !text.contains(".unpacked"), "\(text)")
      }
      let option = ImportError.option("--part", reason: "\(unpacked.folder.path) has no parts")
      #expect(
        unpacked.named(option) as? ImportError
          == .option("--part", reason: "\(archive.path) has no parts"))
      unpacked.remove()
    }
    #expect(!FileManager.default.fileExists(atPath: trial.data.appendingPathComponent(".unpacked").path))
    let none = try UnpackedArchive(trial.source, in: trial.data)
    #expect(none?.folder == nil)
  }
}
