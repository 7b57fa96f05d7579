import Foundation
import Imaging
import Testing

extension ProgramTests {
  @Suite("Calibrate")
  struct CalibrateTests {
    private func object(_ file: URL) throws -> [String: Any] {
      try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    }

    /// A folder of images whose masks cannot be opened, and the names of its images.
    private func hospital(_ shop: Workshop) throws -> URL {
      let new = shop.file("new")
      try FileManager.default.createDirectory(at: new, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: shop.file("data/c/images"), to: new.appendingPathComponent("images"))
      let masks = new.appendingPathComponent("masks")
      try FileManager.default.createDirectory(at: masks, withIntermediateDirectories: true)
      for index in 0..<8 { try Data("no mask".utf8).write(to: masks.appendingPathComponent("\(index).png")) }
      return new
    }

    @Test("From training to an estimate without masks, and back from damage")
    func wholeWay() throws {
      let shop = try Workshop()
      let run = shop.file("run")
      let training = try Program.run(shop.training("run"))
      try #require(training.code == 0, "\(training.err)")
      let new = try hospital(shop)

      // Nothing is known before the calibration.
      let early = try Program.run("evaluate", run.path, "--unlabelled", new.path)
      #expect(early.code == 1 && early.err.contains("calibration.json: not found"), "\(early.err)")
      #expect(early.err.contains("mcdrl calibrate RUN"), "\(early.err)")
      let maps = try Program.run(
        "predict", run.path, new.appendingPathComponent("images").path, "--out", shop.file("early").path,
        "--format", "uncertainty")
      #expect(maps.code == 1 && maps.err.contains("calibration.json: not found"), "\(maps.err)")
      let plain = try Program.run("evaluate", run.path, "--json")
      #expect(plain.code == 0 && !plain.out.contains("\"certainty\""), "\(plain.err)")

      let calibration = try Program.run("calibrate", run.path, "--json")
      try #require(calibration.code == 0, "\(calibration.err)")
      let found = try #require(try calibration.json() as? [String: Any])
      let sites = try #require(found["sites"] as? [[String: Any]])
      #expect(sites.compactMap { $0["site"] as? String }.sorted() == ["a", "b"])
      #expect((found["scaling"] as? [String: Any])?["scale"] as? Double ?? 0 > 0)
      #expect(calibration.err.contains("only 2 sites were left out"), "\(calibration.err)")
      for name in ["calibration.json", "familiarity.safetensors"] {
        #expect(FileManager.default.fileExists(atPath: run.appendingPathComponent(name).path), "\(name)")
      }
      let text = try Program.run("calibrate", run.path, "--quantile", "0.9")
      #expect(text.code == 0 && text.out.contains("left-out site"), "\(text.err)")
      #expect(text.out.contains("temperature") && text.out.contains("unlike images"), "\(text.out)")
      let wrong = try Program.run("calibrate", run.path, "--quantile", "1")
      #expect(wrong.code == 2 && wrong.err.contains("--quantile"), "\(wrong.err)")

      let estimate = try Program.run("evaluate", run.path, "--unlabelled", new.path, "--json")
      try #require(estimate.code == 0, "\(estimate.err)")
      let first = try #require((try estimate.json() as? [[String: Any]])?.first)
      #expect(first["site"] as? String == "new")
      #expect((first["images"] as? [Any])?.count == 8)
      let dice = try #require((first["expected"] as? [String: Any])?["dice"] as? Double)
      #expect((0...1).contains(dice))
      let written = try object(run.appendingPathComponent("unlabelled-new.json"))
      #expect(written["site"] as? String == "new")
      let shown = try Program.run(
        "evaluate", run.path, "--unlabelled", new.appendingPathComponent("images").path)
      #expect(shown.code == 0 && shown.out.contains("expected mean Dice"), "\(shown.err)")
      #expect(shown.out.contains("new, n = 8 images"), "\(shown.out)")
      let conflict = try Program.run(
        "evaluate", run.path, "--unlabelled", new.path, "--data", shop.data.path)
      #expect(conflict.code == 2 && conflict.err.contains("--data"), "\(conflict.err)")
      let empty = try Program.run("evaluate", run.path, "--unlabelled", run.path)
      #expect(empty.code == 1 && empty.err.contains(run.path), "\(empty.err)")

      let scored = try Program.run("evaluate", run.path)
      #expect(scored.code == 0 && scored.out.contains("after calibration: Brier score"), "\(scored.err)")
      #expect(scored.out.contains("images kept"), "\(scored.out)")
      let certainty = try #require(
        try object(run.appendingPathComponent("evaluation-c.json"))["certainty"] as? [String: Any])
      #expect(certainty["pixel_aurc_after"] as? Double != nil)
      let plot = try String(contentsOf: run.appendingPathComponent("coverage-c.svg"), encoding: .utf8)
      #expect(plot.contains("<svg"))

