import Foundation
import Imaging
import Testing

extension ProgramTests {
  @Suite("Several classes")
  struct SeveralClassesTests {
    /// A shop whose masks are label maps: the disc is 2, and a bar below it 5.
    private func shop() throws -> Workshop {
      let shop = try Workshop()
      for site in ["a", "b", "c"] {
        for index in 0..<8 {
          let path = "data/\(site)/masks/\(index).png"
          let mask = try ImageFile.read(shop.file(path))
          let labels = mask.pixels.enumerated().map { pixel, value in
            value > 0 ? UInt8(2) : pixel / mask.width > 27 && pixel % mask.width > 20 ? 5 : 0
          }
          try shop.grey(path, width: mask.width, labels)
        }
      }
      let sites = ["a", "b", "c"].map { "{name: '\($0)', labels: {disc: 2, 'a bar': 5}}" }
      try Data("{sites: [\(sites.joined(separator: ", "))]}".utf8)
        .write(to: shop.file("data/sites.json5"))
      return shop
    }

    @Test("data inspect counts labels; train, evaluate and predict have a mask and a score for each")
    func pipeline() throws {
      let shop = try shop()
      let inspection = try Program.run("data", "inspect", shop.data.path)
      #expect(inspection.out.contains("masks with it"), "\(inspection.err)")
      #expect(inspection.out.contains("a bar"), "\(inspection.out)")
      let training = try Program.run(
        shop.training(
          "run", epochs: 1, more: ["--method", "baseline", "--set", "classes=[\"disc\",\"a bar\"]"]))
      try #require(training.code == 0, "\(training.err)")
      #expect(training.err.contains("masks of a: disc is 2, in 8 masks; a bar is 5, in 8 masks"))
      #expect(training.out.contains("baseline: a bar"), "\(training.out)")
      let run = shop.file("run").path

      let evaluation = try Program.run("evaluate", run, "--threshold", "dice")
      #expect(evaluation.code == 0, "\(evaluation.err)")
      #expect(evaluation.out.contains("n = 16 (8 images, once for each of 2 classes)"), "\(evaluation.out)")
      #expect(evaluation.out.contains("baseline: disc") && evaluation.out.contains("baseline: a bar"))
      let written = try JSONSerialization.jsonObject(
        with: Data(contentsOf: shop.file("run/evaluation-c.json")))
      let classes = try #require((written as? [String: Any])?["classes"] as? [[String: Any]])
      #expect(classes.map { $0["class"] as? String } == ["disc", "a bar"])

      let inputs = shop.file("data/c/images").path
      let prediction = try Program.run(
        "predict", run, inputs, "--out", shop.file("out").path, "--format", "mask,probability,overlay",
        "--threshold", "0", "--json")
      #expect(prediction.code == 0, "\(prediction.err)")
      let first = try #require((try prediction.json() as? [[String: Any]])?.first)
      let found = try #require(first["classes"] as? [[String: Any]])
      #expect(found.map { $0["class"] as? String } == ["disc", "a bar"])
      #expect(found.map { $0["lesion_share"] as? Double } == [1, 1])
      #expect(found[1]["files"] as? [String] == ["0-a-bar-mask.png", "0-a-bar-probability.png"])
      #expect((found[0]["score"] as? Double ?? -1) > 0 && first["lesion_share"] as? Double == 1)
      let mask = try ImageFile.read(shop.file("out/0-disc-mask.png"))
      #expect((mask.width, mask.height) == (40, 32) && mask.pixels.allSatisfy { $0 == 255 })
      // The overlay shows the later class on top, and a line of the legend for each below.
      let overlay = try ImageFile.read(shop.file("out/0-overlay.png"))
      #expect(overlay.width == 40 && overlay.height == 32 + 2 * 11 + 2)
      #expect(Array(overlay.pixels[0..<3]) == [86, 180, 233])
      func pixel(_ x: Int, _ y: Int) -> [UInt8] {
        Array(overlay.pixels[3 * (y * 40 + x)..<3 * (y * 40 + x) + 3])
      }
      #expect(pixel(2, 32 + 3) == [240, 228, 66] && pixel(2, 32 + 14) == [86, 180, 233])

      let single = try Program.run("predict", run, inputs, "--out", shop.file("masks").path)
      #expect(single.code == 0, "\(single.err)")
      let names = try FileManager.default.contentsOfDirectory(atPath: shop.file("masks").path)
      #expect(names.filter { $0.hasSuffix(".png") }.count == 16 && names.contains("7-disc.png"))
    }

