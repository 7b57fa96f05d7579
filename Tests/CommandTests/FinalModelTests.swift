import Foundation
import Testing

extension ProgramTests {
  /// `mcdrl train` without a held-out site, on lists, from a run, and for more epochs.
  @Suite("Final models on the command line")
  struct FinalModelTests {
    /// The words of `mcdrl train` for a tiny model, without a held-out site.
    private func training(_ shop: Workshop, _ out: String, _ more: [String] = []) -> [String] {
      [
        "train", "--data", shop.data.path, "--clip",
        "random:\(Program.root.path)/Configurations/vit-tiny-p8-64.json", "--out", shop.file(out).path,
        "--epochs", "1", "--threads", "1", "--method", "baseline", "--set", "imageSize=32", "batchSize=4",
        "model.head.detailWidths=[8]", "model.head.gridWidth=8", "lesionClass=polyp",
      ] + more
    }

    private func words(_ shop: Workshop, _ file: String, _ text: String) throws -> String {
      try Data(text.utf8).write(to: shop.file(file))
      return shop.file(file).path
    }

    @Test("Without --hold-out every site is trained on; evaluate scores the validation images and says so")
    func final() throws {
      let shop = try Workshop()
      let made = try Program.run(training(shop, "run"))
      #expect(made.code == 0, "\(made.err)")
      #expect(made.err.contains("from a, b, c; no site held out"), "\(made.err)")
      #expect(made.err.contains("a final model"), "\(made.err)")
      #expect(try Program.run(training(shop, "run", ["--resume"])).code == 0)

      let run = shop.file("run").path
      let scores = try Program.run("evaluate", run, "--threads", "1")
      #expect(scores.code == 0, "\(scores.err)")
      #expect(scores.out.contains("familiar: 2 validation images"), "\(scores.out)")
      #expect(scores.err.contains("holds no site out"), "\(scores.err)")
      let json = try String(contentsOf: shop.file("run/evaluation-a.json"), encoding: .utf8)
      #expect(json.contains("\"role\" : \"validation\"") && json.contains("\"held_out\" : false"), "\(json)")
      let own = try Program.run("evaluate", run, "--site", "a", "--threads", "1")
      #expect(own.code == 0 && own.out.contains("site a (trained on), n = 8"), "\(own.out) \(own.err)")
      let image = shop.file("data/a/images/0.png").path
      let masks = try Program.run("predict", run, image, "--out", shop.file("masks").path, "--threads", "1")
      #expect(masks.code == 0, "\(masks.err)")

      let two = try Program.run(training(shop, "two", ["--sites", "a,c"]))
      #expect(two.code == 0 && two.err.contains("from a, c; no site held out"), "\(two.err)")
      let again = try Program.run(training(shop, "two", ["--sites", "a,b", "--resume"]))
      #expect(again.code == 2 && again.err.contains("--sites a,b"), "\(again.err)")
      let unknown = try Program.run(training(shop, "none", ["--sites", "a,bb"]))
      #expect(unknown.code == 1 && unknown.err.contains("did you mean \"b\"?"), "\(unknown.err)")
      let clip = try Program.run(
        "train", "--data", shop.data.path, "--clip", "words/{site}", "--out", shop.file("none").path)
      #expect(clip.code == 1 && clip.err.contains("needs a held-out site"), "\(clip.err)")

      // Without validation images nothing of the own data is new.
      let whole = try Program.run(training(shop, "whole", ["validationShare=0"]))
      #expect(whole.code == 0, "\(whole.err)")
      let none = try Program.run("evaluate", shop.file("whole").path)
      #expect(none.code == 1 && none.err.contains("--data"), "\(none.err)")
    }

    @Test("Lists of images are taken, checked and resumed; evaluate scores the test list")
    func lists() throws {
      let shop = try Workshop()
      let train = try words(shop, "train.txt", "a/0\na/1\na/2\na/3.png\n")
      let validation = try words(shop, "validation.txt", "a/4\n")
      let test = try words(shop, "test.txt", "# ours\na/5\na/6\n")
      let lists = ["--train-list", train, "--validation-list", validation, "--test-list", test]
      let made = try Program.run(training(shop, "run", lists + ["--allow-leakage"]))
      #expect(made.code == 0, "\(made.err)")
      #expect(
        made.err.contains("4 training and 1 validation image from a, by the lists; no site held out"),
        "\(made.err)")
      let scores = try Program.run("evaluate", shop.file("run").path, "--threads", "1")
      #expect(scores.code == 0 && scores.out.contains("site a (test list, 2 images), n = 2"), "\(scores.out)")
      let same = try Program.run(training(shop, "run", lists + ["--allow-leakage", "--resume"]))
      #expect(same.code == 0, "\(same.err)")
      let other = try words(shop, "other.txt", "a/7\n")
      let changed = try Program.run(
        training(shop, "run", ["--resume", "--train-list", other, "--validation-list", validation]))
      #expect(changed.code == 2 && changed.err.contains("--train-list \(other)"), "\(changed.err)")

