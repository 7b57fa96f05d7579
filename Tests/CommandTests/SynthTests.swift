import Foundation
import Imaging
import Testing

extension ProgramTests {
  @Suite("Synth")
  struct SynthTests {
    private func lines(_ file: URL) throws -> [[String: Any]] {
      try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
    }

    @Test("Writes sites that data inspect finds no problem with, true to their records, the same twice")
    func sites() throws {
      let shop = try Workshop()
      let out = shop.file("rendered")
      let options = [
        "--sites", "2", "--per-site", "6", "--test-per-site", "4", "--size", "32", "--seed", "3",
        "--unlinked",
        "--link-of", "mucus=0.95", "white light=0",
      ]
      let outcome = try Program.run(["synth", "--out", out.path, "--sweep", "1", "--json"] + options)
      try #require(outcome.code == 0, "\(outcome.err)")
      let summary = try #require(try outcome.json() as? [String: Any])
      #expect(summary["images"] as? Int == 2 * 16 + 13 && summary["unlinked"] as? Bool == true)
      #expect(summary["link_of"] as? [String: Double] == ["mucus": 0.95, "white light": 0])

      let inspection = try Program.run("data", "inspect", out.path, "--json")
      let report = try #require(try inspection.json() as? [String: Any])
      #expect((report["problems"] as? [String])?.isEmpty == true, "\(inspection.out)")
      let sites = try #require(report["sites"] as? [[String: Any]])
      #expect(sites.map { $0["name"] as? String } == ["site-a", "site-b"])
      #expect(sites.allSatisfy { $0["images"] as? Int == 6 && $0["test_images"] as? Int == 4 })

      let known = try lines(out.appendingPathComponent("site-b/factors.jsonl"))
      let (factors, unlinked) = (known.filter { $0["role"] as? String != "unlinked" }, known.suffix(6))
      #expect(known.count == 16 && unlinked.allSatisfy { $0["role"] as? String == "unlinked" })
      #expect(unlinked.map { $0["scene"] as? String } == factors.prefix(6).map { $0["scene"] as? String })
      let captions = try lines(out.appendingPathComponent("site-b/captions.jsonl"))
      #expect(factors.count == 10 && captions.count == 10)
      #expect(factors.map { $0["image"] as? String } == captions.map { $0["image"] as? String })
      #expect(Set(factors.compactMap { $0["role"] as? String }) == ["source", "heldOut"])
      for (factor, caption) in zip(factors, captions) {
        let image = try ImageFile.read(
          out.appendingPathComponent("site-b/\(try #require(factor["image"] as? String))"))
        let mask = try MaskFile.read(
          out.appendingPathComponent("site-b/\(try #require(factor["mask"] as? String))"))
        #expect(image.width == 32 && image.channels == 3 && mask.channels == 1)
        let sentences = try #require(caption["captions"] as? [String])
        if let lesion = factor["lesion"] as? String {
          #expect(sentences[0].hasPrefix("A") && sentences[0].hasSuffix("\(lesion) in an endoscopic image"))
        } else {
          #expect(factor["lesion"] is NSNull && mask.pixels.allSatisfy { $0 == 0 })
        }
      }

      let sweep = try lines(out.appendingPathComponent("sweep/factors.jsonl"))
      #expect(Set(sweep.compactMap { $0["intervention"] as? String }).count == 13)
      #expect(Set(sweep.compactMap { $0["scene"] as? String }).count == 1)
      let masks = try sweep.filter { $0["zoom"] as? Double == 1 }.map { row in
        try Data(contentsOf: out.appendingPathComponent("sweep/\(try #require(row["mask"] as? String))"))
      }
      #expect(masks.count == 11 && Set(masks).count == 1)

      let again = shop.file("again")
      #expect(try Program.run(["synth", "--out", again.path, "--sweep", "1"] + options).code == 0)
      let paths = try FileManager.default.subpathsOfDirectory(atPath: out.path).sorted()
      #expect(try FileManager.default.subpathsOfDirectory(atPath: again.path).sorted() == paths)
      for path in paths where !URL(fileURLWithPath: path).pathExtension.isEmpty {
        #expect(
          try Data(contentsOf: out.appendingPathComponent(path))
            == Data(contentsOf: again.appendingPathComponent(path)), "\(path)")
      }
    }

    @Test("A folder in use, and values that make no sense, are refused by name")
    func refusals() throws {
      let shop = try Workshop()
      let used = try Program.run("synth", "--out", shop.data.path)
      #expect(used.code == 1 && used.err.contains(shop.data.path) && used.err.contains("not empty"))
      for (words, part) in [
        (["--link", "1.5"], "--link 1.5"), (["--format", "gif"], "--format gif"),
        (["--size", "8"], "--size 8"), (["--per-site", "0"], "--per-site 0"),
        (["--link-of", "mucs=0.5"], "--link-of mucs=0.5"), (["--link-of", "mucus=2"], "--link-of mucus=2"),
        (["--link-of", "mucus"], "mucus=0.95"),
      ] {
        let outcome = try Program.run(["synth", "--out", shop.file("new").path] + words)
        #expect(outcome.code == 2 && outcome.err.contains(part), "\(outcome.err)")
      }
      let blocked = try Program.run(
        "synth", "--out", shop.file("data/a/images/0.png").appendingPathComponent("below").path)
      #expect(blocked.code == 1 && blocked.err.contains("0.png"), "\(blocked.err)")
    }
  }
}
