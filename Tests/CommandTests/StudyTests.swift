import Foundation
import Testing

@testable import Command

extension ProgramTests {
  /// `mcdrl loso`, `ablate` and `report`, through the program.
  @Suite("Studies")
  struct StudyTests {
    /// The words of a leave-one-site-out on the workshop's three sites, which take a second a fold.
    private func words(
      _ shop: Workshop, _ out: String, command: [String] = ["loso", "--methods", "baseline,mcdrl"],
      more: [String] = []
    ) -> [String] {
      command + [
        "--data", shop.data.path, "--clip", "random:Configurations/vit-tiny-p8-64.json", "--out",
        shop.file(out).path, "--epochs", "2", "--allow-leakage", "--set", "imageSize=32", "batchSize=4",
        "model.head.detailWidths=[8]", "model.head.gridWidth=16", "lesionClass=polyp", "tune=none",
      ] + more
    }

    private func bytes(_ shop: Workshop, _ path: String) throws -> Data {
      try Data(contentsOf: shop.file(path))
    }

    @Test("Killed and run again it gives the bytes of an uninterrupted study, and so does its report")
    func killed() throws {
      let shop = try Workshop()
      let whole = try Program.run(words(shop, "whole"))
      #expect(whole.code == 0, "\(whole.err)")
      #expect(whole.out.contains("mean over sites") && whole.out.contains("held-out site"))
      let process = try Program.start(words(shop, "parts"), in: shop.url)
      try #require(shop.wait(for: "parts/runs/b/baseline-0/metrics.jsonl", of: process))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      #expect(!FileManager.default.fileExists(atPath: shop.file("parts/results.json").path))
      let missing = try Program.run("report", shop.file("parts").path)
      #expect(missing.code == 1 && missing.err.contains("of 6 folds are finished"))
      let again = try Program.run(words(shop, "parts"))
      #expect(again.code == 0 && again.err.contains("finished already"), "\(again.err)")
      for file in ["results.json", "images.csv"] {
        #expect(try bytes(shop, "parts/\(file)") == bytes(shop, "whole/\(file)"), "\(file)")
      }
      try draft(shop, "parts")
      let before = try bytes(shop, "parts/results.json")
      try FileManager.default.removeItem(at: shop.file("parts/results.json"))
      #expect(try Program.run("report", shop.file("parts").path, "--quiet").code == 0)
      #expect(try bytes(shop, "parts/results.json") == before)
    }

    /// Expects that the page of an unfinished study holds the sites that are complete, and says so.
    private func draft(_ shop: Workshop, _ name: String) throws {
      let writer = try StudyWriter(reading: shop.file(name))
      let folds = try writer.stored()
      let results = try bytes(shop, "\(name)/results.json")
      let words = StudyWriter.Words(title: "Title", lead: "Lead.", text: "Text.")
      try writer.writeDraft(folds.filter { $0.site != "c" }, words, sites: 2)
      let page = try String(contentsOf: writer.page, encoding: .utf8)
      #expect(page.contains("So far: 2 of 3 held-out sites") && page.contains("http-equiv=\"refresh\""))
      #expect(page.contains("<td>b</td>") && !page.contains("<td>c</td>"))
      #expect(try bytes(shop, "\(name)/results.json") == results)
      try writer.write(folds)
      let whole = try String(contentsOf: writer.page, encoding: .utf8)
      #expect(!whole.contains("So far") && !whole.contains("http-equiv=\"refresh\""))
      #expect(whole.contains("<td>c</td>"))
    }

    @Test("Missing words of two sites are answered with the sites that they must not know")
    func wordsOfPairs() throws {
      let shop = try Workshop()
      try FileManager.default.createDirectory(at: shop.file("words"), withIntermediateDirectories: true)
      let tiny = Program.root.appendingPathComponent("Models/tiny")
      for name in ["a", "b", "c", "a+b"] {
        try FileManager.default.createSymbolicLink(at: shop.file("words/\(name)"), withDestinationURL: tiny)
      }
      let study = try Program.run(
        "loso", "--methods", "baseline", "--data", shop.data.path, "--clip", shop.file("words/{site}").path,
        "--out", shop.file("study").path, "--allow-leakage", "--choose", "averaging=0,0.9", "--select",
        "loso")
      #expect(study.code == 1 && study.err.contains("words/a+c: no such folder"), "\(study.err)")
      #expect(study.err.contains("clip pretrain --hold-out a c --out"), "\(study.err)")
    }

