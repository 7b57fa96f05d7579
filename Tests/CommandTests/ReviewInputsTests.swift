import Foundation
import Testing

extension ProgramTests {
  @Suite("Inputs of a review")
  struct ReviewInputsTests {
    @Test("Images of one stem in different folders are different items, whatever their order")
    func equalStems() throws {
      let shop = try Workshop()
      let training = try Program.run(shop.training("run", epochs: 1))
      try #require(training.code == 0, "\(training.err)")
      let folders = ["data/a/images", "data/b/images"].map { shop.file($0).path }
      func review(_ name: String, _ inputs: [String]) throws -> ReviewFiles {
        let made = try Program.run(
          ["review", shop.file("run").path] + inputs + ["--out", shop.file(name).path, "--explain", "0"])
        try #require(made.code == 0, "\(made.err)")
        return ReviewFiles(shop.file(name))
      }
      let twice = shop.file("data/a/images/0.png").path
      let first = try review("first", folders + [twice])
      let (ids, files) = (try first.column("id"), try first.column("file"))
      #expect(ids.count == 16 && Set(ids).count == 16)
      #expect(files[0] == "a/images/0.png" && files[8] == "b/images/0.png")
      #expect(ids[0].hasPrefix("a-images-0-png-") && ids[8].hasPrefix("b-images-0-png-"))
      let other = try review("other", folders.reversed())
      #expect(
        Dictionary(zip(files, ids)) { $1 }
          == Dictionary(zip(try other.column("file"), try other.column("id"))) { $1 })
      for (id, path) in zip(ids, files) {
        #expect(
          try Data(contentsOf: shop.file("first/images/\(id).png"))
            == Data(contentsOf: shop.file("data/\(path)")), "\(path)")
      }

      try first.decide(ids[0], "accept")
      try first.decide(ids[8], "no-lesion")
      let applied = try Program.run(
        "review", "apply", first.url.path, "--out", shop.data.path, "--site", "seen")
      try #require(applied.code == 0, "\(applied.err)")
      for (place, kind) in [(0, "images"), (8, "images"), (0, "masks"), (8, "model-masks")] {
        #expect(
          FileManager.default.fileExists(atPath: shop.file("data/seen/\(kind)/\(ids[place]).png").path))
      }
      let record = try JSONSerialization.jsonObject(
        with: Data(contentsOf: shop.file("data/seen/review.json")))
      let images = (record as? [String: Any])?["images"] as? [[String: Any]]
      #expect(images?.map { $0["file"] as? String } == ["a/images/0.png", "b/images/0.png"])
      #expect(images?.map { $0["site"] as? String } == ["a", "b"])
    }

    @Test("Images of one stem alone keep it as their ID")
    func ownStems() throws {
      let shop = try Workshop()
      try #require(try Program.run(shop.training("run", epochs: 1)).code == 0)
      let made = try Program.run(
        "review", shop.file("run").path, shop.file("data/c/images").path, "--out", shop.file("review").path,
        "--explain", "0")
      try #require(made.code == 0, "\(made.err)")
      #expect(try ReviewFiles(shop.file("review")).column("id") == (0..<8).map { "\($0)" })
    }
  }
}
