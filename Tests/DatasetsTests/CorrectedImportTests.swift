import Foundation
import TestSupport
import Testing

@testable import Datasets

@Suite("An imported site that has changed since")
struct CorrectedImportTests {
  @Test("Changed masks are counted and three are named, and without the old ones they are imported")
  func corrected() throws {
    let trial = try ImportTrial()
    for number in 0..<5 { try trial.pair("images/\(number).png", "masks/\(number).png", number) }
    try trial.run("folder")
    for number in 0..<5 { try trial.write("masks/\(number).png", channels: 1, ImportTrial.mask(number + 1)) }
    let before = try trial.files()
    let text = message { try trial.run("folder") }
    #expect(text.contains("5 files"), "\(text)")
    #expect(text.contains("s/masks/0.png, s/masks/1.png, s/masks/2.png;"), "\(text)")
    #expect(text.contains("another --site") && text.contains("remove images/ and masks/"), "\(text)")
    #expect(try trial.files() == before)
    for name in ["images", "masks"] {
      try FileManager.default.removeItem(at: trial.data.appendingPathComponent("s/\(name)"))
    }
    try trial.run("folder")
    #expect(try trial.mask("s/masks/0.png") == ImportTrial.mask(1))
  }

  @Test("A damaged record is an error that names it and the fix, and the fix works")
  func damagedRecord() throws {
    let trial = try ImportTrial()
    for number in 0..<2 { try trial.pair("images/\(number).png", "masks/\(number).png", number) }
    try trial.run("folder")
    let all = try trial.files()
    let whole = try #require(all["s/import.json"])
    for content in [Data(), Data("{}".utf8), Data("[1]".utf8), whole.dropLast(40)] {
      try content.write(to: trial.data.appendingPathComponent("s/import.json"))
      let text = message { try trial.run("folder") }
      #expect(text.contains("s/import.json: is no record of an import"), "\(text)")
      #expect(text.contains("sites.json5, and import again"), "\(text)")
      #expect(try trial.files()["s/import.json"] == content)
    }
    for path in ["s/import.json", "sites.json5"] {
      try FileManager.default.removeItem(at: trial.data.appendingPathComponent(path))
    }
    try trial.run("folder")
    #expect(try trial.files() == all)
  }
}
