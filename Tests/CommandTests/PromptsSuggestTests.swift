import Datasets
import Foundation
import Imaging
import Testing
import Torch
import Training

@testable import Command

extension ProgramTests {
  @Suite("Prompts suggest")
  struct PromptsSuggestTests {
    private let clip = "random:\(Program.root.path)/Configurations/vit-tiny-p8-64.json"
    private let workshop = Result { try Workshop() }

    /// A dictionary of two entries: the workshop has few images.
    private func prompts() throws -> String {
      let file = try workshop.get().file("prompts.json5")
      try Data(
        """
        {
          modality: "endoscopy", classes: ["polyp"], normal: ["A normal endoscopic image"],
          templates: {
            class: "{A class}", confounder: "An image with {domain}", joint: "{A class} with {domain}",
          },
          groups: [{ name: "light", confounders: [
            { name: "bright", text: "bright light" }, { name: "dark", text: "dark light" },
          ] }],
        }
        """.utf8
      ).write(to: file)
      return file.path
    }

    private func run(_ more: String...) throws -> Outcome {
      try Program.run(
        ["prompts", "suggest", "--data", workshop.get().data.path, "--clip", clip, "--prompts", prompts()]
          + more)
    }

    @Test("The directions are printed, and written with a sheet of images for each")
    func search() throws {
      let workshop = try workshop.get()
      let (phrases, out) = (workshop.file("phrases.txt"), workshop.file("out"))
      try Data("# mine\na bluish disc\n".utf8).write(to: phrases)
      let outcome = try run("--phrases", phrases.path, "--out", out.path)
      #expect(outcome.code == 0, "\(outcome.err)")
      for part in [
        "images: a 8, b 8, c 8\n", "means and deviations of ", "direction 1: ", "direction 2: ",
        "phrases, high side: ", "nearest entries: ",
      ] { #expect(outcome.out.contains(part), "\(part): \(outcome.out)") }
      let names = try FileManager.default.contentsOfDirectory(atPath: out.path).filter { !$0.hasPrefix(".") }
      #expect(names.sorted() == ["direction-1.png", "direction-2.png", "suggestions.json"])
      // Eight images a row.
      let size = try ImageFile.size(out.appendingPathComponent("direction-1.png"))
      #expect(size.width == 8 * 162 && size.height == 2 * (2 * 18 + 162))
      // The same search as JSON, without a site.
      let json = try run("--phrases", phrases.path, "--hold-out", "c", "--directions", "1", "--json")
      let found = try #require(json.json() as? [String: Any], "\(json.err)")
      #expect(found["held_out"] as? String == "c" && (found["directions"] as? [Any])?.count == 1)
      #expect((found["images"] as? [String: Int])?.keys.sorted() == ["a", "b"])
      // A folder with results is not written again.
      let again = try run("--out", out.path)
      #expect(again.code == 1 && again.err.contains("the folder is not empty"), "\(again.err)")
    }

    @Test("An empty file of phrases, one site, few images and many entries are refused with the fix")
    func faults() throws {
      let workshop = try workshop.get()
      let phrases = workshop.file("empty.txt")
      try Data("# nothing\n".utf8).write(to: phrases)
      let empty = try run("--phrases", phrases.path)
      #expect(empty.code == 1 && empty.err.contains("empty.txt: holds no phrase"), "\(empty.err)")
      let entries = try Program.run(
        "prompts", "suggest", "--data", workshop.data.path, "--clip", clip)
      #expect(entries.code == 1 && entries.err.contains("24 images are too few"), "\(entries.err)")
      #expect(entries.err.contains("at least 30") && entries.err.contains("--images"))
      try FileManager.default.removeItem(at: workshop.file("data/c/images/0.png"))
      try FileManager.default.removeItem(at: workshop.file("data/c/masks/0.png"))
      let few = try run()
      #expect(few.code == 1 && few.err.contains("site c has 7 images") && few.err.contains("--hold-out"))
      try FileManager.default.removeItem(at: workshop.file("data/c"))
      let one = try run("--hold-out", "b")
      #expect(one.code == 1 && one.err.contains("needs two sites that take part, not 1 (a)"), "\(one.err)")
      #expect(one.err.contains("let b take part") && one.err.contains("leave --hold-out out"), "\(one.err)")
      let unknown = try run("--hold-out", "z")
      #expect(unknown.code == 1 && unknown.err.contains("site \"z\" does not exist"), "\(unknown.err)")
      #expect(try run("--images", "7").code == 2)
    }

    @Test("Words that know the held-out site, {site} without one and files left out are named")
    func words() throws {
      let workshop = try workshop.get()
      let (data, words) = (workshop.data.path, workshop.file("words"))
      func search(_ more: [String]) throws -> Outcome {
        try Program.run(["prompts", "suggest", "--data", data, "--prompts", prompts()] + more)
      }
      let nowhere = try search(["--clip", "words/{site}"])
      #expect(nowhere.code == 1 && nowhere.err.contains("needs a held-out site"), "\(nowhere.err)")
      // Words for c that were trained on images of c; the folder holds no more, because none is read.
      let folder = words.appendingPathComponent("c")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try JSONEncoder().encode(WordImages([SiteCatalog(at: workshop.data).site("c")]))
        .write(to: folder.appendingPathComponent(WordImages.fileName))
      let call = ["--clip", words.path + "/{site}", "--hold-out", "c"]
      let known = try search(call)
      #expect(known.code == 1 && known.err.contains("8 images of the held-out site c"), "\(known.err)")
      #expect(known.err.contains("--allow-leakage"))
      let allowed = try search(call + ["--allow-leakage"])
      #expect(allowed.code == 1 && !allowed.err.contains("held-out site"), "\(allowed.err)")
      try Data("x".utf8).write(to: workshop.file("data/a/images/notes.txt"))
      let left = try search(["--clip", clip, "--hold-out", "c"])
      #expect(left.code == 0 && left.err.contains("left out: 1 file"), "\(left.err)")
    }
  }
}

@Suite("Suggestion sheet")
struct SuggestionSheetTests {
  private func tile(_ caption: String, side: Int) throws -> SuggestionSheet.Tile {
    .init(picture: try .full([3, side, side], 128, dtype: .uint8), caption: caption)
  }

  @Test("A row for each end, a title above it and a caption below each image; a short row is filled up")
  func layout() throws {
    let sheet = try SuggestionSheet(
      titles: ["low", "high"],
      rows: [[tile("a -1.0", side: 80), tile("b -0.9", side: 80)], [tile("c 1.2", side: 80)]]
    ).image()
    #expect(sheet.width == 2 * 82 && sheet.height == 2 * (2 * 18 + 82))
    func level(_ x: Int, _ y: Int) -> UInt8 { sheet.pixels[(y * sheet.width + x) * 3] }
    // The images, the gap, and the empty place of the second row.
    #expect(level(1, 19) == 128 && level(81, 40) == 255 && level(83, 40) == 128)
    #expect(level(1, 118 + 40) == 128 && level(100, 118 + 40) == 255)
    // Letters of the title and of a caption.
    func isDark(_ rows: Range<Int>) -> Bool {
      rows.contains { y in (0..<60).contains { level($0, y) == 0 } }
    }
    #expect(isDark(0..<14) && isDark(100..<114) && isDark(118..<132))
  }

  @Test("A caption that is too long is cut")
  func long() throws {
    let sheet = try SuggestionSheet(
      titles: ["low"], rows: [[tile(String(repeating: "a", count: 300), side: 32)]]
    ).image()
    #expect(sheet.width == 34 && sheet.height == 2 * 9 + 34)
  }
}
