import Foundation
import Testing

extension ProgramTests {
  /// `mcdrl card`, through the program.
  @Suite("Model card")
  struct CardTests {
    private func text(_ shop: Workshop, _ path: String) throws -> String {
      try String(contentsOf: shop.file(path), encoding: .utf8)
    }

    @Test("A trained run gets a card of its data and scores, the same each time, wherever it is written")
    func card() throws {
      let shop = try Workshop()
      try Data(
        "{sites: [{name: 'a', licence: 'CC BY 4.0', source: 'ward <1>'}, {name: 'b'}, {name: 'c'}]}".utf8
      ).write(to: shop.file("data/sites.json5"))
      let training = try Program.run(shop.training("run", epochs: 1, more: ["--method", "baseline"]))
      try #require(training.code == 0, "\(training.err)")
      let before = try Program.run("card", shop.file("run").path)
      #expect(before.code == 0 && before.out.contains("was not scored at c"), "\(before.err)\(before.out)")
      #expect(before.out.contains("run/card.html"))
      let evaluation = try Program.run("evaluate", shop.file("run").path, "--site", "a", "c")
      try #require(evaluation.code == 0, "\(evaluation.err)")
      let call = try Program.run("card", shop.file("run").path, "--contact", "us", "--title", "First")
      #expect(call.code == 0, "\(call.err)")
      let (card, page) = (try text(shop, "run/card.md"), try text(shop, "run/card.html"))
      for part in [
        "\n# First\n", "- **contact**: us\n", "- **licence of a**: CC BY 4.0\n",
        "- **source of a**: ward &lt;1&gt;\n", "| a | 8 | – | 0 | polyp 8 |",
        "| a | trained on | 8 | 8 | – |",
        "| c | held out | 8 | 8 | – |", "library_name: mcdrl",
      ] {
        #expect(card.contains(part), "\(part)")
      }
      // Training recorded what its search for leakage found.
      #expect(!card.contains("no result is stored by the run"))
      #expect(page.contains("<title>First</title>") && page.contains("ward &lt;1&gt;"))
      #expect(!card.contains(shop.url.path) && !page.contains(shop.url.path))
      let other = try Program.run(
        "card", shop.file("run").path, "--contact", "us", "--title", "First", "--out",
        shop.file("cards/first").path, "--json")
      #expect(other.code == 0, "\(other.err)")
      #expect(try text(shop, "cards/first/card.md") == card && text(shop, "cards/first/card.html") == page)
      let document = try #require(other.json() as? [String: Any])
      let content = try #require(document["card"] as? [String: Any])
      #expect((document["files"] as? [String])?.count == 2 && content["held_out"] as? String == "c")
      #expect((content["evaluations"] as? [[String: Any]])?.count == 2)

      try Data("{\"site\": 1}".utf8).write(to: shop.file("run/evaluation-c.json"))
      let damaged = try Program.run("card", shop.file("run").path)
      #expect(damaged.code == 1 && damaged.err.contains("run/evaluation-c.json"), "\(damaged.err)")
      let none = try Program.run("card", shop.data.path, "--out", shop.file("none").path)
      #expect(none.code == 1 && none.err.contains("not a run folder"), "\(none.err)")
      #expect(!FileManager.default.fileExists(atPath: shop.file("none").path))
    }

    @Test("A study of the same settings is evidence for a run, and one of other settings is refused")
    func study() throws {
      let shop = try Workshop()
      let settings = [
        "--set", "imageSize=32", "batchSize=4", "model.head.detailWidths=[8]", "model.head.gridWidth=16",
        "lesionClass=polyp", "tune=none",
      ]
      let inputs = ["--data", shop.data.path, "--clip", "random:Configurations/vit-tiny-p8-64.json"]
      let study = try Program.run(
        [
          "loso", "--methods", "baseline", "--out", shop.file("study").path, "--epochs", "1",
          "--allow-leakage",
        ]
          + inputs + settings)
      try #require(study.code == 0, "\(study.err)")
      for (name, more) in [("same", []), ("other", ["optimizer.learningRate=0.02"])] {
        let run = try Program.run(
          [
            "train", "--method", "baseline", "--hold-out", "c", "--out", shop.file(name).path, "--epochs",
            "2",
          ]
            + ["--allow-leakage"] + inputs + settings + more)
        try #require(run.code == 0, "\(run.err)")
      }
      let folder = shop.file("study").path
      let same = try Program.run("card", shop.file("same").path, "--study", folder)
      #expect(same.code == 0 && same.out.contains("epochs was 1, is 2"), "\(same.err)\(same.out)")
      #expect(try text(shop, "same/card.md").contains("\n## The study: each site held out in turn\n"))
      #expect(try text(shop, "same/card.html").contains("<td>mean over sites</td><td>24</td>"))
      let other = try Program.run("card", shop.file("other").path, "--study", folder)
      #expect(
        other.code == 1 && other.err.contains("optimizer.learningRate was 0.005, is 0.02"), "\(other.err)")
      let nothing = try Program.run("card", shop.file("same").path, "--study", shop.data.path)
      #expect(nothing.code == 1 && nothing.err.contains("study.json"), "\(nothing.err)")
    }
  }
}
