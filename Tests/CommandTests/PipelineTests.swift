import Foundation
import Imaging
import Testing
import Torch

extension ProgramTests {
  @Suite("Pipeline")
  struct PipelineTests {
    @Test("Train, evaluate and predict, from folders of images to masks of their sizes")
    func pipeline() throws {
      let shop = try Workshop()
      let run = shop.file("run")
      let training = try Program.run(
        shop.training("run", more: ["--set", "statistics=batch", "interventions.directions=random"])
          + ["--json"])
      try #require(training.code == 0, "\(training.err)")
      let reason = "statistics=batch has no effect: CLIP's vision transformer has no batch normalisation"
      #expect(training.err.contains(reason), "\(training.err)")
      let styles = "interventions.directions=random has no effect: interventions.styles is none"
      #expect(training.err.contains(styles), "\(training.err)")
      #expect((try training.json() as? [[String: Any]])?.count == 2)
      for name in [
        "config.json", "prompts.json5", "model.safetensors", "metrics.jsonl", "fingerprint.json",
        "state/checkpoint.safetensors",
      ] {
        #expect(FileManager.default.fileExists(atPath: run.appendingPathComponent(name).path), "\(name)")
      }

      let evaluation = try Program.run("evaluate", run.path, "--data", shop.data.path, "--json")
      #expect(evaluation.code == 0, "\(evaluation.err)")
      let written = try Data(contentsOf: run.appendingPathComponent("evaluation-c.json"))
      let result = try #require(try JSONSerialization.jsonObject(with: written) as? [String: Any])
      #expect(result["site"] as? String == "c" && result["held_out"] as? Bool == true)
      let inference = try #require(result["inference"] as? [String: Any])
      #expect(result["threshold"] as? Double == 0.5 && inference["flips"] as? Bool == false)
      #expect((result["calibration"] as? [String: Any])?["n"] as? Int == 8)
      #expect((result["model"] as? [String: Any])?["detection"] != nil && result["polyp"] == nil)
      let polyp = try Program.run(
        "evaluate", run.path, "--data", shop.data.path, "--protocol", "pranet", "--spacing", "0.1")
      #expect(
        polyp.code == 0 && polyp.out.contains("mean_dice") && polyp.out.contains("HD95 (mm)"), "\(polyp.err)")
      let table = try String(contentsOf: run.appendingPathComponent("evaluation-c.csv"), encoding: .utf8)
      #expect(table.split(whereSeparator: \.isNewline).count == 9)

