import Foundation
import Testing

extension ProgramTests {
  @Suite("Bad input")
  struct BadInputTests {
    /// Training that must fail with an exit code and a short message that names something.
    private func refused(_ words: [String], code: Int32 = 1, naming named: String) throws {
      let outcome = try Program.run(words)
      #expect(outcome.code == code && outcome.err.contains(named), "\(outcome.code) \(outcome.err)")
      #expect(outcome.err.contains("mcdrl: "))
    }

    @Test("A truncated image in a site is named")
    func truncated() throws {
      let shop = try Workshop()
      let image = shop.file("data/b/images/5.png")
      try Data(contentsOf: image).prefix(80).write(to: image)
      try refused(shop.training("run"), naming: image.path)
    }

    @Test("Words without mechanisms are refused before any image is read, unless nothing is to be set")
    func noMechanisms() throws {
      let shop = try Workshop()
      let file = Program.root.appendingPathComponent("Prompts/endoscopy.json5")
      let text = try String(contentsOf: file, encoding: .utf8)
      let plain = text.replacingOccurrences(
        of: #",\s*(mechanism: "[a-z-]+"|strength: \[[^\]]*\])"#, with: "", options: .regularExpression)
      try #require(plain.contains("mucus") && !plain.contains("mechanism:"))
      let words = shop.file("words.json5")
      try Data(plain.utf8).write(to: words)
      let training = shop.training("run", epochs: 1, more: ["--prompts", words.path])
      let off = ["--set", "interventions.share=0"]
      let trained = try Program.run(training + off)
      #expect(trained.code == 0, "\(trained.err)")
      // An image that cannot be read would be named if any were read.
      try Data("no image".utf8).write(to: shop.file("data/a/images/0.png"))
      let study = [
        "--data", shop.data.path, "--clip", "random:Configurations/vit-tiny-p8-64.json", "--out",
        shop.file("study").path, "--prompts", words.path, "--set", "lesionClass=polyp",
      ]
      for call in [
        shop.training("other", epochs: 1, more: ["--prompts", words.path]),
        ["loso", "--methods", "baseline,mcdrl"] + study, ["ablate", "--study", "lesion-type"] + study,
      ] {
        let outcome = try Program.run(call)
        #expect(outcome.code == 1 && outcome.err.contains(words.path), "\(outcome.code) \(outcome.err)")
        for part in ["mechanism", "--set interventions.share=0"] {
          #expect(outcome.err.contains(part), "\(outcome.err)")
        }
      }
      #expect(!FileManager.default.fileExists(atPath: shop.file("other").path))
    }

    @Test("A mask of another size and a missing mask are named")
    func masks() throws {
      let shop = try Workshop()
      try shop.grey("data/a/masks/2.png", width: 2, [0, 0, 0, 0])
      try refused(shop.training("one"), naming: shop.file("data/a/masks/2.png").path)
      try FileManager.default.removeItem(at: shop.file("data/a/masks/2.png"))
      try refused(shop.training("two"), naming: shop.file("data/a/masks").path)
    }

    @Test("An --out below a regular file is named")
    func unwritable() throws {
      let shop = try Workshop()
      try Data("x".utf8).write(to: shop.file("file"))
      try refused(shop.training("file/run"), naming: shop.file("file/run").path)
    }

    @Test("A site without images, a truncated mask and a catalogue that is no JSON5 are named")
    func sites() throws {
      let shop = try Workshop()
      let mask = shop.file("data/a/masks/3.png")
      try Data(contentsOf: mask).prefix(60).write(to: mask)
      try refused(shop.training("one"), naming: mask.path)
      for index in 0..<8 { try FileManager.default.removeItem(at: shop.file("data/b/images/\(index).png")) }
      try refused(shop.training("two"), naming: "\(shop.file("data/b/images").path): site b has no images")
      try Data("{ sites: [".utf8).write(to: shop.file("data/sites.json5"))
      try refused(shop.training("three"), naming: shop.file("data/sites.json5").path)
    }

    @Test("Divergence keeps the last good state and says which setting to lower")
    func diverged() throws {
      let shop = try Workshop()
      let words = shop.training("run", more: ["optimizer.learningRate=1e30", "optimizer.warmup=0"])
      try refused(words, naming: "optimizer.learningRate")
      #expect(FileManager.default.fileExists(atPath: shop.file("run/state/checkpoint.safetensors").path))
    }

    @Test("Outputs that cannot be written and pairs that do not fit are named")
    func outputs() throws {
      let shop = try Workshop()
      try Data("x".utf8).write(to: shop.file("file"))
      let clip = Program.root.appendingPathComponent("Tests/CLIPTests/Fixtures/tiny-hf").path
      try refused(
        ["clip", "embed", clip, "--texts", "a", "--out", shop.file("file/f").path],
        naming: shop.file("file/f").path)
      try refused(shop.training("file/run"), naming: "\(shop.file("file").path) is a file")
      let (masks, images) = (shop.file("data/a/masks").path, shop.file("data/a/images").path)
      try FileManager.default.removeItem(at: shop.file("data/a/masks/4.png"))
      try refused(["metrics", "--prediction", masks, "--reference", images], naming: "such as 4")
      try FileManager.default.createDirectory(at: shop.file("none"), withIntermediateDirectories: true)
      try refused(
        ["metrics", "--prediction", masks, "--reference", shop.file("none").path],
        naming: shop.file("none").path)
    }

    @Test("A bad image, a long name and a name that is no UTF-8 do not end a batch")
    func batches() throws {
      let shop = try Workshop()
      try #require(try Program.run(shop.training("run", epochs: 1)).code == 0)
      let images = shop.file("in")
      try FileManager.default.createDirectory(at: images, withIntermediateDirectories: true)
      let good = try Data(contentsOf: shop.file("data/a/images/0.png"))
      let (long, longer) = (String(repeating: "x", count: 220), String(repeating: "y", count: 250))
      for name in ["a", "z", long, longer] {
        try good.write(to: images.appendingPathComponent(name + ".png"))
      }
      try Data("no image".utf8).write(to: images.appendingPathComponent("bad.png"))
      // caf\xE9.png, in Latin-1.
      func latin(_ folder: URL) -> [CChar] {
        (Array(folder.path.utf8) + Array("/caf".utf8) + [0xE9] + Array(".png".utf8) + [0]).map {
          CChar(bitPattern: $0)
        }
      }
      let odd = try #require(fopen(latin(images), "w"))
      #expect(good.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, odd) } == good.count)
      fclose(odd)
      for (formats, written) in [("mask", 5), ("mask,probability", 8)] {
        let out = shop.file("out-\(formats)")
        let outcome = try Program.run(
          "predict", shop.file("run").path, images.path, "--out", out.path, "--format", formats)
        #expect(outcome.code == 1 && outcome.err.contains("bad.png: not a JPEG"), "\(outcome.err)")
        #expect(outcome.err.contains("shorten the name") == (written == 8), "\(outcome.err)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: out.path).count >= written - written / 4)
        if written == 5 { #expect(access(latin(out), R_OK) == 0) }
      }
      let masks = shop.file("out-mask")
      for image in [masks.appendingPathComponent("a.png"), shop.file("data/a/masks/0.png")] {
        #expect(FileManager.default.fileExists(atPath: image.path))
      }
      try good.prefix(90).write(to: masks.appendingPathComponent("z.png"))
      let scored = try Program.run(
        "metrics", "--prediction", masks.path, "--reference", masks.path, "--json")
      #expect(
        scored.code == 1 && scored.err.contains("z.png") && scored.out.contains("dice"), "\(scored.err)")
      let clip = Program.root.appendingPathComponent("Tests/CLIPTests/Fixtures/tiny-hf").path
      let names = ["a", "bad", "missing", "z"].map { images.appendingPathComponent($0 + ".png").path }
      let features = shop.file("features.safetensors")
      let embedded = try Program.run(["clip", "embed", clip, "--out", features.path, "--images"] + names)
      #expect(embedded.code == 1 && embedded.err.contains("bad.png") && embedded.err.contains("missing.png"))
      #expect(embedded.err.contains("image_features 2×"), "\(embedded.err)")
    }

    @Test("A run folder whose files are damaged, gone or of another shape is refused, with the file")
    func runFolder() throws {
      let shop = try Workshop()
      try #require(try Program.run(shop.training("run", epochs: 1)).code == 0)
      let (weights, state) = (
        shop.file("run/model.safetensors"), shop.file("run/state/checkpoint.safetensors")
      )
      let (evaluate, resume) = (
        ["evaluate", shop.file("run").path], ["train", "--out", shop.file("run").path, "--resume"]
      )
      /// Spoils a file, sees the commands fail and name it, and puts it back.
      func spoil(_ file: URL, _ content: Data?, _ commands: [[String]]) throws {
        let old = try Data(contentsOf: file)
        try FileManager.default.removeItem(at: file)
        try content?.write(to: file)
        for command in commands { try refused(command, naming: file.path) }
        try old.write(to: file)
      }
      let half = try Data(contentsOf: weights).prefix(3000)
      try spoil(weights, half, [evaluate, resume])
      try spoil(weights, nil, [evaluate, resume])
      try spoil(weights, try Data(contentsOf: state), [evaluate])
      try spoil(state, half, [resume])
      try spoil(state, nil, [resume])
      try spoil(shop.file("run/prompts.json5"), Data("{".utf8), [resume])
      try spoil(shop.file("run/clip.json"), Data("{".utf8), [evaluate])
      let configuration = shop.file("run/config.json")
      try spoil(configuration, Data("{".utf8), [evaluate, resume])
      let text = try String(contentsOf: configuration, encoding: .utf8)
      let other = text.replacingOccurrences(of: #""gridWidth" : 16"#, with: #""gridWidth" : 24"#)
      try #require(other != text)
      try Data(other.utf8).write(to: configuration)
      try refused(evaluate, naming: "\(weights.path) does not fit")
      try refused(resume, naming: "\(state.path) does not fit")
      try Data(text.utf8).write(to: configuration)

      // What follows from the CLIP model is mended, and all is well again.
      try Data("{".utf8).write(to: shop.file("run/clip.json"))
      #expect(try Program.run(resume).code == 0)
      #expect(try Program.run(evaluate).code == 0)
    }

    @Test("A CLIP folder that is missing, a geometry that is missing, and one that is no JSON are named")
    func clip() throws {
      let shop = try Workshop()
      try refused(shop.training("run", clip: shop.file("nowhere").path), naming: shop.file("nowhere").path)
      let near = try Program.run(shop.training("run", clip: "tinny"))
      #expect(
        near.err.contains(
          "/tinny: no such folder; use tiny, a CLIP folder, or random:FILE; did you mean \"tiny\"?"),
        "\(near.err)")
      try refused(
        shop.training("run", clip: "random:\(shop.file("no.json").path)"), naming: shop.file("no.json").path)
      try Data("{".utf8).write(to: shop.file("bad.json"))
      try refused(
        shop.training("run", clip: "random:\(shop.file("bad.json").path)"), naming: shop.file("bad.json").path
      )
      #expect(!FileManager.default.fileExists(atPath: shop.file("run").path))
    }

    @Test("A site, a setting and a lesion class that do not exist are answered with those that do")
    func unknown() throws {
      let shop = try Workshop()
      try refused(shop.training("run", holdOut: "z"), naming: "a, b, c")
      try refused(shop.training("run", more: ["nonsense=1"]), code: 2, naming: "\"nonsense\"")
      try refused(shop.training("run", more: ["lesionClass=wart"]), naming: "\"wart\"")
      try refused(shop.training("run", more: ["tune=last-9"]), code: 2, naming: "last-1 to last-")
      #expect(!FileManager.default.fileExists(atPath: shop.file("run").path))
      try refused(["data", "inspect", shop.file("nowhere").path], naming: shop.file("nowhere").path)
      try refused(["evaluate", shop.file("nowhere").path], naming: shop.file("nowhere").path)
    }
  }
}
