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

    @Test("An image keeps its ID and its decision when another one of its stem comes in")
    func laterStems() throws {
      let shop = try Workshop()
      try #require(try Program.run(shop.training("run", epochs: 1)).code == 0)
      let review = ReviewFiles(shop.file("review"))
      func make(_ folders: [String]) throws {
        let made = try Program.run(
          ["review", shop.file("run").path] + folders.map { shop.file($0).path }
            + ["--out", review.url.path, "--explain", "0"])
        try #require(made.code == 0, "\(made.err)")
      }
      try make(["data/b/images"])
      let own = (0..<8).map { "\($0)" }
      #expect(try review.column("id") == own)
      try review.decide("0", "no-lesion")
      try make(["data/a/images", "data/b/images"])
      let ids = try review.column("id")
      #expect(ids.count == 16 && Array(ids.suffix(8)) == own && Set(ids).count == 16)
      let applied = try Program.run(
        "review", "apply", review.url.path, "--out", shop.data.path, "--site", "seen")
      #expect(applied.code == 0 && applied.out.contains("1 image"), "\(applied.out) \(applied.err)")
      #expect(!applied.out.contains("no longer in the review"))
    }

    /// Starts a call and ends it once the review has a file.
    private func stop(
      _ words: [String], _ shop: Workshop, at file: String, by number: Int32
    ) throws -> (process: Process, err: String) {
      let process = try Program.start(words, in: shop.url)
      #expect(shop.wait(for: file, of: process))
      kill(process.processIdentifier, number)
      process.waitUntilExit()
      return (process, try String(contentsOf: shop.file("stderr"), encoding: .utf8))
    }

    @Test("After kills and Ctrl-C the same call goes on, and ends with the files of an uninterrupted one")
    func goesOn() throws {
      let shop = try Workshop()
      try #require(try Program.run(shop.training("run", epochs: 1)).code == 0)
      func words(_ name: String, explain: Int = 4, _ more: [String] = []) -> [String] {
        ["review", shop.file("run").path]
          + ["a", "b", "c"].map { shop.file("data/\($0)/images").path }
          + ["--out", shop.file(name).path, "--threads", "1", "--limit", "20", "--explain", "\(explain)"]
          + more
      }
      let whole = try Program.run(words("whole"))
      try #require(whole.code == 0, "\(whole.err)")
      let ids = try ReviewFiles(shop.file("whole")).column("id")
      _ = try stop(words("review"), shop, at: "review/unfinished", by: SIGKILL)
      _ = try stop(words("review"), shop, at: "review/items/\(ids[1]).js", by: SIGKILL)
      let stopped = try stop(words("review"), shop, at: "review/items/\(ids[8]).js", by: SIGINT)
      #expect(
        stopped.process.terminationReason == .exit && stopped.process.terminationStatus == 130
          && stopped.err.contains("run the same command again"), "\(stopped.err)")
      let last = try Program.run(words("review"))
      #expect(last.code == 0 && last.err.contains("kept of an earlier call: "), "\(last.err)")
      #expect(try ReviewFiles(shop.file("review")).files() == ReviewFiles(shop.file("whole")).files())

      // All are kept but those beyond the limit. Another threshold keeps none. Explanations follow --explain.
      let again = try Program.run(words("review"))
      #expect(again.err.contains("kept of an earlier call: 20 of 24 items"), "\(again.err)")
      #expect(try ReviewFiles(shop.file("review")).files() == ReviewFiles(shop.file("whole")).files())
      let other = try Program.run(words("review", explain: 0, ["--threshold", "0.3"]))
      #expect(other.code == 0 && !other.err.contains("kept of an earlier call"), "\(other.err)")
      let third = try Program.run(words("review", explain: 2, ["--threshold", "0.3"]))
      #expect(third.code == 0 && third.err.contains("20 of 24"), "\(third.err)")
      let queue = try ReviewFiles(shop.file("review")).content("queue.js")
      #expect((queue["movement"] as? [Any])?.count { !($0 is NSNull) } == 2)
      let none = try Program.run(words("review", explain: 0, ["--threshold", "0.3"]))
      #expect(none.code == 0, "\(none.err)")
      for id in ids.filter({ FileManager.default.fileExists(atPath: shop.file("review/items/\($0).js").path) }
      ) {
        let item = try ReviewFiles(shop.file("review")).content("items/\(id).js")
        #expect(item["explanation"] is NSNull, "\(id)")
      }
    }
  }
}