      // Other images for when c is held out are those that it is scored on; a source keeps its own.
      for index in 0..<3 {
        try FileManager.default.createDirectory(
          at: shop.file("data/c/test/images"), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(
          at: shop.file("data/c/test/masks"), withIntermediateDirectories: true)
        for kind in ["images", "masks"] {
          try FileManager.default.copyItem(
            at: shop.file("data/b/\(kind)/\(index).png"), to: shop.file("data/c/test/\(kind)/\(index).png"))
        }
      }
      let manifest = shop.file("data/sites.json5")
      try Data(
        "{sites: [{name: 'a'}, {name: 'b', test: {images: 'c/test/images', masks: 'c/test/masks'}},\n{name: 'c', test: {}}]}"
          .utf8
      )
      .write(to: manifest)
      let tested = try Program.run("evaluate", run.path, "--data", shop.data.path, "--site", "b", "c")
      #expect(tested.code == 0, "\(tested.err)")
      #expect(tested.out.components(separatedBy: "whose denominator is 0").count == 2, "\(tested.out)")
      for (site, lines) in [("b", 9), ("c", 4)] {
        let table = try String(
          contentsOf: run.appendingPathComponent("evaluation-\(site).csv"), encoding: .utf8)
        #expect(table.split(whereSeparator: \.isNewline).count == lines, "\(site)")
      }
      try FileManager.default.removeItem(at: manifest)

      let unknown = try Program.run("evaluate", run.path, "--data", shop.data.path, "--site", "z")
      #expect(unknown.code == 1 && unknown.err.contains("\"z\"") && unknown.err.contains("a, b, c"))

      // One bad image among the good ones.
      let inputs = shop.file("data/c/images")
      let bad = inputs.appendingPathComponent("bad.png")
      try Data(contentsOf: inputs.appendingPathComponent("0.png")).prefix(60).write(to: bad)
      let out = shop.file("out")
      let prediction = try Program.run(
        "predict", run.path, inputs.path, "--out", out.path, "--format", "mask,probability,overlay")
      #expect(prediction.code == 1 && prediction.err.contains(bad.path), "\(prediction.err)")
      for index in 0..<8 {
        for (format, channels) in [("mask", 1), ("probability", 1), ("overlay", 3)] {
          let image = try ImageFile.read(out.appendingPathComponent("\(index)-\(format).png"))
          #expect(image.width == 40 + index && image.height == 32)
          #expect(image.channels == channels)
          if format == "mask" { #expect(image.pixels.allSatisfy { $0 == 0 || $0 == 255 }) }
        }
      }
      let above = try Program.run("predict", run.path, shop.data.path, "--out", out.path)
      #expect(
        above.code == 1 && above.err.contains("left out: 3 folders")
          && above.err.contains("DATA/SITE/images"),
        "\(above.err)")
      let blocked = try Program.run(
        "predict", run.path, inputs.path, "--out", bad.appendingPathComponent("below").path)
      #expect(blocked.code == 1 && blocked.err.contains(bad.path), "\(blocked.err)")

      // Masks carry their images' names: into the images' own folder they would replace them.
      let before = try Data(contentsOf: inputs.appendingPathComponent("1.png"))
      let onto = try Program.run("predict", run.path, inputs.path, "--out", inputs.path)
      #expect(onto.code == 2 && onto.err.contains(inputs.path), "\(onto.err)")
      #expect(try Data(contentsOf: inputs.appendingPathComponent("1.png")) == before)

      // The folder holds a run now.
      let again = try Program.run(shop.training("run"))
      let advice = "holds a run already; continue it with --resume, or choose another --out"
      #expect(again.code == 1 && again.err.contains("\(run.path): \(advice)"), "\(again.err)")
    }

    @Test("A ResNet of random weights goes the whole way, too")
    func resNet() throws {
      let shop = try Workshop()
      let geometry = """
        {projection_dim: 16, vision_config: {resnet_layers: [1, 1, 1, 1], hidden_size: 128,
        num_attention_heads: 2, image_size: 32}, text_config: {hidden_size: 16, intermediate_size: 32,
        num_hidden_layers: 1, num_attention_heads: 2, vocab_size: 514}}
        """
      try Data(geometry.utf8).write(to: shop.file("resnet.json"))
      let clip = "random:\(shop.file("resnet.json").path)"
      let info = try Program.run("clip", "info", clip)
      #expect(info.code == 0 && info.out.contains("ResNet") && info.out.contains("1 + 1 + 1 + 1"), "\(info)")
      let image = shop.file("data/a/images/0.png").path
      let features = shop.file("features.safetensors")
      let embedding = try Program.run(
        "clip", "embed", clip, "--images", image, "--texts", "a polyp", "--dense", "maskclip", "--out",
        features.path)
      #expect(embedding.code == 0, "\(embedding.err)")
      let shapes = try SafetensorsFile(features).tensors().mapValues(\.shape)
      #expect(shapes == ["image_features": [1, 16], "text_features": [1, 16], "dense": [1, 1, 1, 16]])

      let training = try Program.run(
        shop.training("run", clip: clip, more: ["model.head.towerLayers=[2,4]", "--tune", "last-2"]))
      try #require(training.code == 0, "\(training.err)")
      let evaluation = try Program.run("evaluate", shop.file("run").path, "--json")
      #expect(evaluation.code == 0, "\(evaluation.err)")
      let prediction = try Program.run(
        "predict", shop.file("run").path, image, "--out", shop.file("out").path)
      #expect(prediction.code == 0, "\(prediction.err)")
      let mask = try ImageFile.read(shop.file("out/0.png"))
      #expect(mask.width == 40 && mask.height == 32)
    }

