import Foundation
import Imaging
import Testing

extension ProgramTests {
  @Suite("Prompts")
  struct PromptsTests {
    private let pack = Program.root.appendingPathComponent("Prompts/fundus.json5").path
    private let clip = "random:\(Program.root.path)/Configurations/vit-tiny-p8-64.json"

    private func withBadFile(_ body: (String) throws -> Void) throws {
      let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).json5")
      defer { try? FileManager.default.removeItem(at: file) }
      try String(contentsOfFile: pack, encoding: .utf8)
        .replacingOccurrences(
          of: "{A class} in a fundus photograph\"", with: "{A clas} in a fundus photograph\""
        )
        .replacingOccurrences(of: "modality: ", with: "modallity: ")
        .write(to: file, atomically: true, encoding: .utf8)
      try body(file.path)
    }

    @Test("A good file shows its counts, groups and every sentence")
    func good() throws {
      let outcome = try Program.run("prompts", "check", pack, "--clip", clip)
      #expect(outcome.code == 0 && outcome.err.isEmpty, "\(outcome.err)")
      for part in [
        "K = 5 classes, M = 12 confounders in 5 groups", "  media: cataract, vitreous", "joint (60)",
        "  A hard exudate in a fundus photograph with haze from a cataract\n", "of 77 tokens",
      ] { #expect(outcome.out.contains(part), "\(part)") }
    }

    @Test("All faults of a bad file are named, good files are shown all the same, exit code 1")
    func bad() throws {
      try withBadFile { file in
        let outcome = try Program.run("prompts", "check", file, pack, "/nowhere.json5")
        #expect(outcome.code == 1 && outcome.out.contains("joint (60)"))
        for part in [
          "mcdrl: \(file): 4 faults\n", "  the key \"modallity\" is not known; did you mean \"modality\"?\n",
          "  templates.class: {A clas} is not known; did you mean {A class}?\n",
          "/nowhere.json5: cannot be read",
        ] { #expect(outcome.err.contains(part), "\(outcome.err)") }
      }
    }

    @Test("--json is one document with faults and sentences")
    func json() throws {
      try withBadFile { file in
        let outcome = try Program.run("prompts", "check", pack, file, "--json", "--clip", clip)
        #expect(outcome.code == 1)
        let reports = try #require(outcome.json() as? [[String: Any]])
        #expect(reports.count == 2 && reports[0]["confounders"] as? Int == 12)
        let sentences = try #require(reports[0]["sentences"] as? [[String: Any]])
        #expect(sentences.count == 79 && sentences.allSatisfy { $0["tokens"] is Int })
        #expect((reports[0]["faults"] as? [Any])?.isEmpty == true)
        let faults = try #require(reports[1]["faults"] as? [[String: String]])
        #expect(faults.contains { $0["place"] == "templates.class" })
      }
    }

    @Test("The packs that come with the project are listed")
    func list() throws {
      let outcome = try Program.run("prompts", "list")
      #expect(outcome.code == 0)
      for name in ["endoscopy", "fundus", "dermoscopy", "ultrasound", "xray", "histology"] {
        #expect(outcome.out.contains("Prompts/\(name).json5"))
      }
      let packs = try #require(Program.run("prompts", "list", "--json").json() as? [[String: Any]])
      #expect(packs.count >= 6 && packs.allSatisfy { $0["modality"] is String })
    }

    @Test("The names of prompts list are taken by every command with a prompt file, from any folder")
    func names() throws {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
      // A folder of that name does not hide the prompt file.
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent("fundus"), withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let named = try Program.run(["prompts", "check", "fundus"], from: folder)
      let file = try Program.run("prompts", "check", pack)
      #expect(named.code == 0, "\(named.err)")
      #expect(named.out.replacingOccurrences(of: "fundus:", with: pack + ":") == file.out)
      let sheet = try Program.run(
        ["prompts", "sheet", "fundus", "--images", "none.png", "--out", "sheet.png"], from: folder)
      #expect(sheet.code == 1 && sheet.err.contains("none.png"), "\(sheet.err)")
      let unknown = try Program.run(
        ["synth", "--out", "rendered", "--prompts", "endoscpy"], from: folder)
      #expect(unknown.code == 2 && unknown.err.contains("did you mean \"endoscopy\"?"), "\(unknown.err)")
      let rendered = try Program.run(
        ["synth", "--out", "rendered", "--prompts", "fundus", "--per-site", "1", "--size", "16"], from: folder
      )
      #expect(rendered.code == 1 && rendered.err.contains("fundus photography"), "\(rendered.err)")
    }

    @Test("A sheet has a row for each image and two columns for each mechanism, and says what they are")
    func sheet() throws {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      let pixels = [UInt8](repeating: 150, count: 40 * 30 * 3)
      let image = folder.appendingPathComponent("a.png")
      try ImageFile.writePNG(Image(width: 40, height: 30, channels: 3, pixels: pixels), to: image)
      let out = folder.appendingPathComponent("sheet.png")
      let outcome = try Program.run(
        "prompts", "sheet", pack, "--images", image.path, image.path, "--out", out.path, "--size", "32",
        "--confounders", "cataract", "defocus")
      #expect(outcome.code == 0 && outcome.out.contains("defocus"), "\(outcome.err)")
      let size = try ImageFile.size(out)
      // At this size the columns are labelled with their numbers, in one line.
      #expect(size.width == 5 * 34 && size.height == 9 + 2 + 2 * 34)
      #expect(outcome.out.contains("\n5  "))
      let unknown = try Program.run(
        "prompts", "sheet", pack, "--images", image.path, "--out", out.path, "--confounders", "crescent")
      #expect(unknown.code == 2 && unknown.err.contains("use cataract"), "\(unknown.err)")
      let noName = try Program.run("prompts", "sheet", pack, "--images", image.path, "--out", folder.path)
      #expect(noName.code == 2 && noName.err.contains("ends in .png"))
    }
  }
}