    @Test("A review has a mask for each class, and its decisions become label maps to train on")
    func reviewed() throws {
      let shop = try shop()
      let classes = ["--method", "baseline", "--set", "classes=[\"disc\",\"a bar\"]"]
      let training = try Program.run(shop.training("run", epochs: 1, more: classes))
      try #require(training.code == 0, "\(training.err)")
      let (run, inputs) = (shop.file("run").path, shop.file("data/a/images").path)
      let made = try Program.run("review", run, inputs, "--out", shop.file("review").path)
      #expect(made.code == 0 && made.err.contains("the review has no explanations"), "\(made.err)")
      let predicted = try Program.run(
        "predict", run, inputs, "--out", shop.file("out").path, "--format", "mask,probability")
      try #require(predicted.code == 0, "\(predicted.err)")
      let of = try Program.run("review", shop.file("out").path, "--out", shop.file("second").path)
      #expect(of.code == 0, "\(of.err)")
      for name in ["review", "second"] {
        let review = ReviewFiles(shop.file(name))
        #expect(try review.content("review.js")["layers"] as? [String] == ["disc", "a bar"])
        let item = try review.content("items/0.js")
        let layers = (item["masks"] as? [[String: Any]])?.map { $0["layer"] as? String }
        #expect(layers == ["disc", "a bar"], "\(name)")
        #expect((item["probability"] as? [Any])?.count == 2, "\(name)")
      }
      let review = ReviewFiles(shop.file("review"))
      for item in ["0", "1", "2", "3"] { try review.decide(item, "accept") }
      let applied = try Program.run(
        "review", "apply", review.url.path, "--out", shop.data.path, "--site", "seen")
      try #require(applied.code == 0, "\(applied.err)")
      let again = try Program.run(shop.training("next", epochs: 1, more: classes))
      #expect(again.code == 0 && again.err.contains("seen"), "\(again.err)")
    }

    @Test("explain and methods of one mask say so")
    func refused() throws {
      let shop = try shop()
      let classes = ["--set", "classes=[\"disc\",\"a bar\"]"]
      let method = try Program.run(shop.training("run", more: ["--method", "clipseg"] + classes))
      #expect(method.code != 0 && method.err.contains("clipseg segments one class"), "\(method.err)")
      let unknown = try Program.run(shop.training("run", more: ["--set", "classes=[\"disc\",\"polyp\"]"]))
      #expect(unknown.code != 0 && unknown.err.contains("no label \"polyp\""), "\(unknown.err)")
      let training = try Program.run(
        shop.training("run", epochs: 1, more: ["--method", "baseline"] + classes))
      try #require(training.code == 0, "\(training.err)")
      let explanation = try Program.run(
        "explain", shop.file("run").path, shop.file("data/c/images/0.png").path, "--out",
        shop.file("why").path)
      #expect(explanation.code != 0 && explanation.err.contains("several classes"), "\(explanation.err)")
      // No command sends to `mcdrl calibrate`, which refuses such a run.
      let (run, images) = (shop.file("run").path, shop.file("data/c/images").path)
      for call in [
        ["calibrate", run], ["evaluate", run, "--unlabelled", images],
        ["predict", run, images, "--out", shop.file("maps").path, "--format", "calibrated"],
      ] {
        let refusal = try Program.run(call)
        #expect(refusal.code == 1 && refusal.err.contains("only a run of one mask"), "\(refusal.err)")
        #expect(!refusal.err.contains("mcdrl calibrate RUN"), "\(refusal.err)")
      }
    }
  }
}