    @Test("data inspect counts sites and reports what is wrong")
    func inspect() throws {
      let shop = try Workshop()
      try shop.grey("data/b/masks/3.png", width: 2, [0, 0, 0, 0])
      try FileManager.default.removeItem(at: shop.file("data/c/masks/4.png"))
      let outcome = try Program.run("data", "inspect", shop.data.path, "--json")
      #expect(outcome.code == 1, "\(outcome.err)")
      let report = try #require(try outcome.json() as? [String: Any])
      let sites = try #require(report["sites"] as? [[String: Any]])
      #expect(sites.map { $0["name"] as? String } == ["a", "b", "c"])
      #expect(sites.allSatisfy { $0["images"] as? Int == 8 })
      #expect(sites[0]["smallest"] as? String == "40×32" && sites[0]["largest"] as? String == "47×32")
      let problems = try #require(report["problems"] as? [String])
      #expect(problems.contains { $0.contains("b/masks/3.png") && $0.contains("2×2") })
      #expect(problems.contains { $0.contains("c/masks") && $0.contains("such as 4") })
    }

    @Test("A mask does not depend on the other outputs, and metrics of the masks are the scores of evaluate")
    func scoresOfMasks() throws {
      let shop = try Workshop()
      let sizes = [(1600, 1200), (700, 520)]
      for (index, size) in sizes.enumerated() {
        try shop.jpeg("d", "\(index)", width: size.0, height: size.1)
      }
      let run = shop.file("run").path
      let training = try Program.run(shop.training("run", holdOut: "d"))
      try #require(training.code == 0, "\(training.err)")
      let images = shop.file("data/d/images").path

      func predict(_ out: String, _ more: String...) throws {
        let outcome = try Program.run(["predict", run, images, "--out", shop.file(out).path] + more)
        try #require(outcome.code == 0, "\(outcome.err)")
      }
      // A threshold that leaves lesion and background in the masks.
      try predict("probabilities", "--format", "probability")
      let levels = try ImageFile.read(shop.file("probabilities/0.png")).pixels.sorted()
      let threshold = "\(Double(levels[levels.count * 3 / 4]) / 255)"
      try predict("masks", "--threshold", threshold)
      try predict("all", "--threshold", threshold, "--format", "mask,overlay,probability")
      // Settings of inference may change for one command, others not.
      try predict("set", "--set", "inference.threshold=\(threshold)")
      #expect(try Data(contentsOf: shop.file("set/0.png")) == Data(contentsOf: shop.file("masks/0.png")))
      let refused = try Program.run(
        "predict", run, images, "--out", shop.file("no").path, "--set", "epochs=9")
      #expect(refused.code == 1 && refused.err.contains("--set epochs=9"), "\(refused.err)")
      let both = try Program.run(
        "predict", run, images, "--out", shop.file("no").path, "--threshold", "0.5", "--set",
        "inference.threshold=dice")
      #expect(both.code == 2 && both.err.contains("--set inference.threshold=dice"), "\(both.err)")
      let typo = try Program.run("evaluate", run, "--set", "inferrence.flips=false")
      #expect(typo.code != 0 && typo.err.contains("did you mean \"inference\"?"), "\(typo.err)")
      let scales = try Program.run("evaluate", run, "--set", "inference.scales=[1, 2]")
      #expect(scales.code == 1 && scales.err.contains("inference.scales is [1.0, 2.0]"), "\(scales.err)")
      #expect(!scales.err.contains("config.json"))

      let evaluation = try Program.run("evaluate", run, "--threshold", threshold, "--json")
      try #require(evaluation.code == 0, "\(evaluation.err)")
      let sites = try #require(try evaluation.json() as? [[String: Any]])
      let scores = try #require(sites.first?["model"] as? NSDictionary)
      for index in sizes.indices {
        let (alone, beside) = (shop.file("masks/\(index).png"), shop.file("all/\(index)-mask.png"))
        #expect(try Data(contentsOf: alone) == Data(contentsOf: beside))
      }
      let metrics = try Program.run(
        "metrics", "--prediction", shop.file("masks").path, "--reference", shop.file("data/d/masks").path,
        "--json")
      try #require(metrics.code == 0, "\(metrics.err)")
      let document = try #require(try metrics.json() as? NSDictionary)
      #expect((document["metrics"] as? NSDictionary) == (scores["metrics"] as? NSDictionary))
      let dice = (scores["metrics"] as? [String: [String: Double]])?["dice"]?["mean"] ?? 0
      #expect(dice > 0 && dice < 1)
    }

