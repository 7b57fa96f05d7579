import Foundation
import Imaging
import Testing

extension ProgramTests {
  @Suite("Data folders")
  struct DataTests {
    @Test("An inspection ends with 1 when it finds problems, in both forms of its result")
    func exitCode() throws {
      let shop = try Workshop()
      // The pictures of the sites are alike; one site alone has no leak.
      for site in ["b", "c"] { try FileManager.default.removeItem(at: shop.file("data/\(site)")) }
      let sound = try Program.run("data", "inspect", shop.data.path)
      #expect(sound.code == 0 && sound.out.contains("masks of a: 0 and 255"), "\(sound.out)\(sound.err)")
      try FileManager.default.removeItem(at: shop.file("data/a/masks/3.png"))
      for form in [[], ["--json"]] {
        let outcome = try Program.run(["data", "inspect", shop.data.path] + form)
        #expect(outcome.code == 1 && outcome.out.contains("1 image without a mask"), "\(outcome.out)")
        #expect(outcome.err.contains("1 problem;"), "\(outcome.err)")
      }
    }

    @Test("Data without lesion classes are worth a look, and do not fail")
    func noClasses() throws {
      let shop = try Workshop()
      for site in ["b", "c"] { try FileManager.default.removeItem(at: shop.file("data/\(site)")) }
      let outcome = try Program.run("data", "inspect", shop.data.path)
      #expect(outcome.code == 0 && outcome.out.contains("worth a look"), "\(outcome.out)")
      #expect(outcome.out.contains("no lesion classes") && outcome.out.contains("lesionClass=polyp"))
      try Data("{sites: [{name: 'a', class: 'polyp'}]}".utf8)
        .write(to: shop.file("data/sites.json5"))
      let stated = try Program.run("data", "inspect", shop.data.path)
      #expect(!stated.out.contains("no lesion classes"), "\(stated.out)")
    }

    @Test("A site without a lesion class is named where another site has one")
    func silentSite() throws {
      let shop = try Workshop()
      try FileManager.default.removeItem(at: shop.file("data/c"))
      try Data("{sites: [{name: 'a', class: 'polyp'}, {name: 'b'}]}".utf8)
        .write(to: shop.file("data/sites.json5"))
      let outcome = try Program.run("data", "inspect", shop.data.path)
      #expect(outcome.out.contains("site b states no lesion class, and others do"), "\(outcome.out)")
      #expect(!outcome.out.contains("site a states no lesion class"), "\(outcome.out)")
    }

    @Test("Many findings of a kind are shortened in the text, and a class without prompts is named")
    func summaries() throws {
      let shop = try Workshop()
      for index in 0..<8 {
        try FileManager.default.removeItem(at: shop.file("data/a/masks/\(index).png"))
        try shop.grey("data/a/masks/x\(index).png", width: 4, [0, 0, 0, 0])
      }
      try Data("{sites: [{name: 'a', class: 'polpy'}, {name: 'b', class: 'melanoma'}]}".utf8)
        .write(to: shop.file("data/sites.json5"))
      let outcome = try Program.run("data", "inspect", shop.data.path)
      #expect(outcome.code == 1 && outcome.out.contains("did you mean \"polyp\"?"), "\(outcome.out)")
      #expect(outcome.out.contains("--prompts dermoscopy"), "\(outcome.out)")
      #expect(outcome.out.contains("… and 5 more like this"), "\(outcome.out)")
    }

    @Test(
      "A training refuses a picture that the held-out site has, unless it is allowed, and names what is left out"
    )
    func leakage() throws {
      let shop = try Workshop()
      try Data("x".utf8).write(to: shop.file("data/a/images/notes.txt"))
      let words = shop.training("run", epochs: 1)
      let refused = try Program.run(words.filter { $0 != "--allow-leakage" })
      #expect(refused.code == 1 && refused.err.contains("--allow-leakage"), "\(refused.err)")
      #expect(!FileManager.default.fileExists(atPath: shop.file("run/config.json").path))
      let allowed = try Program.run(words)
      #expect(allowed.code == 0 && allowed.err.contains("found and allowed"), "\(allowed.err)")
      #expect(allowed.err.contains("left out: 1 file without the ending of an image"), "\(allowed.err)")
    }

    @Test("A run of relative paths is evaluated and resumed from another folder, and moved data can be named")
    func relativePaths() throws {
      let shop = try Workshop()
      let words = shop.training("run", epochs: 1).map { $0 == shop.data.path ? "data" : $0 }
      let trained = try Program.run(words, from: shop.url)
      #expect(trained.code == 0, "\(trained.err)")
      let run = shop.file("run").path
      let evaluated = try Program.run(["evaluate", run, "--json"], from: URL(fileURLWithPath: "/"))
      #expect(evaluated.code == 0, "\(evaluated.err)")
      // One site gives a list of one.
      #expect((try evaluated.json() as? [Any])?.count == 1)
      let resumed = try Program.run(["train", "--out", run, "--resume"], from: URL(fileURLWithPath: "/"))
      #expect(resumed.code == 0, "\(resumed.err)")

      // An earlier version stored the words as they were.
      let file = shop.file("run/config.json")
      let text = try String(contentsOf: file, encoding: .utf8)
      let stored = text.replacingOccurrences(of: "\"\(shop.data.path)\"", with: "\"data\"")
      try #require(stored != text)
      try Data(stored.utf8).write(to: file)
      #expect(try Program.run(["evaluate", run], from: URL(fileURLWithPath: "/")).code == 0)
      try FileManager.default.moveItem(at: shop.data, to: shop.file("moved"))
      let lost = try Program.run(["evaluate", run], from: URL(fileURLWithPath: "/"))
      #expect(lost.code == 1 && lost.err.contains("--data") && lost.err.contains(run), "\(lost.err)")
      #expect(try Program.run("evaluate", run, "--data", shop.file("moved").path).code == 0)
    }

    @Test("Prediction names the files of a folder that it leaves out, and counts one failure as one")
    func leftOut() throws {
      let shop = try Workshop()
      try #require(try Program.run(shop.training("run", epochs: 1)).code == 0)
      let images = shop.file("data/c/images")
      try Data("x".utf8).write(to: images.appendingPathComponent("notes.txt"))
      try Data("x".utf8).write(to: images.appendingPathComponent("bad.jfif"))
      let outcome = try Program.run(
        "predict", shop.file("run").path, images.path, "--out", shop.file("out").path)
      #expect(outcome.code == 1 && outcome.err.contains("1 input failed:"), "\(outcome.err)")
      #expect(outcome.err.contains("left out: 1 file") && outcome.err.contains("notes.txt"), "\(outcome.err)")
      let text = try Program.run(
        "predict", shop.file("run").path, images.appendingPathComponent("notes.txt").path, "--out",
        shop.file("text").path)
      #expect(text.code == 1 && text.err.contains("nor DICOM, nor a video"), "\(text.err)")
    }
  }
}
