import Foundation
import Testing

extension ProgramTests {
  @Suite("Scores under do(z)")
  struct InterventionScoresTests {
    @Test("Runs are scored under do(z) on the images of a site, beside each other and the same each time")
    func scores() throws {
      let shop = try Workshop()
      for (name, method) in [("one", "baseline"), ("two", "mcdrl")] {
        let training = try Program.run(shop.training(name, epochs: 1, more: ["--method", method]))
        try #require(training.code == 0, "\(training.err)")
      }
      let (one, two) = (shop.file("one").path, shop.file("two").path)
      let words = ["evaluate", one, two, "--interventions", "all", "--json", "--precision", "bfloat16"]
      let outcome = try Program.run(words)
      try #require(outcome.code == 0, "\(outcome.err)")
      #expect(outcome.err.contains("computing in bfloat16 on images decoded whole"), "\(outcome.err)")
      let sites = try #require(try outcome.json() as? [[String: Any]])
      #expect(sites.count == 1 && sites[0]["site"] as? String == "c" && sites[0]["n"] as? Int == 8)
      let setting = try #require(sites[0]["interventions"] as? [String: Any])
      #expect(setting["strength"] as? Double == 1 && setting["seed"] as? Int == 0)
      #expect((setting["prompts"] as? String)?.hasSuffix("one/prompts.json5") == true)
      let arms = try #require(sites[0]["arms"] as? [[String: Any]])
      #expect(arms.map { $0["name"] as? String } == ["baseline", "mcdrl"])
      for arm in arms {
        let summary = try #require(arm["summary"] as? [String: Any])
        let rows = try #require(summary["rows"] as? [[String: Any]])
        #expect(rows.count == 12 && rows.allSatisfy { $0["iou_under"] as? Double != nil })
        let change = try #require(arm["change"] as? [String: Any])
        #expect((change["rows"] as? [[String: Any]])?.count == 12 && change["mean"] is [String: Any])
      }
      let differences = try #require(sites[0]["differences"] as? [[String: Any]])
      #expect(differences.map { $0["candidate"] as? String } == ["mcdrl"])
      let stored = try Data(contentsOf: shop.file("two/interventions-c.json"))
      let entry = try #require(try JSONSerialization.jsonObject(with: stored) as? [String: Any])
      #expect(entry["site"] as? String == "c" && entry["precision"] as? String == "bfloat16")
      #expect(try Program.run(words).out == outcome.out)

      // Other prompts, by name; a table for the user.
      let some = try Program.run(
        "evaluate", one, "--interventions", "specular reflection,near", "--strength", "0.5", "--json")
      #expect(some.code == 0, "\(some.err)")
      let found = try #require(try some.json() as? [[String: Any]]).first?["interventions"] as? [String: Any]
      let applied = try #require(found?["confounders"] as? [[String: String]])
      #expect(
        applied.map { $0["mechanism"] } == ["reflection", "near"] && found?["strength"] as? Double == 0.5)
      let all = try Program.run("evaluate", one, "--prompts", "endoscopy-21", "--interventions", "all")
      #expect(all.code == 0 && all.out.contains("site c (held out), n = 8"), "\(all.err)")
      #expect(all.out.contains("do(confounder)") && all.out.contains("\nmean "), "\(all.out)")
      #expect(all.out.contains("95 % interval over 8 images"), "\(all.out)")

      // Other scores are not replaced in silence; the same ones are.
      #expect(all.err.contains("two/interventions-c.json") == false, "\(all.err)")
      let held = "one/interventions-c.json: will be replaced; holds do(z) of specular reflection, near at"
      #expect(all.err.contains("\(held) strength 0.50, seed 0, by "), "\(all.err)")
      let again = try Program.run("evaluate", one, "--prompts", "endoscopy-21", "--interventions", "all")
      #expect(again.code == 0 && !again.err.contains("will be replaced"), "\(again.err)")

