import Foundation
import Testing

extension ProgramTests {
  @Suite("Joined, tuned and compared runs")
  struct JoinedRunsTests {
    /// Two folds of one seed, which hold out c and b.
    private func folds(_ shop: Workshop) throws {
      for (out, site) in [("one", "c"), ("two", "b")] {
        let training = try Program.run(
          shop.training(out, epochs: 1, holdOut: site, more: ["--method", "baseline"]))
        try #require(training.code == 0, "\(training.err)")
      }
    }

    private func object(_ file: URL) throws -> [String: Any] {
      try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    }

    @Test(
      "Folds become one run, which predicts and is scored like any other", arguments: ["outputs", "weights"])
    func ensemble(average: String) throws {
      let shop = try Workshop()
      try folds(shop)
      let (one, two, all) = (shop.file("one").path, shop.file("two").path, shop.file("all").path)
      let words = ["ensemble", one, two, "--out", all, "--average", average]
      let joined = try Program.run(words + ["--json"])
      #expect(joined.code == 0, "\(joined.err)")
      let summary = try #require(try joined.json() as? [String: Any])
      #expect((summary["members"] as? [String])?.count == 2 && summary["average"] as? String == average)
      #expect(summary["sources"] as? [String] == ["a", "b", "c"] && summary["hold_out"] == nil)
      let again = try Program.run(words)
      #expect(again.code == 1 && again.err.contains("holds a run already"), "\(again.err)")
      let alone = try Program.run("ensemble", one, "--out", shop.file("x").path)
      #expect(alone.code == 2 && alone.err.contains("a second run folder"), "\(alone.err)")
      #expect(!FileManager.default.fileExists(atPath: shop.file("x").path))

      // It needs neither its members nor its place.
      try FileManager.default.moveItem(at: shop.file("all"), to: shop.file("moved"))
      for name in ["one", "two"] { try FileManager.default.removeItem(at: shop.file(name)) }
      let moved = shop.file("moved").path
      let prediction = try Program.run(
        "predict", moved, shop.file("data/c/images/0.png").path, "--out", shop.file("out").path)
      #expect(prediction.code == 0, "\(prediction.err)")
      #expect(prediction.err.contains("mean of 2 models") == (average == "outputs"), "\(prediction.err)")
      let scores = try Program.run("evaluate", moved, "--data", shop.data.path, "--site", "c")
      #expect(scores.code == 0, "\(scores.err)")
      #expect(scores.out.contains("site c (trained on), n = 8"), "\(scores.out)")
      #expect(scores.out.contains("1 of 2 members was trained on images of c"), "\(scores.out)")
      let written = try object(shop.file("moved/evaluation-c.json"))
      let members = try #require(written["members"] as? [[String: Any]])
      #expect(members.map { $0["n_trained_on"] as? Int } == [0, 8])

      let explained = try Program.run(
        "explain", moved, shop.file("data/c/images/0.png").path, "--out", shop.file("why").path, "--sweep",
        "none")
      if average == "outputs" {
        #expect(explained.code == 1 && explained.err.contains("mean of 2 models"), "\(explained.err)")
      } else {
        #expect(explained.code == 0, "\(explained.err)")
      }
      let trained = try Program.run("train", "--out", moved, "--resume")
      #expect(trained.code == 1 && trained.err.contains("is an ensemble"), "\(trained.err)")
    }

    @Test("A rule of masks is chosen on validation images, at the end of a training or later")
    func tune() throws {
      let shop = try Workshop()
      try #require(
        try Program.run(shop.training("later", epochs: 1, more: ["--method", "baseline"])).code == 0)
      let own = shop.file("later/config.json")
      let before = try #require(try object(own)["inference"] as? [String: Any])
      #expect(before["choose"] as? String == "none" && before["smallestLesion"] as? Double == 0)
      let tuned = try Program.run("tune", shop.file("later").path, "--json")
      #expect(tuned.code == 0, "\(tuned.err)")
      let choice = try #require(try tuned.json() as? [String: Any])
      let chosen = try #require(choice["chosen"] as? [String: Any])
      let after = try #require(try object(own)["inference"] as? [String: Any])
      #expect("\(after["threshold"] ?? "")" == "\(chosen["threshold"] ?? "-")")
      #expect(after["smallestLesion"] as? Double == chosen["smallest_lesion"] as? Double)
      #expect(after["fillHoles"] as? Double == chosen["fill_holes"] as? Double)
      #expect((choice["images"] as? [String: Int])?.keys.sorted() == ["a", "b"])
      let text = try Program.run("tune", shop.file("later").path)
      #expect(text.code == 0 && text.out.contains("chosen: "), "\(text.out)")
      #expect(text.out.contains("smallest lesion ‰"), "\(text.out)")

      // The same weights choose the same at the end of their training.
      let training = try Program.run(
        shop.training("now", epochs: 1, more: ["inference.choose=validation", "--method", "baseline"]))
      #expect(training.code == 0 && training.out.contains("chosen masks: "), "\(training.err)")
      let rules = try ["now", "later"].map { try Data(contentsOf: shop.file("\($0)/mask-rule.json")) }
      #expect(rules[0] == rules[1])
    }

    @Test("Runs are compared in pairs, and where one was trained it says so")
    func compare() throws {
      let shop = try Workshop()
      try folds(shop)
      let (one, two) = (shop.file("one").path, shop.file("two").path)
      let text = try Program.run("compare", one, two, "--site", "c")
      #expect(text.code == 0, "\(text.err)")
      #expect(text.out.contains("site c, n = 8, 8 with a lesion"), "\(text.out)")
      #expect(text.out.contains("familiar: \(two) was trained on 8 of the 8 images"), "\(text.out)")
      #expect(!text.out.contains("familiar: \(one)"), "\(text.out)")
      #expect(text.out.contains("\(two) minus \(one)"), "\(text.out)")
      let found = try Program.run("compare", one, two, "--json")
      #expect(found.code == 0, "\(found.err)")
      let document = try #require(try found.json() as? [String: Any])
      let sites = try #require(document["sites"] as? [[String: Any]])
      #expect(sites.map { $0["site"] as? String } == ["b", "c"])
      let differences = try #require(document["differences"] as? [[String: Any]])
      let dice = differences.filter { $0["measure"] as? String == "dice" }
      #expect(dice.map { $0["site"] as? String } == ["b", "c", nil])
      #expect(dice.allSatisfy { $0["candidate"] as? String == two && $0["reference"] as? String == one })
      let arms = try #require(document["arms"] as? [[String: Any]])
      #expect(arms.map { $0["n_trained_on"] as? [String: Int] } == [["b": 8, "c": 0], ["b": 0, "c": 8]])

      let alone = try Program.run("compare", one)
      #expect(alone.code == 2 && alone.err.contains("a second run folder"), "\(alone.err)")
      // Runs of different data are not paired, unless the images are named.
      try FileManager.default.copyItem(at: shop.data, to: shop.file("other"))
      let settings = shop.file("two/config.json")
      var changed = try object(settings)
      changed["data"] = shop.file("other").path
      try JSONSerialization.data(withJSONObject: changed).write(to: settings)
      let unpaired = try Program.run("compare", one, two)
      #expect(unpaired.code == 1 && unpaired.err.contains("--data"), "\(unpaired.err)")
      #expect(try Program.run("compare", one, two, "--data", shop.data.path, "--site", "a").code == 0)
    }
  }
}