      try predict(shop, run)
      try damage(shop, run)
    }

    @Test("Folds that held out other sites correct the expected Dice")
    func folds() throws {
      let shop = try Workshop()
      let (run, fold) = (shop.file("run").path, shop.file("fold").path)
      for words in [shop.training("run", epochs: 1), shop.training("fold", epochs: 1, holdOut: "a")] {
        let training = try Program.run(words)
        try #require(training.code == 0, "\(training.err)")
      }
      let early = try Program.run("calibrate", run, "--folds", fold)
      #expect(early.code == 1 && early.err.contains("\(fold)/calibration.json: not found"), "\(early.err)")
      #expect(!FileManager.default.fileExists(atPath: "\(run)/calibration.json"))
      let none = try Program.run("calibrate", run, "--folds", shop.data.path)
      #expect(none.code == 1 && none.err.contains(shop.data.path), "\(none.err)")
      for command in ["calibrate", "evaluate"] {
        let found = try Program.run(command, fold)
        try #require(found.code == 0, "\(found.err)")
      }
      let made = try Program.run("calibrate", run, "--folds", fold, run, fold)
      try #require(made.code == 0, "\(made.err)")
      #expect(made.out.contains("expected Dice is corrected by"), "\(made.out)")
      #expect(made.out.contains("(one fold at the site that it held out)"), "\(made.out)")
      #expect(
        made.err.contains("left out of the correction") && made.err.contains("no interval"), "\(made.err)")
      let stored = try object(shop.file("run/calibration.json"))
      let folds = try #require(stored["folds"] as? [[String: Any]])
      #expect(folds.compactMap { $0["site"] as? String } == ["a"])
      let scores = try object(shop.file("fold/evaluation-a.json"))
      let certainty = try #require(scores["certainty"] as? [String: Any])
      let expected = try #require((certainty["expected"] as? [String: Any])?["dice"] as? Double)
      #expect(folds.first?["expected"] as? Double == expected)

