import Foundation
import Imaging
import Storage
import Testing
import Torch

extension ProgramTests {
  @Suite("Explain")
  struct ExplainTests {
    @Test("Images and sites are explained, one bad image does not lose the others, and the folder is whole")
    func explain() throws {
      let shop = try Workshop()
      try #require(try Program.run(shop.training("run", epochs: 1)).code == 0)
      let (run, out) = (shop.file("run").path, shop.file("out"))
      let bad = shop.file("data/b/images/bad.png")
      try Data(contentsOf: shop.file("data/b/images/0.png")).prefix(60).write(to: bad)
      // Nor one that cannot be read at all.
      let gone = shop.file("data/b/images/gone.png")
      try FileManager.default.createSymbolicLink(at: gone, withDestinationURL: shop.file("nowhere.png"))
      let images = try Program.run(
        "explain", run, shop.file("data/b/images").path, "--out", out.path, "--sweep", "dark,near",
        "--strengths", "1,0.5", "--json", "--precision", "bfloat16", "--decoding", "reduced")
      #expect(images.code == 1 && images.err.contains(bad.path), "\(images.err)")
      #expect(images.err.contains("2 images failed") && images.err.contains(gone.path), "\(images.err)")
      let document = try #require(try images.json() as? [String: Any])
      #expect((document["images"] as? [Any])?.count == 8 && document["strengths"] as? [Double] == [0.5, 1])
      #expect(
        images.err.contains("explaining: 4 of 10 images, ") && images.err.contains(" left\n"), "\(images.err)"
      )
      #expect(document["faithfulness"] is NSNull && document["site"] is NSNull)
      let model = try #require(document["model"] as? [String: Any])
      #expect(model["precision"] as? String == "bfloat16" && model["decoding"] as? String == "reduced")
      #expect(images.err.contains("computing in bfloat16 on images decoded at a reduced size"))
      let written = try String(contentsOf: out.appendingPathComponent("explanation.json"), encoding: .utf8)
      #expect(written == images.out)
      for name in ["report.html", "pictures/3-region.png", "pictures/3-do.png", "maps/3.safetensors"] {
        #expect(FileManager.default.fileExists(atPath: out.appendingPathComponent(name).path), "\(name)")
      }
      #expect(try ImageFile.read(out.appendingPathComponent("pictures/3-mask.png")).width == 320)

      // Where results cannot be written there is no going on.
      let page = shop.file("blocked/pictures/0-mask.png")
      try FileManager.default.createDirectory(at: page, withIntermediateDirectories: true)
      let blocked = try Program.run(
        "explain", run, shop.file("data/a/images").path, "--out", shop.file("blocked").path, "--sweep", "none"
      )
      #expect(blocked.code == 1 && blocked.err.contains(page.path), "\(blocked.err)")
      #expect(!blocked.err.contains("images failed"), "\(blocked.err)")

      let site = try Program.run(
        "explain", run, "--site", "c", "--limit", "3", "--sweep", "none", "--out", out.path)
      #expect(site.code == 0 && site.out.contains("3 of 8 images explained"), "\(site.err)")
      #expect(site.out.contains("specular reflection") && !site.out.contains("nan"))
      // The second explanation of the run replaced the first whole; what is not its own stays.
      let names = ["pictures", "maps"].flatMap { folder in
        (try? FileManager.default.contentsOfDirectory(atPath: out.appendingPathComponent(folder).path)) ?? []
      }
      #expect(Set(names.map { $0.prefix { $0 != "-" && $0 != "." } }).count == 3, "\(names)")
      // That of another run is refused, and left as it is.
      let before = try Data(contentsOf: out.appendingPathComponent("explanation.json"))
      try FileManager.default.copyItem(at: shop.file("run"), to: shop.file("other"))
      let other = try Program.run(
        "explain", shop.file("other").path, "--site", "c", "--sweep", "none", "--out", out.path)
      #expect(other.code == 1 && other.err.contains("the explanation of \(run)"), "\(other.err)")
      #expect(other.err.contains("--out"), "\(other.err)")
      #expect(try Data(contentsOf: out.appendingPathComponent("explanation.json")) == before)
    }