      let half = try Program.run(training(shop, "none", ["--train-list", train]))
      #expect(half.code == 2 && half.err.contains("add --validation-list FILE"), "\(half.err)")
      let held = try Program.run(training(shop, "none", lists + ["--hold-out", "c"]))
      #expect(held.code == 2 && held.err.contains("--train-list"), "\(held.err)")
      let twice = try words(shop, "twice.txt", "a/4\na/3\n")
      let overlap = try Program.run(
        training(shop, "none", ["--train-list", train, "--validation-list", twice]))
      #expect(overlap.code == 1 && overlap.err.contains("twice.txt, line 2"), "\(overlap.err)")
      #expect(!FileManager.default.fileExists(atPath: shop.file("none").path))
    }

    @Test("--init continues from a run on other sites, and refuses what its weights depend on")
    func initial() throws {
      let shop = try Workshop()
      #expect(try Program.run(training(shop, "first", ["--sites", "a,b"])).code == 0)
      let first = shop.file("first").path
      func next(_ out: String, _ more: [String]) throws -> Outcome {
        let out = shop.file(out).path
        return try Program.run(
          ["train", "--data", shop.data.path, "--init", first, "--out", out, "--threads", "1"] + more)
      }
      let made = try next("next", ["--sites", "c", "--epochs", "2"])
      #expect(made.code == 0 && made.err.contains("from c; no site held out"), "\(made.err)")
      let again = try next("next", ["--sites", "c", "--epochs", "2", "--resume"])
      #expect(again.code == 0, "\(again.err)")
      let known = try Program.run("evaluate", shop.file("next").path, "--site", "a", "--threads", "1")
      #expect(known.code == 0 && known.out.contains("site a (trained on)"), "\(known.out)")

      for (more, name) in [
        (["--set", "model.head.gridWidth=16"], "model.head.gridWidth"),
        (["--method", "mcdrl"], "model.method"), (["--set", "imageSize=64"], "imageSize"),
      ] {
        let outcome = try next("none", more)
        #expect(outcome.code == 2 && outcome.err.contains("\(name): it is "), "\(outcome.err)")
        #expect(outcome.err.contains(first), "\(outcome.err)")
      }
      let held = try next("none", ["--hold-out", "b"])
      #expect(held.code == 1, "\(held.err)")
      let missing = try Program.run(
        "train", "--data", shop.data.path, "--init", shop.file("no").path, "--out", shop.file("none").path)
      #expect(missing.code == 1 && missing.err.contains("not a run folder"), "\(missing.err)")
      #expect(!FileManager.default.fileExists(atPath: shop.file("none").path))
    }

    @Test("--resume with more --epochs trains on, and fewer are refused")
    func more() throws {
      let shop = try Workshop()
      #expect(try Program.run(training(shop, "run")).code == 0)
      func resume(_ more: [String]) throws -> Outcome {
        try Program.run(["train", "--out", shop.file("run").path, "--resume", "--threads", "1"] + more)
      }
      func lines() throws -> Int {
        try String(contentsOf: shop.file("run/metrics.jsonl"), encoding: .utf8).split(separator: "\n").count
      }
      let longer = try resume(["--epochs", "3"])
      #expect(longer.code == 0 && longer.err.contains("extended to 3 epochs; after epoch 1"), "\(longer.err)")
      #expect(try lines() == 3)
      #expect(try resume([]).code == 0 && resume(["--epochs", "3"]).code == 0)
      #expect(try lines() == 3)
      let fewer = try resume(["--epochs", "2"])
      #expect(fewer.code == 2 && fewer.err.contains("epochs = 3"), "\(fewer.err)")
      let setting = try resume(["--set", "epochs=5"])
      #expect(setting.code == 2 && setting.err.contains("epochs = 3"), "\(setting.err)")
    }

    @Test("--epochs-from takes the median of the chosen epochs of runs with the same settings")
    func epochs() throws {
      let shop = try Workshop()
      for site in ["a", "b"] {
        let made = try Program.run(
          training(shop, "fold-\(site)", ["--hold-out", site, "--allow-leakage"]))
        #expect(made.code == 0, "\(made.err)")
      }
      let folds = ["--epochs-from", "\(shop.file("fold-a").path),\(shop.file("fold-b").path)"]
      var words = training(shop, "final", folds)
      let both = try Program.run(words)
      #expect(both.code == 2 && both.err.contains("--epochs-from"), "\(both.err)")
      if let place = words.firstIndex(of: "--epochs") { words.removeSubrange(place...place + 1) }
      let made = try Program.run(words)
      #expect(made.code == 0 && made.err.contains("epochs=1: the median of the epochs"), "\(made.err)")
      #expect(made.err.contains("held out: a 1, b 1") && made.out.contains("last epoch"), "\(made.err)")
      let config = try String(contentsOf: shop.file("final/config.json"), encoding: .utf8)
      #expect(config.contains("\"selection\" : \"last\"") && config.contains("\"epochs\" : 1"))
      #expect(try Program.run(words + ["--resume"]).code == 0)
      #expect(try Program.run("card", shop.file("final").path).code == 0)
      let card = try String(contentsOf: shop.file("final/card.md"), encoding: .utf8)
      #expect(card.contains("- **epochs**: 1 epoch: the median of the epochs"))
      #expect(card.contains("in 2 runs (held out: a 1, b 1)"))

      let place = try #require(words.firstIndex(of: shop.file("final").path))
      words[place] = shop.file("other").path
      let place2 = try #require(words.firstIndex(of: "batchSize=4"))
      words[place2] = "batchSize=2"
      let other = try Program.run(words)
      #expect(other.code == 1 && other.err.contains("batchSize was 4, is 2"), "\(other.err)")
    }
  }
}