      let new = try hospital(shop)
      let text = try Program.run("evaluate", run, "--unlabelled", new.path)
      #expect(text.code == 0 && text.out.contains("expected Dice is corrected by"), "\(text.err)")
      let estimate = try object(shop.file("run/unlabelled-new.json"))
      #expect(estimate["uncorrected"] as? Double != nil)
      let scored = try Program.run("evaluate", run)
      #expect(scored.code == 0 && scored.out.contains("before the correction by folds"), "\(scored.err)")
    }

    @Test("A study stands for its runs of the method; each has to be calibrated and evaluated")
    func study() throws {
      let shop = try Workshop()
      let (run, study) = (shop.file("run").path, shop.file("study").path)
      for words in [
        [
          "loso", "--methods", "baseline", "--data", shop.data.path, "--clip",
          "random:Configurations/vit-tiny-p8-64.json", "--out", study, "--epochs", "1", "--allow-leakage",
          "--set", "imageSize=32", "batchSize=4", "model.head.detailWidths=[8]", "model.head.gridWidth=16",
          "lesionClass=polyp", "tune=none",
        ],
        shop.training("run", epochs: 1, more: ["--method", "baseline"]),
        shop.training("other", epochs: 1, more: ["--method", "mcdrl"]),
      ] {
        let training = try Program.run(words)
        try #require(training.code == 0, "\(training.err)")
      }
      let other = try Program.run("calibrate", shop.file("other").path, "--folds", study)
      #expect(
        other.code == 1 && other.err.contains("no finished run of the study is of mcdrl"), "\(other.err)")
      let early = try Program.run("calibrate", run, "--folds", study)
      #expect(
        early.code == 1 && early.err.contains("study/runs/a/baseline-0/calibration.json: not found"),
        "\(early.err)")
      for site in ["a", "b"] {
        for command in ["calibrate", "evaluate"] {
          let found = try Program.run(command, shop.file("study/runs/\(site)/baseline-0").path)
          try #require(found.code == 0, "\(found.err)")
        }
      }
      // The fold of c held out what the run held out, so it need not be calibrated.
      let made = try Program.run("calibrate", run, "--folds", study)
      try #require(made.code == 0, "\(made.err)")
      #expect(made.out.contains("(mean of 2 folds at the site that each held out)"), "\(made.out)")
      #expect(made.err.contains("left out of the correction"), "\(made.err)")
      let estimate = try Program.run("evaluate", run, "--unlabelled", hospital(shop).path, "--json")
      try #require(estimate.code == 0, "\(estimate.err)")
      let first = try #require((try estimate.json() as? [[String: Any]])?.first)
      let expected = try #require(first["expected"] as? [String: Any])
      #expect(expected["low"] as? Double != nil && expected["high"] as? Double != nil)
    }

    /// Predictions say how sure they are.
    private func predict(_ shop: Workshop, _ run: URL) throws {
      let out = shop.file("out")
      let prediction = try Program.run(
        "predict", run.path, shop.file("new/images").path, "--out", out.path, "--format",
        "mask,calibrated,uncertainty")
      try #require(prediction.code == 0, "\(prediction.err)")
      for index in 0..<8 {
        for format in ["calibrated", "uncertainty"] {
          let file = out.appendingPathComponent("\(index)-\(format).png")
          #expect(try Data(contentsOf: file)[24] == 16, "bits a sample in the header")
          let image = try ImageFile.read(file)
          #expect(image.width == 40 + index && image.height == 32 && image.channels == 1)
        }
      }
      let lines = try String(contentsOf: out.appendingPathComponent("predictions.jsonl"), encoding: .utf8)
        .split(separator: "\n")
      #expect(lines.count == 8)
      for line in lines {
        let entry = try #require(
          try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(entry["expected_dice"] as? Double != nil && entry["warnings"] as? [String] != nil)
        let isFlagged = (entry["warnings"] as? [String])?.isEmpty == false
        let name = try #require(entry["image"] as? String)
        #expect(!isFlagged || prediction.err.contains(name) || prediction.err.contains("more;"), "\(name)")
      }
      // The record is no image, and nothing to mention.
      let scores = try Program.run(
        "metrics", "--prediction", out.path, "--reference", shop.file("data/c/masks").path)
      #expect(scores.code == 0 && !scores.err.contains("predictions.jsonl"), "\(scores.err)")
    }

    /// Files that do not belong to the run are named.
    private func damage(_ shop: Workshop, _ run: URL) throws {
      let file = run.appendingPathComponent("calibration.json")
      let good = try Data(contentsOf: file)
      let image = shop.file("new/images/0.png").path
      func prediction() throws -> Outcome {
        try Program.run("predict", run.path, image, "--out", shop.file("damaged").path)
      }
      try Data("{".utf8).write(to: file)
      let damaged = try prediction()
      #expect(damaged.code == 1 && damaged.err.contains(file.path), "\(damaged.err)")
      try good.write(to: file)
      #expect(try prediction().code == 0)

      let training = try Program.run(shop.training("other", more: ["--seed", "3"]))
      try #require(training.code == 0, "\(training.err)")
      let weights = run.appendingPathComponent("model.safetensors")
      try FileManager.default.removeItem(at: weights)
      try FileManager.default.copyItem(at: shop.file("other/model.safetensors"), to: weights)
      let foreign = try prediction()
      #expect(foreign.code == 1 && foreign.err.contains("other weights"), "\(foreign.err)")
      #expect(foreign.err.contains("mcdrl calibrate RUN"), "\(foreign.err)")
      try FileManager.default.removeItem(at: file)
      #expect(try prediction().code == 0)
    }
  }
}
