import Datasets
import Foundation
import Segmentation
import Storage
import TestSupport
import Testing

@testable import Training

@Suite("Provenance of a run")
struct ProvenanceTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("provenance") }

  private func text(_ text: String, _ path: String) throws {
    let file = folder.file(path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  @Test("A new run states its sites in numbers, and what the search for leakage found")
  func created() throws {
    let run = try Run.create(
      at: folder.file("run"), data: SiteCatalog(at: TinyRun.data.get()), holdOut: "site-c",
      clip: .random(Project.file("Configurations/vit-tiny-p8-64.json")), prompts: TinyRun.prompts.get()
    ) {
      ($0.imageSize, $0.epochs) = (32, 1)
      ($0.model.head.detailWidths, $0.model.head.gridWidth) = ([8, 16], 16)
    }
    let stored = try #require(try Provenance.stored(in: run.folder))
    #expect(stored.sites.map(\.name) == ["site-a", "site-b"] && stored.sites.map(\.images) == [40, 40])
    #expect(stored.leakage == nil && stored.weights.name == "random:vit-tiny-p8-64.json")
    #expect(stored.weights.licences.isEmpty && stored.weights.wordsOf.isEmpty)
    for site in stored.sites {
      #expect(site.groups > 1 && site.groups <= 40 && site.masks?.contains("lesion") == true)
      #expect(site.withoutLesion.map { (0..<40).contains($0) } == true)
      #expect(!site.classes.isEmpty && site.origin == DataOrigin())
    }
    try run.record(leakage: "checked, none found")
    let again = try #require(try Provenance.stored(in: run.folder))
    #expect(again.leakage == "checked, none found" && again.sites == stored.sites)
    // The file of a run before there was --epochs-from has no such key.
    let document = try String(contentsOf: run.folder.provenanceFile, encoding: .utf8)
    #expect(!document.contains("epochs_from"))
    try run.record(leakage: nil, epochsFrom: "2 runs")
    #expect(try Provenance.stored(in: run.folder)?.epochsFrom == "2 runs")
    // It is no part of what makes two runs the same, and a run without it is still one.
    try FileManager.default.removeItem(at: run.folder.provenanceFile)
    try run.record(leakage: "checked, none found")
    #expect(try Provenance.stored(in: run.folder) == nil)
  }

  @Test("The licences of a CLIP folder are those that its files state")
  func licences() throws {
    try text(
      "---\nlanguage: en\nlicense: \"mit\" \ntags:\n- x\n---\n# CLIP\nlicense: no\n", "words/README.md")
    try text("\n\nMIT License\n\nPermission is\n", "words/LICENSE")
    try text(
      "{\"model_type\": \"clip\", \"pretrained_cfg\": {\"license\": \"apache-2.0\"}}", "words/config.json")
    try text("{\"trunk\": \"\(folder.file("trunk").path)\"}", "words/pretraining.json")
    try text("---\nlicense:\n- cc-by-4.0\n- other\nlicense_name: ours\n---\n", "trunk/README.md")
    try text("{\"sites\": {\"b\": [], \"a\": []}}", "words/training-images.json")
    let found = WeightsOrigin(folder.file("words").path, folder: folder.file("words"))
    #expect(found.name == "words" && found.wordsOf == ["a", "b"])
    #expect(
      found.licences.map { [$0.part, $0.file, $0.licence] } == [
        ["CLIP folder", "README.md", "mit"], ["CLIP folder", "LICENSE", "MIT License"],
        ["CLIP folder", "config.json", "apache-2.0"],
        ["image trunk", "README.md", "cc-by-4.0, other, ours"],
      ])
  }

  @Test("A folder that states nothing, or whose files are damaged, gives no licence")
  func nothing() throws {
    try text("# A model\nlicense: mit\n", "words/README.md")
    try text("{\"license\": ", "words/config.json")
    try text("[", "words/pretraining.json")
    try text("[", "words/training-images.json")
    try text("   \n", "words/LICENSE")
    let found = WeightsOrigin("words", folder: folder.file("words"))
    #expect(found == WeightsOrigin(name: "words"))
    #expect(WeightsOrigin("random:/x/vit.json", folder: nil).name == "random:vit.json")
  }

  @Test("The loader of CLIP models knows the folder of a name, and none of random weights")
  func loader() throws {
    try text("{}", "words/config.json")
    var settings = RunConfiguration()
    let words = folder.file("words").path
    let loader = ClipLoader { (name: String) throws -> String in name == "tiny" ? words : name }
    settings.clip = "tiny"
    #expect(loader.folder(settings)?.path == words)
    settings.clip = TinyRun.clip
    #expect(loader.folder(settings) == nil)
    settings.clip = nil
    #expect(loader.folder(settings) == nil)
  }

  @Test("The part of a site in the training is read from its evaluation")
  func roles() throws {
    try CardExample.writeEvaluation(of: "x", in: folder.url, hits: [1, 3])
    let file = folder.file("evaluation-x.json")
    let stored = try StoredEvaluation(contentsOf: file)
    var settings = RunConfiguration()
    settings.sources = ["y"]
    #expect(stored.part(in: settings) == ("not in training", true))
    settings.holdOut = "x"
    #expect(stored.part(in: settings) == ("held out", true))
    #expect(stored.model.count == 2 && stored.imageCount == 2)
    #expect(stored.inference == InferenceConfiguration())
    func changed(_ members: [String: JSONValue]) throws -> StoredEvaluation.Part {
      let all = try JSONValue(json5File: file).members ?? [:]
      let document = JSONValue.object(all.merging(members) { $1 })
      return try document.decoded(as: StoredEvaluation.self).part(in: settings)
    }
    #expect(try changed(["namesake": true]).text.hasPrefix("same name as a training site"))
    #expect(
      try changed(["held_out": false, "n_trained_on": 1]) == ("1 of 2 images was trained on", false))
    #expect(try changed(["held_out": false, "n_trained_on": 2]) == ("trained on", false))
    #expect(try changed(["held_out": false, "n_trained_on": .null]) == ("trained on", false))
    // Roles that say more than whether the images were trained on.
    #expect(try changed(["held_out": false, "n_trained_on": 0, "role": "validation"]).isNew == false)
    #expect(try changed(["role": "test-list"]) == ("test list", true))
    #expect(try changed(["role": "test-list", "site": "y"]) == ("test list", false))
    // With two classes, an image counts twice in the scores and once among those that were trained on.
    let both = JSONValue.array([.object([:]), .object([:])])
    #expect(
      try changed(["held_out": false, "n_trained_on": 1, "classes": both]) == ("trained on", false))
    // An earlier version had fewer settings of inference.
    let earlier = JSONValue.object(["flips": true])
    let document = JSONValue.object(
      try (JSONValue(json5File: file).members ?? [:]).merging(["inference": earlier]) { $1 })
    let inference = try document.decoded(as: StoredEvaluation.self).inference
    #expect(inference?.flips == true && inference?.scales == [1])
    #expect(try RunFolder(folder.url).evaluationFiles().map(\.lastPathComponent) == ["evaluation-x.json"])
  }
}
