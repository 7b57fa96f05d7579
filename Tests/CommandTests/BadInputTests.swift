import Foundation
import Testing

extension ProgramTests {
  @Suite("Bad input")
  struct BadInputTests {
    /// Training that must fail with exit code 1 and a short message that names something.
    private func refused(_ words: [String], naming named: String) throws {
      let outcome = try Program.run(words)
      #expect(outcome.code == 1 && outcome.err.contains(named), "\(outcome.code) \(outcome.err)")
      #expect(outcome.err.contains("mcdrl: "))
    }

    @Test("A truncated image in a site is named")
    func truncated() throws {
      let shop = try Workshop()
      let image = shop.file("data/b/images/5.png")
      try Data(contentsOf: image).prefix(80).write(to: image)
      try refused(shop.training("run"), naming: image.path)
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

    @Test("A CLIP folder that is missing, a geometry that is missing, and one that is no JSON are named")
    func clip() throws {
      let shop = try Workshop()
      try refused(shop.training("run", clip: shop.file("nowhere").path), naming: shop.file("nowhere").path)
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
      try refused(shop.training("run", more: ["nonsense=1"]), naming: "\"nonsense\"")
      try refused(shop.training("run", more: ["lesionClass=wart"]), naming: "\"wart\"")
      try refused(["data", "inspect", shop.file("nowhere").path], naming: shop.file("nowhere").path)
      try refused(["evaluate", shop.file("nowhere").path], naming: shop.file("nowhere").path)
    }
  }
}