    @Test("A baseline is explained, too")
    func baseline() throws {
      let shop = try Workshop()
      try #require(try Program.run(shop.training("run", epochs: 1) + ["--method", "baseline"]).code == 0)
      let outcome = try Program.run(
        "explain", shop.file("run").path, shop.file("data/a/images/0.png").path, "--out",
        shop.file("out").path,
        "--sweep", "mucus", "--strengths", "1")
      #expect(outcome.code == 0 && outcome.out.contains("has no intervention"), "\(outcome.err)")
      // Words that lost their mechanisms: the sweep is refused, the rest is not.
      let words = shop.file("run/prompts.json5")
      let text = try String(contentsOf: words, encoding: .utf8)
      let plain = text.replacingOccurrences(
        of: #""mechanism" : "[a-z-]+",\s*"#, with: "", options: .regularExpression)
      try #require(plain != text)
      try Data(plain.utf8).write(to: words)
      let call = [
        "explain", shop.file("run").path, shop.file("data/a/images").path, "--out", shop.file("o").path,
      ]
      let refused = try Program.run(call)
      #expect(
        refused.code == 1 && refused.err.contains(words.path) && refused.err.contains("--sweep none"),
        "\(refused.err)")
      #expect(try Program.run(call + ["--sweep", "none"]).code == 0)
    }

    @Test("What cannot be explained is refused with the name and the fix")
    func refused() throws {
      let shop = try Workshop()
      try #require(try Program.run(shop.training("run", epochs: 1)).code == 0)
      let (run, images, out) = (shop.file("run").path, shop.file("data/a/images").path, shop.file("out").path)
      try FileManager.default.createDirectory(at: shop.file("empty"), withIntermediateDirectories: true)
      func expect(_ code: Int32, _ words: [String], _ named: String) throws {
        let outcome = try Program.run(["explain"] + words)
        #expect(
          outcome.code == code && outcome.err.contains(named), "\(words): \(outcome.code) \(outcome.err)")
        #expect(outcome.err.split(separator: "\n").contains { $0.hasPrefix("mcdrl: ") })
      }
      try expect(2, [], "give a run folder")
      try expect(2, [run, images], "--out is missing")
      try expect(2, [run, "--out", out], "give images")
      try expect(2, [run, images, "--site", "a", "--out", out], "not both")
      try expect(2, [run, images, "--out", out, "--strengths", "0.5,2"], "--strengths")
      try expect(2, [run, images, "--out", out, "--sweep", ","], "--sweep")
      try expect(2, [run, images, "--out", out, "--limit", "0"], "--limit")
      try expect(1, [run, images, "--out", out, "--sweep", "rain"], "\"rain\"")
      try expect(1, [images, images, "--out", out], images)
      try expect(1, [run, shop.file("empty").path, "--out", out], "holds no image")
      try expect(1, [run, shop.file("nowhere").path, "--out", out], shop.file("nowhere").path)
      try expect(1, [run, images, shop.file("data/b/images").path, "--out", out], "same stem")
      try expect(1, [run, "--site", "z", "--out", out], "a, b, c")
      try expect(1, [run, images, "--out", images + "/0.png"], "0.png")
      // Nothing of all this left a folder behind.
      #expect(!FileManager.default.fileExists(atPath: out))
      try Data("no image".utf8).write(to: shop.file("text.png"))
      try expect(1, [run, shop.file("text.png").path, "--out", out], shop.file("text.png").path)
      let pictures = shop.file("own/pictures")
      try FileManager.default.createDirectory(at: pictures, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: shop.file("data/a/images/0.png"), to: pictures.appendingPathComponent("0.png"))
      try expect(2, [run, pictures.path, "--out", shop.file("own").path], "choose another")
    }
  }
}
