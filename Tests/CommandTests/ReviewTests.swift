import Foundation
import Reviewing
import TestSupport
import Testing

extension ProgramTests {
  @Suite("Review", .enabled(if: HTTPLibrary.version != nil, "built without libmicrohttpd"))
  struct ReviewTests {
    /// A review that the program serves.
    private struct Served {
      let process: Process
      let client: RawClient
      let token: String

      init(_ review: URL, _ shop: Workshop, blocks: Int? = nil) throws {
        let limit = blocks.map { "ulimit -f \($0); " } ?? ""
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = [
          "-c", "\(limit)exec \"$0\" review serve \"$1\"",
          Program.root.appendingPathComponent(".build/debug/mcdrl").path, review.path,
        ]
        let out = shop.file("served")
        try Data().write(to: out)
        process.standardOutput = try FileHandle(forWritingTo: out)
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
        var text = ""
        for _ in 0..<6000 where !text.hasSuffix("/\n") && process.isRunning {
          usleep(5000)
          text = (try? String(contentsOf: out, encoding: .utf8)) ?? ""
        }
        let parts = text.split(separator: "/")
        try #require(parts.count == 4, "\(text)")
        client = RawClient(port: Int(parts[1].split(separator: ":")[1]) ?? 0)
        token = String(parts[2])
      }

      func put(_ decision: [String: Any], replacing revision: Int = 0) throws -> RawClient.Answer? {
        client.request(
          "PUT", "/\(token)/api/decisions/\(decision["item"] ?? "")",
          ["X-Review-Token": token, "Content-Type": "application/json", "If-Match": "\"\(revision)\""],
          body: try JSONSerialization.data(withJSONObject: decision))
      }

      func end(_ number: Int32) {
        kill(process.processIdentifier, number)
        process.waitUntilExit()
      }
    }

    /// The argument of the call in a data file.
    private func content(_ file: URL) throws -> [String: Any] {
      let text = try String(contentsOf: file, encoding: .utf8)
      let start = try #require(text.firstIndex(of: "("))
      let json = Data(text[text.index(after: start)...].dropLast(3).utf8)
      return try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    }

    private func decision(
      _ item: String, _ verdict: String, _ review: URL, comment: String = ""
    ) throws -> [String: Any] {
      let own = try content(review.appendingPathComponent("items/\(item).js"))
      return [
        "format": 1, "review": try content(review.appendingPathComponent("review.js"))["id"] ?? "",
        "item": item,
        "reviewer": "Ana", "time": "2026-05-04T09:31:07.250Z", "verdict": verdict, "class": NSNull(),
        "comment": comment, "masks": NSNull(), "model_hash": own["model_hash"] ?? "", "seconds": 2,
      ]
    }

    @Test("Predictions are reviewed, decisions survive a kill and a full disk, and a model trains on them")
    func wholeWay() throws {
      let shop = try Workshop()
      let (run, review) = (shop.file("run"), shop.file("review"))
      let training = try Program.run(shop.training("run"))
      try #require(training.code == 0, "\(training.err)")
      let words = [
        "review", run.path, shop.file("data/c/images").path,
        shop.file("data/a/images/0.png").path.replacingOccurrences(
          of: "/a/images/0.png", with: "/a/images/renamed.png"), "--out", review.path, "--explain", "2",
      ]
      // A copy under another name is known by its bytes.
      try FileManager.default.moveItem(
        at: shop.file("data/a/images/0.png"), to: shop.file("data/a/images/renamed.png"))
      try FileManager.default.moveItem(
        at: shop.file("data/a/masks/0.png"), to: shop.file("data/a/masks/renamed.png"))
      let made = try Program.run(words)
      try #require(made.code == 0, "\(made.err)")
      #expect(made.out.contains("9 items to review, 1 of them confident controls"), "\(made.out)")
      let document = try content(review.appendingPathComponent("review.js"))
      #expect((document["sites"] as? [[String: Any]])?.map { $0["held_out"] as? Bool } == [false, true])
      let queue = try content(review.appendingPathComponent("queue.js"))
      let ids = try #require(queue["id"] as? [String])
      #expect(ids == (0..<8).map { "\($0)" } + ["renamed"])
      #expect((queue["movement"] as? [Any])?.count { !($0 is NSNull) } == 2)
      #expect(FileManager.default.fileExists(atPath: review.appendingPathComponent("index.html").path))
      let explained = try ids.filter {
        try content(review.appendingPathComponent("items/\($0).js"))["explanation"] is [String: Any]
      }
      #expect(explained.count == 2)

      var served = try Served(review, shop)
      let second = try Program.run("review", "serve", review.path)
      #expect(second.code == 1 && second.err.contains("in use"), "\(second.err)")
      #expect(try served.put(decision("1", "accept", review))?.status == 201)
      #expect(try served.put(decision("renamed", "no-lesion", review))?.status == 201)
      served.end(SIGKILL)
      served = try Served(review, shop)
      #expect(try served.put(decision("1", "reject", review))?.status == 409)
      #expect(try served.put(decision("1", "accept", review), replacing: 1)?.status == 200)
      served.end(SIGINT)
      #expect(served.process.terminationReason == .exit && served.process.terminationStatus == 130)

      // Files of at most 1 KiB stand for a full disk.
      served = try Served(review, shop, blocks: 1)
      let long = try decision("2", "accept", review, comment: String(repeating: "x", count: 3000))
      let full = try served.put(long)
      #expect(full?.status == 507 && full?.headers.contains("Retry-After") == true, "\(full?.status ?? 0)")
      #expect(try served.put(decision("3", "accept", review))?.status == 201)
      served.end(SIGTERM)
      #expect(served.process.terminationStatus == 143)
      let ana = review.appendingPathComponent("decisions/Ana")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: ana.path).sorted() == [
          "1.json", "3.json", "renamed.json",
        ])

      // The same call again keeps the review and its decisions.
      #expect(try Program.run(words).code == 0)
      #expect(
        try content(review.appendingPathComponent("review.js"))["id"] as? String == document["id"] as? String)
      #expect(try FileManager.default.contentsOfDirectory(atPath: ana.path).count == 3)

      let apply = ["review", "apply", review.path, "--out", shop.data.path, "--site", "seen", "--json"]
      let refused = try Program.run(apply)
      #expect(refused.code == 1 && refused.err.contains("--allow-held-out"), "\(refused.err)")
      let applied = try Program.run(apply + ["--allow-held-out"])
      try #require(applied.code == 0, "\(applied.err)")
      let summary = try #require(try applied.json() as? [String: Any])
      #expect(summary["images"] as? Int == 3 && summary["held_out"] as? Int == 2)
      let again = try Program.run(shop.training("second", holdOut: "b"))
      #expect(
        again.code == 0 && again.err.contains("note: site seen: 2 images of c, which run withheld"),
        "\(again.err)")

      let agreement = try Program.run("review", "agreement", review.path)
      #expect(agreement.code == 0 && agreement.out.contains("Ana 3"), "\(agreement.out)")
    }

    @Test("Folders that hold no review, and reviews of another run, are errors with the fix")
    func wrongFolders() throws {
      let shop = try Workshop()
      for words in [["serve"], ["apply", "--out", shop.file("x").path], ["agreement"]] {
        let outcome = try Program.run(["review", words[0], shop.data.path] + words.dropFirst())
        #expect(outcome.code == 1 && outcome.err.contains("holds no review"), "\(words): \(outcome.err)")
      }
      let host = try Program.run("review", "r", "x", "--out", shop.file("y").path, "--port", "8000")
      #expect(host.code == 2 && host.err.contains("--serve"), "\(host.err)")
    }
  }
}
