import Foundation
import Storage
import TestSupport
import Testing

@testable import Datasets
@testable import Training

extension TrainingRuns {
  /// Which images of a site a run was trained on.
  @Suite("Sites that a run was trained on")
  struct SiteRoleTests {
    private let folder: TemporaryFolder
    private let sites: [Site]

    init() throws {
      folder = try TemporaryFolder("roles")
      sites = try TinyRun.sites.get()
    }

    private func run() throws -> Run {
      try Run.create(
        at: folder.file("run"), data: SiteCatalog(at: TinyRun.data.get()), holdOut: "site-c",
        clip: .random(Project.file("Configurations/vit-tiny-p8-64.json")), prompts: TinyRun.prompts.get()
      ) {
        ($0.imageSize, $0.epochs) = (32, 1)
        ($0.model.head.detailWidths, $0.model.head.gridWidth) = ([8], 8)
      }
    }

    /// A data folder of one site whose images are copies under other names.
    private func copies(_ samples: [Sample], as site: String) throws -> Site {
      let data = folder.file("data-\(UUID().uuidString)")
      for (index, sample) in samples.enumerated() {
        for (kind, file) in [("images", sample.image), ("masks", sample.mask)] {
          let place = data.appendingPathComponent("\(site)/\(kind)")
          try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
          try FileManager.default.copyItem(
            at: #require(file),
            to: place.appendingPathComponent("new-\(index).\(#require(file).pathExtension)"))
        }
      }
      return try SiteCatalog(at: data).site(site)
    }

    @Test("Images of the training are found by their bytes, whatever the name of the site")
    func roles() throws {
      let run = try run()
      #expect(try run.role(of: sites[0]) == .source && run.role(of: sites[2]) == .heldOut)
      let other = try copies(Array(sites[2].samples.prefix(2)), as: "elsewhere")
      #expect(try run.role(of: other) == .unseen)
      #expect(SiteRole.unseen.text == "not in training" && SiteRole.heldOut.text == "held out")
      let stranger = try copies(Array(sites[2].samples.prefix(3)), as: "site-a")
      #expect(try run.role(of: stranger) == .namesake)
      // One image among strangers, under another name, is said. It may be one of the validation.
      let mixed = try copies(sites[2].samples.prefix(2) + [sites[0].samples[7]], as: "site-a")
      let partly = SiteRole.partly(trained: 1, of: 3)
      #expect(try run.role(of: mixed) == partly && !partly.isUnseen)
      // Images that only score were not trained on.
      let tests = try copies(Array(sites[0].testSamples.prefix(2)), as: "site-a")
      #expect(try run.role(of: tests) == .namesake)

      try run.train()
      let evaluation = try run.evaluate(on: stranger)
      #expect(evaluation.heldOut && evaluation.isNamesake && evaluation.images.count == 3)
      #expect(
        evaluation.description.contains(
          "site-a (same name as a training site, no shared image: treated as unseen)"))
      let json = String(decoding: try JSONEncoder().encode(evaluation), as: UTF8.self)
      #expect(json.contains("\"namesake\":true") && json.contains("\"held_out\":true"))
      let own = try run.evaluate(on: mixed)
      #expect(!own.heldOut && !own.isNamesake && own.trainedCount == 1 && own.images.count == 3)
      #expect(own.description.contains("(1 of 3 images was trained on)"), "\(own.description)")
      #expect(try run.evaluate(on: sites[0]).trainedCount == sites[0].samples.count)

      // A run of an earlier version stores no images: the name decides.
      var stored = try #require(JSONValue(json5: Data(contentsOf: run.folder.fingerprintFile)).members)
      #expect(stored["images"]?.members?.keys.sorted() == ["site-a", "site-b"])
      stored["images"] = nil
      try AtomicFile.write(json: stored, to: run.folder.fingerprintFile)
      #expect(try run.role(of: stranger) == .source && run.role(of: sites[2]) == .heldOut)
    }

    @Test("A site with trained images under a new name is found, also if it has the held-out site's name")
    func renamed() throws {
      let run = try run()
      let copied = try copies(Array(sites[1].samples.prefix(3)), as: "lyon")
      #expect(try run.role(of: copied) == .source)
      #expect(run.scored(copied, as: .source) == copied.testSamples)
      for name in ["lyon", "site-c"] {
        let mixed = try copies(sites[1].samples.prefix(2) + [sites[2].samples[0]], as: name)
        #expect(try run.role(of: mixed) == .partly(trained: 2, of: 3))
        #expect(run.scored(mixed, as: .partly(trained: 2, of: 3)) == mixed.testSamples)
      }
      #expect(SiteRole.partly(trained: 2, of: 3).text == "2 of 3 images were trained on")

      // Each image is read once for several runs.
      let hashes = ImageHashes()
      #expect(try run.role(of: copied, hashes) == .source)
      for sample in copied.samples { try FileManager.default.removeItem(at: sample.image) }
      #expect(try run.role(of: copied, hashes) == .source)
      #expect(throws: (any Error).self) { try run.role(of: copied) }
    }

    @Test("A run resumes if a training site gets or loses images that only score; not if others change")
    func resumed() throws {
      let url = folder.file("run")
      func site(_ samples: [Sample], _ tests: [Sample]?) -> Site {
        Site(name: "a", samples: samples, testSamples: tests)
      }
      let (own, others) = (Array(sites[0].samples.prefix(3)), Array(sites[1].samples.prefix(2)))
      func stored(_ site: Site, _ scope: DataHashes.Scope) throws -> Fingerprint {
        let tiny = try TinyRun()
        return try Fingerprint(
          data: DataHashes([site], scope), sources: ["a"], system: tiny.trainer().system)
      }
      let fingerprint = try stored(site(own, others), .training)
      for tests in [nil, others, Array(others.prefix(1))] {
        try RunChecks.requireSameData([site(own, tests)], as: fingerprint, of: url)
      }
      for samples in [Array(own.dropLast()), own.reversed(), own + others] {
        #expect(throws: RunError.otherData(url, site: "a")) {
          try RunChecks.requireSameData([site(samples, others)], as: fingerprint, of: url)
        }
      }
      // A study hashes all images.
      let whole = try stored(site(own, others), .all)
      try RunChecks.requireSameData([site(own, others)], as: whole, of: url)
      #expect(throws: RunError.otherData(url, site: "a")) {
        try RunChecks.requireSameData([site(own, Array(others.prefix(1)))], as: whole, of: url)
      }
    }
  }
}