    @Test(
      "Settings are chosen at source sites that are held out in turn, and a second call trains nothing anew")
    func innerSites() throws {
      let shop = try Workshop()
      let words = words(
        shop, "study", command: ["loso", "--methods", "baseline"],
        more: ["--choose", "optimizer.learningRate=1e-7,0.01", "--select", "loso"])
      let first = try Program.run(words)
      #expect(first.code == 0, "\(first.err)")
      let results = try bytes(shop, "study/results.json")
      let file = try bytes(shop, "study/runs/a/baseline-0/fold.json")
      let fold = try #require(try JSONSerialization.jsonObject(with: file) as? [String: Any])
      let candidates = try #require(fold["candidates"] as? [[String: Any]])
      let inner = candidates.map { $0["inner_scores"] as? [String: Double] ?? [:] }
      #expect(inner.map { Set($0.keys) } == [["b", "c"], ["b", "c"]], "\(candidates)")
      // The candidate with the higher mean at the source sites is the one that was trained on both.
      let means = inner.map { $0.values.reduce(0, +) / 2 }
      let better = means[1] > means[0] ? "0.01" : "1e-7"
      #expect(fold["chosen"] as? [String] == ["optimizer.learningRate=\(better)"], "\(means)")
      #expect(FileManager.default.fileExists(atPath: shop.file("study/candidates/a/baseline-0/1/b").path))
      try FileManager.default.removeItem(at: shop.file("study/results.json"))
      let again = try Program.run(words)
      #expect(again.code == 0 && again.err.contains("finished already"), "\(again.err)")
      #expect(try bytes(shop, "study/results.json") == results)
      #expect(String(decoding: results, as: UTF8.self).contains("each held out in turn"))
      // What is stored of other settings is not taken for theirs: neither a rejected candidate nor its scores.
      let others = better == "0.01" ? "2e-7,0.01" : "1e-7,0.02"
      let exchanged = try Program.run(
        words.map { $0.hasSuffix("1e-7,0.01") ? "optimizer.learningRate=\(others)" : $0 })
      #expect(
        exchanged.code == 1 && exchanged.err.contains("candidates/"), "\(exchanged.code) \(exchanged.err)")
      try FileManager.default.removeItem(at: shop.file("study/runs"))
      let changed = try Program.run(words + ["--set", "optimizer.warmup=0.2"])
      #expect(changed.code == 1 && changed.err.contains("optimizer.warmup"), "\(changed.code) \(changed.err)")
    }

