import Foundation
import Testing

extension ProgramTests {
  /// `--plan`, `--fold` and `--collect` of `mcdrl loso` and `ablate`, through the program.
  @Suite("Studies in several processes")
  struct StudyTaskTests {
    /// The words of a study on the workshop's three sites, which take a second a fold.
    private func words(
      _ shop: Workshop, _ out: String, command: [String] = ["loso", "--methods", "baseline,mcdrl"],
      epochs: Int = 2, more: [String] = []
    ) -> [String] {
      command + [
        "--data", shop.data.path, "--clip", "random:Configurations/vit-tiny-p8-64.json", "--out",
        shop.file(out).path, "--epochs", "\(epochs)", "--allow-leakage", "--set", "imageSize=32",
        "batchSize=4", "model.head.detailWidths=[8]", "model.head.gridWidth=16", "lesionClass=polyp",
        "tune=none",
      ] + more
    }

    private func exists(_ shop: Workshop, _ path: String) -> Bool {
      FileManager.default.fileExists(atPath: shop.file(path).path)
    }

    @Test("A plan has one line for each fold, trains nothing, and can be asked for again")
    func plan() throws {
      let shop = try Workshop()
      let tasks = shop.file("tasks").path
      let early = try Program.run("loso", "--out", tasks, "--fold", "0")
      #expect(early.code == 1 && early.err.contains("--plan"), "\(early.err)")
      let none = try Program.run("loso", "--out", tasks)
      #expect(none.code == 2 && none.err.contains("--data") && !exists(shop, "tasks"), "\(none.err)")
      let plan = try Program.run(words(shop, "tasks", more: ["--seeds", "4,1", "--plan"]))
      #expect(plan.code == 0, "\(plan.err)")
      let lines = plan.out.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
      #expect(lines.map(\.count) == Array(repeating: 4, count: 12), "\(plan.out)")
      #expect(lines.map { $0[0] } == (0..<12).map(String.init))
      #expect(lines[0] == ["0", "a", "baseline", "4"] && lines[3] == ["3", "a", "mcdrl", "1"])
      #expect(lines[11] == ["11", "c", "mcdrl", "1"])
      for file in ["study.json", "prompts.json5"] { #expect(exists(shop, "tasks/\(file)"), "\(file)") }
      #expect(!exists(shop, "tasks/runs") && !exists(shop, "tasks/.lock"))
      let record = try JSONSerialization.jsonObject(with: Data(contentsOf: shop.file("tasks/study.json")))
      let seconds = try #require((record as? [String: Any])?["seconds"] as? Double)
      #expect(seconds > 0)
      let again = try Program.run("loso", "--out", tasks, "--plan", "--image-memory", "1MiB")
      #expect(again.code == 0 && again.out == plan.out, "\(again.err)")
      let json = try Program.run("loso", "--out", tasks, "--plan", "--json")
      let entries = try #require(try json.json() as? [[String: Any]])
      #expect(entries.count == 12 && entries[3]["arm"] as? String == "mcdrl")
      #expect(entries[3]["fold"] as? Int == 3 && entries[3]["seed"] as? Int == 1)

      for (more, named) in [
        (["--fold", "12"], "12 folds"), (["--fold", "2-1"], "--fold 2-1"),
        (["--fold", "0", "--collect"], "--fold does not go with --collect"),
        (["--plan", "--collect"], "--plan does not go with --collect"),
        (["--fold", "0", "--methods", "mcdrl"], "--methods does not go with --out"),
      ] {
        let outcome = try Program.run(["loso", "--out", tasks] + more)
        #expect(outcome.code == 2 && outcome.err.contains(named), "\(more): \(outcome.err)")
      }
      // The option wins over the setting, which names a device that tests do not have.
      let device = words(shop, "device", more: ["device=cuda:0", "--device", "cpu", "--plan"])
      let onDevice = try Program.run(device)
      #expect(onDevice.code == 0, "\(onDevice.err)")

      // Only folds need the device of the plan, not the list of them.
      for more in [["device=cuda:7", "--plan"], ["--device", "cuda:7", "--plan"]] {
        let far = try Program.run(words(shop, "far", more: more))
        #expect(far.code == 0 && far.out.split(separator: "\n").count == 6, "\(far.err)")
      }
      let near = try Program.run("loso", "--out", shop.file("far").path, "--fold", "0")
      #expect(near.code != 0 && near.err.contains("cuda:7"), "\(near.err)")
      #expect(!exists(shop, "far/runs"))

      let other = try Program.run(words(shop, "tasks", epochs: 3, more: ["--seeds", "4,1", "--fold", "0"]))
      #expect(other.code == 2 && other.err.contains("configuration.epochs was 2 and is 3"), "\(other.err)")
      #expect(!exists(shop, "tasks/runs"))

      // The same plan keeps results, another one removes those of the earlier.
      try Data("{}".utf8).write(to: shop.file("tasks/results.json"))
      let same = try Program.run(words(shop, "tasks", more: ["--seeds", "4,1", "--plan"]))
      #expect(same.code == 0 && exists(shop, "tasks/results.json"), "\(same.err)")
      let changed = try Program.run(words(shop, "tasks", epochs: 3, more: ["--seeds", "4,1", "--plan"]))
      #expect(changed.code == 0 && changed.err.contains("results.json of an earlier plan"), "\(changed.err)")
      #expect(!exists(shop, "tasks/results.json"))

      // Nor are results those of a new plan where the earlier one cannot be read.
      for file in ["study.json", "results.json"] { try Data("{}".utf8).write(to: shop.file("tasks/\(file)")) }
      let damaged = try Program.run(words(shop, "tasks", epochs: 3, more: ["--seeds", "4,1", "--plan"]))
      #expect(damaged.code == 0 && !exists(shop, "tasks/results.json"), "\(damaged.err)")
    }

    @Test(
      "Folds of several processes, one stopped and two on one fold, give the bytes of one machine")
    func folds() throws {
      let shop = try Workshop()
      let tasks = shop.file("tasks").path
      let whole = try Program.run(words(shop, "whole"))
      #expect(whole.code == 0, "\(whole.err)")
      #expect(try Program.run(words(shop, "tasks", more: ["--plan"])).code == 0)
      // A task gives the same with all the options of the study as with those of its folder.
      let first = try Program.run(words(shop, "tasks", more: ["--fold", "0,1", "--workers", "2"]))
      #expect(first.code == 0 && first.out.contains("1\ta\tmcdrl\t0\t"), "\(first.err)")
      #expect(!exists(shop, "tasks/results.json") && !exists(shop, "tasks/.lock"))

      let third = ["loso", "--out", tasks, "--fold", "2"]
      let process = try Program.start(third, in: shop.url)
      try #require(shop.wait(for: "tasks/runs/b/baseline-0/metrics.jsonl", of: process))
      kill(process.processIdentifier, SIGTERM)
      process.waitUntilExit()
      // It may have finished first.
      #expect([0, 15, 143].contains(process.terminationStatus), "\(process.terminationStatus)")
      #expect(try Program.run(third).code == 0)

      let missing = try Program.run("loso", "--out", tasks, "--collect")
      #expect(missing.code == 1 && missing.err.contains("--fold 3-5"), "\(missing.err)")
      #expect(missing.err.contains("c held out, mcdrl, seed 0"), "\(missing.err)")
      let others = ["ablate", "--out", tasks, "--fold", "3-5", "--workers", "1"]
      let beside = try Program.start(others, in: shop.url)
      let second = shop.file("second")
      try FileManager.default.createDirectory(at: second, withIntermediateDirectories: true)
      let last = try Program.start(others, in: second)
      beside.waitUntilExit()
      last.waitUntilExit()
      #expect(beside.terminationStatus == 0 && last.terminationStatus == 0)

      let collected = try Program.run("loso", "--out", tasks, "--collect")
      #expect(collected.code == 0 && collected.out.contains("the report is"), "\(collected.err)")
      for file in ["results.json", "images.csv"] {
        let bytes = try ["whole", "tasks"].map { try Data(contentsOf: shop.file("\($0)/\(file)")) }
        #expect(bytes[0] == bytes[1], "\(file)")
      }
      #expect(exists(shop, "tasks/report.html") && exists(shop, "tasks/timing.json"))
      #expect(!exists(shop, "tasks/cache"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: shop.file("tasks/claims").path).isEmpty)
      // The whole study goes on from its folder, too, and finds all folds.
      let continued = try Program.run("loso", "--out", tasks)
      #expect(continued.code == 0 && continued.err.contains("6 of 6 folds are finished"), "\(continued.err)")
    }

    @Test("Folds, data and words of another study are named, and nothing is written")
    func foreign() throws {
      let shop = try Workshop()
      let tasks = shop.file("tasks").path
      let collect = ["loso", "--out", tasks, "--collect"]
      let study = words(shop, "tasks", command: ["loso", "--methods", "baseline"], epochs: 1)
      #expect(try Program.run(study + ["--plan"]).code == 0)
      #expect(try Program.run("loso", "--out", tasks, "--fold", "0-2").code == 0)
      func replace(_ path: String, _ old: String, by new: String) throws {
        let text = try String(contentsOf: shop.file(path), encoding: .utf8)
        try #require(text.contains(old), "\(path): \(old)")
        try text.replacingOccurrences(of: old, with: new)
          .write(to: shop.file(path), atomically: true, encoding: .utf8)
      }
      func refused(_ named: [String]) throws {
        let outcome = try Program.run(collect)
        #expect(outcome.code == 1, "\(outcome.err)")
        for part in named { #expect(outcome.err.contains(part), "\(part): \(outcome.err)") }
        #expect(!exists(shop, "tasks/results.json"))
      }
      let config = "tasks/runs/b/baseline-0/config.json"
      try replace(config, "\"batchSize\" : 4", by: "\"batchSize\" : 5")
      try refused(["1 of 3 folds are missing or differ", "fold 1 (b held out", "batchSize was 5, is 4"])
      try replace(config, "\"batchSize\" : 5", by: "\"batchSize\" : 4")
      let fingerprint = "tasks/runs/c/baseline-0/fingerprint.json"
      try replace(fingerprint, "\"weights\" : \"", by: "\"weights\" : \"x")
      try refused(["fold 2 (c held out", "other starting weights"])
      try replace(fingerprint, "\"weights\" : \"x", by: "\"weights\" : \"")
      try FileManager.default.removeItem(at: shop.file("tasks/runs/a/baseline-0/fold.json"))
      try refused(["a held out, baseline, seed 0", "--fold 0"])
      let image = shop.file("data/a/images/0.png")
      let bytes = try Data(contentsOf: image)
      try shop.grey("data/a/images/0.png", width: 40, Array(repeating: 9, count: 40 * 32))
      try refused(["study.json", "other images, masks or facts of site a"])
      let task = try Program.run("loso", "--out", tasks, "--fold", "0")
      #expect(task.code == 1 && task.err.contains("facts of site a"), "\(task.err)")
      try bytes.write(to: image)
      // The weights of the run are there, so it is scored again.
      #expect(try Program.run("loso", "--out", tasks, "--fold", "0").code == 0)
      #expect(try Program.run(collect).code == 0)
    }

    @Test("An ablation is planned, trained and collected like a study")
    func ablation() throws {
      let shop = try Workshop()
      let tasks = shop.file("tasks").path
      let study = words(shop, "tasks", command: ["ablate", "--study", "lesion-type"], epochs: 1)
      let plan = try Program.run(study + ["--plan"])
      #expect(plan.code == 0 && plan.out.split(separator: "\n").count == 6, "\(plan.err)")
      let unnamed = try Program.run(study.filter { $0 != "--study" && $0 != "lesion-type" } + ["--plan"])
      #expect(unnamed.code == 2 && unnamed.err.contains("--study"), "\(unnamed.err)")
      #expect(try Program.run("ablate", "--out", tasks, "--fold", "0-5").code == 0)
      let collected = try Program.run("ablate", "--out", tasks, "--collect", "--json")
      let results = try #require(try collected.json() as? [String: Any])
      #expect(results["study"] as? String == "ablate-lesion-type")
    }
  }
}