      // A model that marks nothing does not look as if nothing could move it.
      let empty = try Program.run("evaluate", one, "--interventions", "blur", "--threshold", "0.9999999")
      #expect(
        empty.out.contains("baseline marks nothing on 8 of 8 images with a lesion at c."), "\(empty.out)")
      #expect(empty.code == 0 && !empty.out.contains("1.000"), "\(empty.out)")
    }

    @Test("Of three arms each pair is compared, and what training withheld is marked")
    func pairs() throws {
      let shop = try Workshop()
      let withheld = ["interventions.share=1", "interventions.without=[\"blur\"]"]
      // The first two are the same.
      for (name, more) in [("one", []), ("two", []), ("three", withheld)] {
        let training = try Program.run(
          shop.training(name, epochs: 1, more: more + ["--method", "baseline"]))
        try #require(training.code == 0, "\(training.err)")
      }
      let (one, two) = (shop.file("one").path, shop.file("two").path)
      let three = shop.file("three").path
      let outcome = try Program.run(
        "evaluate", one, two, three, "--interventions", "blur,near", "--site", "c")
      #expect(outcome.code == 0, "\(outcome.err)")
      #expect(outcome.out.contains("the other pairs of arms"), "\(outcome.out)")
      #expect(outcome.out.contains("\(three) − \(two)"), "\(outcome.out)")
      #expect(!outcome.out.contains("\(two) − \(three)") && !outcome.out.contains("mean over sites"))
      // In the table of the third arm, and in that of the differences.
      #expect(outcome.out.components(separatedBy: "\nblur (withheld) ").count == 3, "\(outcome.out)")
      #expect(!outcome.out.contains("near (withheld)"))

      // Every table has the same form of numbers.
      let plain = try Program.run("evaluate", one, two, three)
      #expect(plain.code == 0, "\(plain.err)")
      for out in [outcome.out, plain.out] {
        #expect(out.contains("+0.000 (no spread)") && !out.contains("-0."), "\(out)")
      }
    }

    @Test("What cannot be set is refused, with the option, the file and the fix")
    func refusals() throws {
      let shop = try Workshop()
      let training = try Program.run(shop.training("run", epochs: 1, more: ["--method", "baseline"]))
      try #require(training.code == 0, "\(training.err)")
      let run = shop.file("run").path
      func refused(_ words: String..., code: Int32 = 2, naming parts: [String]) throws {
        let outcome = try Program.run(["evaluate", run] + words)
        #expect(outcome.code == code, "\(words): \(outcome.err)")
        for part in parts { #expect(outcome.err.contains(part), "\(words): \(outcome.err)") }
      }
      try refused(
        "--interventions", "all", "--counterfactual", shop.data.path,
        naming: ["--interventions all", "--counterfactual"])
      try refused("--prompts", "endoscopy", naming: ["--prompts endoscopy", "--interventions all"])
      try refused("--strength", "0.5", naming: ["--strength 0.5", "--interventions"])
      try refused("--interventions", "all", "--strength", "2", naming: ["--strength 2"])
      try refused("--interventions", "all", "--tolerance", "3", naming: ["--tolerance 3", "--interventions"])
      try refused("--interventions", "blurr", naming: ["--interventions blurr", "did you mean", "blur"])
      try refused("--interventions", "all", "--site", "z", code: 1, naming: ["\"z\"", "a, b, c"])

      let text = try String(
        contentsOf: Program.root.appendingPathComponent("Prompts/endoscopy.json5"), encoding: .utf8)
      let some = shop.file("some.json5")
      try Data(text.replacing(", mechanism: \"blur\"", with: "").utf8).write(to: some)
      try refused(
        "--interventions", "blur", "--prompts", some.path,
        naming: ["--interventions blur", some.path, "dark"])
      let none = shop.file("none.json5")
      try Data(text.replacing(/, mechanism: "[a-z-]+"/, with: "").utf8).write(to: none)
      try refused("--interventions", "all", "--prompts", none.path, naming: [none.path, "--prompts"])
    }
  }
}