    @Test("A study is scored at another data set, arm beside arm, and at its own sites by its held-out runs")
    func newHospital() throws {
      let shop = try Workshop()
      let study = try Program.run(
        words(shop, "study", command: ["loso", "--methods", "baseline,unet:model.options.widths=[4,8]"]))
      #expect(study.code == 0, "\(study.err)")
      let folder = shop.file("study").path
      let other = shop.file("other")
      try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: shop.data.appendingPathComponent("a"), to: other.appendingPathComponent("new"))
      let new = try Program.run("evaluate", folder, "--data", other.path)
      #expect(new.code == 0, "\(new.err)")
      #expect(new.out.contains("site new, n = ") && new.out.contains("minus baseline"), "\(new.out)")
      let document = try Program.run("evaluate", folder, "--data", other.path, "--json")
      let comparison = try #require((try document.json() as? [[String: Any]])?.first)
      let arms = try #require(comparison["arms"] as? [[String: Any]])
      // Three folds each, two of which were trained on these images under another name.
      #expect(arms.map { $0["name"] as? String } == ["baseline", "unet"])
      #expect(arms.map { $0["runs"] as? Int } == [1, 1])
      #expect(
        document.err.contains("site new: 4 of 6 runs were trained on all its images, under another name"),
        "\(document.err)")
      let inference = arms.map { $0["inference"] as? [String: Any] }
      #expect(inference.map { $0?["threshold"] as? Double } == [0.5, 0.5])
      #expect(inference.map { $0?["scales"] as? [Double] } == [[1], [1]])
      #expect(FileManager.default.fileExists(atPath: shop.file("study/comparison-new.json").path))
      // With one image that no fold was trained on, all folds count, with a note.
      try shop.grey("other/new/images/1.png", width: 41, (0..<41 * 32).map { UInt8($0 % 251) })
      let mixed = try Program.run("evaluate", folder, "--data", other.path)
      #expect(mixed.code == 0, "\(mixed.err)")
      #expect(
        mixed.err.contains("site new: 7 of 8 images were trained on, in 4 of 6 runs"), "\(mixed.err)")
      let fold = shop.file("study/runs/b/baseline-0").path
      let alone = try Program.run("evaluate", fold, "--data", other.path, "--site", "new")
      #expect(alone.out.contains("site new (7 of 8 images were trained on), n = 8"), "\(alone.out)")
      let own = try Program.run("evaluate", folder, "--site", "b", "--json")
      let runs = try #require(((try own.json() as? [[String: Any]])?.first?["arms"]) as? [[String: Any]])
      #expect(runs.map { $0["runs"] as? Int } == [1, 1])

      // Under do(z) the sites have a mean, and the prompts are named once for all runs.
      let doing = try Program.run("evaluate", folder, "--interventions", "blur,near")
      #expect(doing.code == 0, "\(doing.err)")
      #expect(doing.out.contains("mean over sites a, b, c, n = 24"), "\(doing.out)")
      let prompts = "do(z) at strength 1.00 by the mechanisms of the prompts of the study \(folder)"
      #expect(doing.out.components(separatedBy: prompts).count == 2, "\(doing.out)")
      #expect(!doing.out.contains("prompts.json5"), "\(doing.out)")
      let stored = try #require(
        try JSONSerialization.jsonObject(with: bytes(shop, "study/interventions.json")) as? [String: Any])
      #expect(stored["sites"] as? [String] == ["a", "b", "c"] && stored["n"] as? Int == 24)
      let single = try Program.run("evaluate", fold)
      #expect(single.out.contains("interval") && single.code == 0, "\(single.out)\(single.err)")
    }

    @Test(
      "Cached features are shared by commands, survive kill -9 and go with the study unless they are kept"
    )
    func cache() throws {
      let shop = try Workshop()
      let fixed = ["--set", "augmentation.fixed=2", "epochs=1"]
      func words(_ shop: Workshop, _ out: String, more: [String]) -> [String] {
        self.words(shop, out, command: ["loso", "--methods", "baseline"], more: more)
      }
      let shared = fixed + ["--cache", shop.file("kept").path]
      let first = try Program.run(words(shop, "first", more: fixed))
      #expect(
        first.code == 0 && first.err.contains("caching") && first.err.contains("first/cache"), "\(first.err)")
      #expect(!FileManager.default.fileExists(atPath: shop.file("first/cache").path))

      let process = try Program.start(words(shop, "second", more: shared), in: shop.url)
      try #require(shop.wait(for: "kept", of: process))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let second = try Program.run(words(shop, "second", more: shared))
      #expect(second.code == 0, "\(second.err)")
      let third = try Program.run(words(shop, "third", more: shared + ["--cache-limit", "0"]))
      #expect(
        third.code == 0 && !third.err.contains("caching") && !third.err.contains("--cache-limit"),
        "\(third.err)")
      for study in ["second", "third"] {
        #expect(try bytes(shop, "\(study)/images.csv") == bytes(shop, "first/images.csv"), "\(study)")
      }

      let none = try Program.run(words(shop, "fourth", more: fixed + ["--cache-limit", "1kB"]))
      #expect(none.code == 0 && none.err.contains("more than the limit of 1000 bytes"), "\(none.err)")
      #expect(!FileManager.default.fileExists(atPath: shop.file("fourth/cache").path))
      let typo = try Program.run(words(shop, "fifth", more: ["--cache-limit", "4 gigs"]))
      #expect(typo.code == 2 && typo.err.contains("4GiB"), "\(typo.err)")
    }

    @Test("Alike pictures at two sites stop a study unless it is told to go on")
    func leakage() throws {
      let shop = try Workshop()
      let outcome = try Program.run(words(shop, "study").filter { $0 != "--allow-leakage" })
      #expect(outcome.code == 1 && outcome.err.contains("--allow-leakage"), "\(outcome.err)")
      #expect(!FileManager.default.fileExists(atPath: shop.file("study/runs").path))
    }

    @Test("Two processes do not work in one folder, and a folder of something else is left alone")
    func folders() throws {
      let shop = try Workshop()
      let process = try Program.start(words(shop, "study"), in: shop.url)
      try #require(shop.wait(for: "study/study.json", of: process))
      let second = try Program.run(words(shop, "study"))
      #expect(second.code == 1 && second.err.contains("in use by process"), "\(second.err)")
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let foreign = try Program.run(words(shop, "data"))
      #expect(foreign.code == 2 && foreign.err.contains("something else"), "\(foreign.err)")
    }

    @Test(
      "An ablation chooses settings on validation and names its arms; a study that does not exist is refused")
    func ablation() throws {
      let shop = try Workshop()
      let outcome = try Program.run(
        words(
          shop, "study", command: ["ablate", "--study", "lesion-type"],
          more: ["--choose", "optimizer.learningRate=0.001,0.01", "--json"]))
      #expect(outcome.code == 0, "\(outcome.err)")
      let results = try #require(try outcome.json() as? [String: Any])
      #expect(results["study"] as? String == "ablate-lesion-type")
      let folds = try #require(results["folds"] as? [[String: Any]])
      #expect(folds.count == 6 && folds.allSatisfy { ($0["candidates"] as? [Any])?.count == 2 })
      #expect(folds.allSatisfy { ($0["chosen"] as? [String])?.count == 1 })
      let unknown = try Program.run(
        words(shop, "other", command: ["ablate", "--study", "nothing"]))
      #expect(unknown.code == 2 && unknown.err.contains("lesion-type"), "\(unknown.err)")
      let typo = try Program.run(
        words(shop, "other", command: ["loso", "--methods", "baseline,own:model.intervention.depht=1"]))
      #expect(
        typo.code == 2 && typo.err.contains("own: model.intervention.depht")
          && !FileManager.default.fileExists(atPath: shop.file("other/runs").path))
    }
  }
}