    @Test("metrics of a pair equal those worked by hand")
    func metrics() throws {
      let shop = try Workshop()
      // Three and two pixels of lesion, two in common, of eight: Dice 4/5, IoU 2/3, accuracy 7/8.
      try shop.grey("p.png", width: 4, [255, 255, 255, 0, 0, 0, 0, 0])
      try shop.grey("r.png", width: 4, [255, 255, 0, 0, 0, 0, 0, 0])
      let outcome = try Program.run(
        "metrics", "--prediction", shop.file("p.png").path, "--reference", shop.file("r.png").path, "--json")
      #expect(outcome.code == 0, "\(outcome.err)")
      let scores = try #require(try outcome.json() as? [String: Any])
      let expected = ["dice": 0.8, "iou": 2.0 / 3, "accuracy": 0.875, "precision": 2.0 / 3, "recall": 1]
      for (name, value) in expected {
        let found = try #require(scores[name] as? Double, "\(name)")
        #expect(abs(found - value) < 1e-9, "\(name) is \(found)")
      }
      #expect(scores["empty_mask_policy"] is String && scores["distance_unit"] as? String == "px")
      #expect((scores["detection"] as? [String: Any])?["found"] as? Int == 1)
      try shop.grey("q.png", width: 2, [0, 0, 0, 0])
      let mismatch = try Program.run(
        "metrics", "--prediction", shop.file("q.png").path, "--reference", shop.file("r.png").path)
      #expect(mismatch.code == 1 && mismatch.err.contains("q.png") && mismatch.err.contains("r.png"))
    }

    @Test("a probability image is scored at the threshold, by the polyp protocol and for calibration")
    func probabilityImage() throws {
      let shop = try Workshop()
      try shop.grey("p.png", width: 4, [255, 204, 102, 0, 0, 0, 0, 0])
      try shop.grey("r.png", width: 4, [255, 255, 0, 0, 0, 0, 0, 0])
      let pair = ["--prediction", shop.file("p.png").path, "--reference", shop.file("r.png").path]
      func run(_ more: String...) throws -> Outcome { try Program.run(["metrics"] + pair + more) }

      let low = try #require(try run("--threshold", "0.4", "--json").json() as? [String: Any])
      #expect(low["dice"] as? Double == 0.8 && low["threshold"] as? Double == 0.4)
      #expect(low["protocol"] as? String == "fixed-threshold" && low["polyp"] == nil)
      // Of one, two and three pixels, two have the highest expected Dice, 54.5 / 64.
      let level = try #require(try run("--threshold", "dice", "--json").json() as? [String: Any])
      #expect(level["dice"] as? Double == 1 && level["threshold"] as? String == "dice")
      let plain = try #require(try run("--json").json() as? [String: Any])
      #expect(plain["threshold"] as? Double == 0.5)

      let both = try #require(
        try run("--protocol", "pranet", "--spacing", "0.5,2", "--json").json() as? [String: Any])
      #expect(both["dice"] as? Double == 1 && both["distance_unit"] as? String == "mm")
      let polyp = try #require((both["polyp"] as? [String: Any])?["all"] as? [String: Double])
      // At level 0 all 8 pixels are marked, up to 102 three, up to 204 two, beyond it one.
      let dice: Double = [0.4, 102 * 0.8, 102, 34].reduce(0, +) / 256
      #expect(abs((polyp["mean_dice"] ?? 0) - dice) < 1e-9 && polyp["max_dice"] == 1)
      #expect(abs((polyp["mae"] ?? 0) - 0.075) < 1e-9)
      let calibration = try #require(both["calibration"] as? [String: Any])
      #expect(abs((calibration["brier"] as? Double ?? 0) - 0.025) < 1e-9)

      let table = try run("--protocol", "pranet", "--csv", shop.file("images.csv").path)
      #expect(
        table.code == 0 && table.out.contains("mean_dice") && table.out.contains("Brier"), "\(table.err)")
      #expect(try String(contentsOf: shop.file("images.csv"), encoding: .utf8).contains(",weighted_f,"))
      for (option, value) in [
        ("--spacing", "0"), ("--spacing", "1,2,3"), ("--spacing", "a"), ("--protocol", "best"),
        ("--tolerance", "-1"),
      ] {
        let refused = try run(option, value)
        #expect(refused.code == 2 && refused.err.contains(option), "\(option) \(value)")
      }
    }
  }
}
