import Foundation
import Testing

extension ProgramTests {
  @Suite("Embedded world")
  struct EmbeddedWorldTests {
    @Test("clip pretrain writes a CLIP that other commands load; it resumes, and refuses other settings")
    func pretrain() throws {
      let shop = try Workshop()
      let out = shop.file("clip")
      let geometry = "\(Program.root.path)/Configurations/vit-tiny-p8-64.json"
      let words = [
        "clip", "pretrain", "--out", out.path, "--geometry", geometry, "--images", "16", "--batch", "4",
        "--threads", "1", "--test-images", "12",
      ]
      // A training that fails before its first step leaves nothing that the next would have to be rid of.
      let failed = try Program.run(words + ["--steps", "2", "--data", shop.file("nowhere").path])
      #expect(failed.code == 1 && failed.err.contains(shop.file("nowhere").path), "\(failed.err)")

      let outcome = try Program.run(words + ["--steps", "2", "--json"])
      try #require(outcome.code == 0, "\(outcome.err)")
      let report = try #require(try outcome.json() as? [String: Any])
      #expect(report["n"] as? Int == 12)
      let accuracy = try #require(report["class_accuracy"] as? Double)
      #expect((0...1).contains(accuracy))
      #expect((report["localisation"] as? [[String: Any]])?.count == 3)

      let again = try Program.run(words + ["--steps", "2", "--resume", "--json"])
      #expect(again.code == 0 && again.out == outcome.out, "\(again.err)")
      let other = try Program.run(words + ["--steps", "3", "--resume"])
      #expect(other.code == 2 && other.err.contains("configuration.steps was 2 and is 3"), "\(other.err)")
      let used = try Program.run(words)
      #expect(used.code == 2 && used.err.contains(out.path) && used.err.contains("--resume"))

      let info = try Program.run("clip", "info", out.path, "--json")
      #expect(info.code == 0, "\(info.err)")
      let zeroShot = try Program.run("clip", "zero-shot", out.path, "--images", "12", "--json")
      #expect(zeroShot.code == 0 && zeroShot.out == outcome.out, "\(zeroShot.err)")
    }

    @Test("A sweep is scored by several runs at once, with a row a confounder")
    func counterfactual() throws {
      let shop = try Workshop()
      for (name, method) in [("one", "baseline"), ("two", "mcdrl")] {
        let training = try Program.run(shop.training(name, epochs: 1, more: ["--method", method]))
        try #require(training.code == 0, "\(training.err)")
      }
      let data = shop.file("rendered")
      let synth = try Program.run(
        "synth", "--out", data.path, "--sites", "1", "--per-site", "1", "--size", "32", "--sweep", "1")
      try #require(synth.code == 0, "\(synth.err)")
      let outcome = try Program.run(
        "evaluate", shop.file("one").path, shop.file("two").path, "--counterfactual", data.path, "--json",
        "--precision", "bfloat16")
      try #require(outcome.code == 0, "\(outcome.err)")
      #expect(outcome.err.contains("computing in bfloat16 on images decoded whole"), "\(outcome.err)")
      let entries = try #require(try outcome.json() as? [[String: Any]])
      #expect(entries.map { $0["method"] as? String } == ["baseline", "mcdrl"])
      for entry in entries {
        let summary = try #require(entry["summary"] as? [String: Any])
        #expect(entry["precision"] as? String == "bfloat16" && entry["decoding"] as? String == "whole")
        #expect(entry["threshold"] as? Double == 0.5)
        #expect((summary["rows"] as? [[String: Any]])?.count == 12)
      }
      #expect(FileManager.default.fileExists(atPath: shop.file("two/counterfactual.json").path))
      let extra = try Program.run(
        "evaluate", shop.file("one").path, "--counterfactual", data.path, "--site", "c")
      #expect(extra.code == 2 && extra.err.contains("--site"))
      let missing = try Program.run("evaluate", shop.file("one").path, "--counterfactual", shop.data.path)
      #expect(missing.code == 1 && missing.err.contains("factors.jsonl"))
    }

    @Test("demo keeps its hands off a folder that holds something else")
    func demo() throws {
      let shop = try Workshop()
      let outcome = try Program.run("demo", "--out", shop.data.path)
      #expect(outcome.code == 2 && outcome.err.contains(shop.data.path), "\(outcome.err)")
      #expect(try Program.run("demo", "--link", "2").code == 2)
      let quick = try Program.run("demo", "--quick", "--out", shop.file("demo").path)
      #expect(quick.code == 2 && quick.err.contains("--full"), "\(quick.err)")
    }
  }
}
