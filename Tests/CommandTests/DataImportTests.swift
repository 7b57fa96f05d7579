import Foundation
import Imaging
import Testing

extension ProgramTests {
  @Suite("Imported data")
  struct DataImportTests {
    /// Moves the sites of a workshop away, so that they are sources.
    private func workshop() throws -> Workshop {
      let shop = try Workshop()
      try FileManager.default.moveItem(at: shop.data, to: shop.file("sources"))
      return shop
    }

    @Test("Two sources become sites, which inspection finds sound, and a second call changes nothing")
    func sites() throws {
      let shop = try workshop()
      let calls = [
        ["auto", shop.file("sources/a").path, "--site", "first", "--class", "polyp"],
        [
          "folder", shop.file("sources").path, "--images", "b/images/*.png", "--masks", "b/masks/*.png",
          "--site",
          "second", "--class", "polyp", "--group-by", "([0-3])$",
        ],
      ].map { ["data", "import"] + $0 + ["--out", shop.data.path] }
      for call in calls {
        let outcome = try Program.run(call)
        #expect(outcome.code == 0 && outcome.out.contains("8"), "\(outcome.err)")
      }
      let found = try Program.run(calls[0])
      #expect(found.code == 0 && found.err.contains("found folder"), "\(found.err)")
      let first = try Data(contentsOf: shop.file("data/sites.json5"))
      let again = try Program.run(calls[1] + ["--json"])
      let summary = try #require(try again.json() as? [String: Any])
      let sites = try #require(summary["sites"] as? [[String: Any]])
      #expect(sites.count == 1 && sites[0]["images"] as? Int == 8 && sites[0]["site"] as? String == "second")
      // Four images have a group of their own, and four are by themselves.
      #expect(sites[0]["groups"] as? Int == 8)
      #expect(sites[0]["unlabelled"] as? Int == 0)
      #expect(try Data(contentsOf: shop.file("data/sites.json5")) == first)
      let inspected = try Program.run("data", "inspect", shop.data.path)
      #expect(inspected.out.contains("first") && inspected.out.contains("second"), "\(inspected.out)")
      #expect(!inspected.out.contains("no lesion classes"), "\(inspected.out)")
    }

    @Test("Wrong words are usage errors, and sources that cannot be read are errors of the work")
    func refused() throws {
      let shop = try workshop()
      let (source, out) = (shop.file("sources/a").path, shop.data.path)
      let end = ["--site", "s", "--out", out]
      let cases: [(Int32, [String], String)] = [
        (2, ["kvasir", source] + end, "did you mean \"kvasir-seg\"?"),
        (2, ["folder", source, "--images", "x/*"] + end, "--masks"),
        (2, ["etis", source, "--images", "x/*", "--masks", "y/*"] + end, "only the kind folder"),
        (2, ["folder", source, "--labels", "polyp=0"] + end, "polyp=#ff0000"),
        (2, ["folder", source, "--labels", "a=1", "a=2"] + end, "stands twice"),
        (2, ["folder", source, "--site", "s", "--out", source + "/data"], "lies in the source"),
        (2, ["folder", source, "--site", "a/b", "--out", out], "--site"),
        (1, ["cvc-clinicdb", source] + end, "Original/ and Ground Truth/"),
        (1, ["auto", shop.file("sources").path] + end, "fits no kind"),
        (1, ["auto", shop.file("missing").path] + end, "no such file or folder"),
      ]
      for (code, words, part) in cases {
        let outcome = try Program.run(["data", "import"] + words)
        #expect(outcome.code == code && outcome.err.contains(part), "\(words): \(outcome.err)")
        #expect(!FileManager.default.fileExists(atPath: out), "\(words)")
      }
    }
  }
}
