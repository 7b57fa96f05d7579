import Foundation
import Metrics
import Segmentation
import Storage
import TestSupport
import Testing
import Torch

@testable import Datasets
@testable import Training

extension TrainingRuns {
  /// Runs that are joined into one.
  @Suite("Ensembles")
  struct EnsembleTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder("ensemble") }

    /// A small trained run that holds out a site.
    private func trained(
      _ name: String, holdOut: String = "site-c",
      _ settings: (inout RunConfiguration) throws -> Void = { _ in }
    ) throws -> Run {
      let run = try Run.create(
        at: folder.file(name), data: SiteCatalog(at: TinyRun.data.get()), holdOut: holdOut,
        clip: .random(Project.file("Configurations/vit-tiny-p8-64.json")), prompts: TinyRun.prompts.get()
      ) {
        ($0.imageSize, $0.epochs, $0.seed, $0.model.method) = (32, 1, 5, .baseline)
        ($0.model.head.detailWidths, $0.model.head.gridWidth) = ([8], 8)
        try settings(&$0)
      }
      try run.train()
      return run
    }

    private func image(_ site: Int = 2) throws -> URL {
      try #require(TinyRun.sites.get()[site].testSamples.first).image
    }

    /// The mean of the probabilities of runs, by hand.
    private func mean(_ runs: [Run], of image: URL) throws -> Tensor {
      let maps = try runs.map { try $0.predictor(precision: .float32).probability(of: image) }
      return try Tensor.stacked(maps).mean([0])
    }

    @Test("Outputs: the mean of the members, in a folder that can be moved")
    func outputs() throws {
      let runs = [try trained("one"), try trained("two", holdOut: "site-b") { $0.seed = 6 }]
      let image = try image()
      let wanted = try mean(runs, of: image)
      let joined = try Run.joining(runs, at: folder.file("joined"), average: .outputs)
      let predictor = try joined.predictor(precision: .float32)
      let found = try predictor.probability(of: image)
      #expect(try difference(found, wanted) < 1e-6)
      #expect(try difference(mean([runs[0]], of: image), wanted) > 1e-4, "the members differ")
      #expect(predictor.memberCount == 2 && predictor.methodLabel == "baseline (mean of 2 models)")
      #expect(predictor.statement.contains("mean of 2 models"))

      // Views and scales are those of any run.
      let own = try Run.open(at: joined.folder.url) { $0.inference.flips = true }
      let views = try own.predictor(precision: .float32)
      let flips = try runs.map { run in
        try Run.open(at: run.folder.url) { $0.inference.flips = true }.predictor(precision: .float32)
          .probability(of: image)
      }
      #expect(try difference(views.probability(of: image), Tensor.stacked(flips).mean([0])) < 1e-6)

      // Moved, without its members: the same.
      let elsewhere = folder.file("elsewhere/moved")
      try FileManager.default.createDirectory(
        at: elsewhere.deletingLastPathComponent(), withIntermediateDirectories: true)
      try FileManager.default.moveItem(at: joined.folder.url, to: elsewhere)
      for run in runs { try FileManager.default.removeItem(at: run.folder.url) }
      let moved = try Run.open(at: elsewhere)
      #expect(try moved.predictor(precision: .float32).probability(of: image).isEqual(to: found))
      _ = try moved.predictor().mask(of: image)
    }

    @Test("An image that any member was trained on is familiar, and the members that saw it are named")
    func familiar() throws {
      let runs = [try trained("one"), try trained("two", holdOut: "site-b")]
      let joined = try Run.joining(runs, at: folder.file("joined"), average: .outputs)
      let settings = joined.configuration
      #expect(settings.sources == ["site-a", "site-b", "site-c"] && settings.holdOut == nil)
      let sites = try TinyRun.sites.get()
      #expect(try sites.map { try joined.role(of: $0) } == [.source, .source, .source])
      let few = Site(name: "site-c", samples: Array(sites[2].samples.prefix(3)))
      let evaluation = try joined.evaluate(on: few)
      #expect(!evaluation.heldOut && evaluation.trainedCount == 3)
      let members = try #require(evaluation.members)
      #expect(members.map(\.trainedCount) == [0, 3])
      #expect(members.map(\.heldOutSite) == ["site-c", "site-b"])
      let sentence = try #require(MemberPart.sentence(members, at: "site-c", of: 3))
      #expect(sentence.hasPrefix("1 of 2 members was trained on images of site-c"), "\(sentence)")
      #expect(MemberPart.sentence([members[0]], at: "site-c", of: 3) == nil)
      #expect(try runs[0].evaluate(on: few).members == nil)

      // Seeds that held out the same site did not see it.
      let seeds = [runs[0], try trained("three") { $0.seed = 6 }]
      let same = try Run.joining(seeds, at: folder.file("same"), average: .outputs)
      #expect(same.configuration.holdOut == "site-c" && same.configuration.sources == ["site-a", "site-b"])
      #expect(try same.role(of: sites[2]) == .heldOut)
      // An image validates an ensemble if no member was trained on it.
      let validation = try same.validationSamples()
      let seen = try seeds.flatMap { try $0.split([sites[0], sites[1]]).training }
      #expect(validation.allSatisfy { !seen.contains($0) })
      // Folds of one seed have the same validation images at the sites that they share.
      let folds = try joined.validationSamples()
      let own = try runs[0].validationSamples()
      #expect(folds.filter { $0.site == "site-a" } == own.filter { $0.site == "site-a" })
      #expect(Set(folds.map(\.site)) == ["site-a", "site-b", "site-c"])
    }

    @Test("Weights: the mean of equal runs is the run, and that of two folds is the mean of each tensor")
    func weights() throws {
      let run = try trained("one") { $0.inference.threshold = 0.4 }
      try FileManager.default.copyItem(at: run.folder.url, to: folder.file("copy"))
      let copy = try Run.open(at: folder.file("copy"))
      let same = try Run.joining([run, copy], at: folder.file("same"), average: .weights)
      #expect(try TinyRun.tensors(same.folder.weightsFile) == TinyRun.tensors(run.folder.weightsFile))
      let image = try image()
      let own = try run.predictor(precision: .float32).probability(of: image)
      let predictor = try same.predictor(precision: .float32)
      #expect(try predictor.probability(of: image).isEqual(to: own))
      #expect(predictor.memberCount == 1 && predictor.threshold == 0.4)
      #expect(try same.trainedSystem().probabilities(.zeros([1, 3, 32, 32])).shape == [1, 1, 32, 32])

      let other = try trained("two", holdOut: "site-b")
      var notes: [String] = []
      let joined = try Run.joining([run, other], at: folder.file("joined"), average: .weights) {
        notes.append($0)
      }
      #expect(notes.count == 1 && notes[0].contains("different rules"), "\(notes)")
      #expect(joined.configuration.inference.threshold == 0.5)
      let (first, second) = (
        try SafetensorsFile(run.folder.weightsFile).tensors(),
        try SafetensorsFile(other.folder.weightsFile).tensors()
      )
      let mean = try SafetensorsFile(joined.folder.weightsFile).tensors()
      #expect(mean.keys.sorted() == first.keys.sorted())
      var changed = 0
      for (name, tensor) in mean where tensor.dtype == .float32 {
        let (one, two) = (try #require(first[name]), try #require(second[name]))
        #expect(try difference(tensor, (one + two) / 2) < 1e-6, "\(name)")
        if try !one.isEqual(to: two) { changed += 1 }
      }
      #expect(changed > 0)
      _ = try joined.predictor().mask(of: image)
      #expect(try joined.role(of: TinyRun.sites.get()[2]) == .source)
      // What it knows of its members is in the folder, too.
      #expect(try joined.memberSettings()?.map(\.holdOut) == ["site-c", "site-b"])
      let member = folder.file("joined/members/1/model.safetensors")
      #expect(!FileManager.default.fileExists(atPath: member.path))
    }

    @Test("Three equal tensors have an exact mean, and whole numbers are those of the first")
    func exact() throws {
      let tensor = try Tensor.seeded([64], 3)
      #expect(try WeightMean.mean([tensor, tensor.copy(), tensor.copy()]).isEqual(to: tensor))
      let mean = try WeightMean.mean([Tensor([Float(1), 2]), Tensor([Float(2), 5]), Tensor([Float(6), 8])])
      #expect(try mean.floats() == [3, 5])
      let counts = try [Tensor([Int64(3)]), Tensor([Int64(9)])]
      #expect(try WeightMean.mean(counts).array(of: Int64.self) == [3])
    }

    @Test("A frozen tower is stored and computed once")
    func sharedTower() throws {
      func frozen(_ settings: inout RunConfiguration) { settings.tune = .none }
      let runs = [try trained("one", frozen), try trained("two", holdOut: "site-b", frozen)]
      let joined = try Run.joining(runs, at: folder.file("joined"), average: .outputs)
      let shared = try SafetensorsFile(joined.folder.sharedWeightsFile).entries.keys
      #expect(!shared.isEmpty && shared.allSatisfy { $0.hasPrefix("tower.") })
      for member in ["1", "2"] {
        let file = folder.file("joined/members/\(member)/model.safetensors")
        let keys = try SafetensorsFile(file).entries.keys
        #expect(!keys.isEmpty && !keys.contains { $0.hasPrefix("tower.") })
      }
      let predictor = try joined.predictor(precision: .float32)
      #expect(predictor.sharesTower)
      let image = try image()
      #expect(try difference(predictor.probability(of: image), mean(runs, of: image)) < 1e-6)
    }

    @Test("Runs that have no mean are refused, with the names of what differs")
    func refused() throws {
      let run = try trained("one")
      let place = folder.file("joined")
      func refusal(_ runs: [Run], _ average: EnsembleAverage) -> String {
        message { _ = try Run.joining(runs, at: place, average: average) }
      }
      #expect(refusal([run], .outputs).contains("at least two"))
      #expect(refusal([run, run], .outputs).contains("named twice"))
      let seed = try trained("seed") { $0.seed = 6 }
      #expect(refusal([run, seed], .weights).contains("began with other weights"))
      let wide = try trained("wide") { $0.model.head.gridWidth = 12 }
      let form = refusal([run, wide], .weights)
      #expect(form.contains("another form") && form.contains("model.head."), "\(form)")
      let large = try trained("large") { $0.imageSize = 64 }
      #expect(refusal([run, large], .outputs).contains("imageSize is 64, and 32 in"))
      #expect(!FileManager.default.fileExists(atPath: place.path), "nothing is written before a refusal")

      let joined = try Run.joining([run, seed], at: place, average: .outputs)
      #expect(refusal([run, seed], .outputs).contains("holds a run already"))
      #expect(message { _ = try joined.trainedSystem() }.contains("outputs of 2 models"))
      #expect(message { try joined.train() }.contains("cannot be trained"))
      let nested = message {
        _ = try Run.joining([joined, run], at: folder.file("other"), average: .outputs)
      }
      #expect(nested.contains("is an ensemble itself"))
      for text in [
        "{", "{\"average\": \"outputs\", \"members\": []}",
        "{\"average\": \"outputs\", \"members\": [{\"folder\": \"..\", \"run\": \"a\"}, "
          + "{\"folder\": \"2\", \"run\": \"b\"}]}",
      ] {
        try Data(text.utf8).write(to: joined.folder.ensembleFile)
        #expect(throws: EnsembleError.unreadable(joined.folder.ensembleFile), "\(text)") {
          try Run.open(at: place).predictor()
        }
      }
    }
  }
}
