import Foundation
import Testing
import TestSupport

@testable import Datasets

@Suite("Sweep")
struct SweepTests {
  private func line(_ scene: String, _ intervention: String, zoom: String = "1") -> String {
    "{\"image\": \"images/\(scene)-\(intervention).png\", \"mask\": \"masks/\(scene).png\", "
      + "\"scene\": \"\(scene)\", \"intervention\": \"\(intervention)\", \"zoom\": \(zoom)}\n"
  }

  @Test("Scenes keep the order of the file, interventions too; a folder above is enough")
  func order() throws {
    let scratch = try Scratch()
    try scratch.text(
      "sweep/factors.jsonl",
      line("b", "none") + line("b", "near", zoom: "1.5") + "\n" + line("a", "blur") + line("a", "none"))
    for folder in [scratch.url, scratch.file("sweep")] {
      let sweep = try Sweep(folder)
      #expect(sweep.scenes.map(\.name) == ["b", "a"])
      #expect(sweep.scenes[0].interventions.map(\.intervention) == ["near"])
      #expect(sweep.scenes[0].interventions[0].zoom == 1.5 && sweep.scenes[1].base.zoom == 1)
      let sample = sweep.sample(sweep.scenes[1].base)
      #expect(sample.image.path == scratch.file("sweep/images/a-none.png").path)
      #expect(sample.mask?.lastPathComponent == "a.png")
    }
  }

  @Test(
    "A list that cannot be used is an error that names the file and the line",
    arguments: [
      ("not json", "line 1"), ("{\"image\": \"x.png\"}", "line 1"), ("", "holds no line"),
    ])
  func faults(text: String, place: String) throws {
    let scratch = try Scratch()
    try scratch.text("factors.jsonl", text)
    let found = message { _ = try Sweep(scratch.url) }
    #expect(found.contains(scratch.file("factors.jsonl").path) && found.contains(place), "\(found)")
  }

  @Test("A zoom of zero, a scene without its base, and a missing list are errors")
  func scenes() throws {
    let scratch = try Scratch()
    try scratch.text("factors.jsonl", line("a", "none") + line("a", "near", zoom: "0"))
    #expect(message { _ = try Sweep(scratch.url) }.contains("line 2"))
    try scratch.text("factors.jsonl", line("a", "blur"))
    #expect(message { _ = try Sweep(scratch.url) }.contains("scene a"))
    #expect(message { _ = try Sweep(scratch.file("none")) }.contains("factors.jsonl"))
  }
}
