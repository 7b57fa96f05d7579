import Foundation
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
  }
}
