import Datasets
import Foundation
import Segmentation
import Storage
import TestSupport
import Testing

@testable import Training

extension TrainingRuns {
  /// Runs that hold no site out, and runs on lists of images.
  @Suite("Final models")
  struct FinalModelTests {
    private let folder: TemporaryFolder
    private let sites: [Site]

    init() throws {
      folder = try TemporaryFolder("final")
      sites = try TinyRun.sites.get()
    }

    private func create(
      _ name: String, holdOut: String? = nil, lists: ImageLists? = nil,
      _ settings: (inout RunConfiguration) throws -> Void = { _ in }
    ) throws -> Run {
      try Run.create(
        at: folder.file(name), data: SiteCatalog(at: TinyRun.data.get()), holdOut: holdOut, lists: lists,
        clip: .random(Project.file("Configurations/vit-tiny-p8-64.json")), prompts: TinyRun.prompts.get()
      ) {
        ($0.imageSize, $0.epochs, $0.seed) = (32, 1, 5)
        ($0.model.head.detailWidths, $0.model.head.gridWidth) = ([8], 8)
        $0.model.method = .baseline
        try settings(&$0)
      }
    }

    private func lists(_ training: [Sample], _ validation: [Sample], _ test: [Sample]?) throws -> ImageLists {
      func file(_ name: String, _ samples: [Sample]) throws -> URL {
        let text = samples.map { "\($0.site)/\($0.id)\n" }.joined()
        try Data(text.utf8).write(to: folder.file(name))
        return folder.file(name)
      }
      return try ImageLists(
        training: file("train.txt", training), validation: file("validation.txt", validation),
        test: test.map { try file("test.txt", $0) }, of: SiteCatalog(at: TinyRun.data.get()))
    }

    @Test("A final model trains on every site, keeps groups together, and scores its validation images")
    func final() throws {
      let run = try create("final")
      #expect(run.configuration.holdOut == nil)
      #expect(run.configuration.sources == ["site-a", "site-b", "site-c"])
      let catalog = try SiteCatalog(at: TinyRun.data.get())
      let split = try run.split(run.sources(catalog))
      #expect(split.training.count == 102 && split.validation.count == 18)
      #expect(Set(split.training.map(\.group)).isDisjoint(with: split.validation.map(\.group)))
      try run.train()
      #expect(try run.folder.fingerprint()?.images?.keys.sorted() == run.configuration.sources)

      let opened = try Run.open(at: folder.file("final"))
      #expect(opened.configuration == run.configuration && opened.lists == nil)
      #expect(try opened.role(of: sites[2]) == .source)
      let places = try opened.familiarSites(catalog)
      #expect(places.map(\.site.name) == run.configuration.sources)
      #expect(places.map(\.role) == Array(repeating: .validation(of: 6), count: 3))
      let first = try #require(places.first)
      let role = try #require(first.role)
      #expect(opened.scored(first.site, as: role) == split.validation.filter { $0.site == "site-a" })
      let found = try opened.evaluate(
        on: first.site, as: role, with: nil, rules: Run.EvaluationRules(), progress: { _, _ in })
      #expect(found.images.count == 6 && !found.heldOut && found.trainedCount == 0)
      #expect(found.part == "validation" && found.description.contains("familiar"), "\(found.description)")
      #expect(try opened.evaluate(on: sites[0]).part == "trained")
    }

    @Test("Sources choose the sites; unknown ones are answered with the nearest, and none may stand twice")
    func sources() throws {
      let run = try create("two") { $0.sources = ["site-c", "site-a"] }
      #expect(run.configuration.sources == ["site-c", "site-a"])
      #expect(try run.role(of: sites[1]) == .unseen)
      let unknown = message { _ = try create("unknown") { $0.sources = ["site-d"] } }
      #expect(unknown.contains("did you mean") && unknown.contains("site-a, site-b, site-c"), "\(unknown)")
      let twice = message { _ = try create("twice") { $0.sources = ["site-a", "site-a"] } }
      #expect(twice.contains("sources is"), "\(twice)")
      let prior = message { _ = try create("prior") { $0.interventions.prior = .heldOut } }
      #expect(prior.contains("interventions.prior is held-out"), "\(prior)")
    }

    @Test("Lists are trained on exactly, and the test list scores")
    func listed() throws {
      let own = sites[0].samples
      let lists = try lists(Array(own[..<8]), Array(own[8..<12]), Array(own[12..<17]))
      let run = try create("lists", lists: lists)
      #expect(run.configuration.sources == ["site-a"])
      let catalog = try SiteCatalog(at: TinyRun.data.get())
      let split = try run.split(run.sources(catalog))
      #expect(split.training == Array(own[..<8]) && split.validation == Array(own[8..<12]))
      try run.train()
      #expect(try run.folder.fingerprint()?.images?["site-a"]?.count == 12)

      let opened = try Run.open(at: folder.file("lists"))
      #expect(opened.lists == lists)
      #expect(try opened.train().count == 1, "a finished run is left as it is")
      #expect(try opened.familiarSites(catalog).map(\.site.name) == ["site-a"])
      #expect(try opened.familiarSites(catalog).allSatisfy { $0.role == nil })
      let role = try opened.role(of: sites[0])
      #expect(role == .listed(trained: 0, of: 5) && role.isUnseen)
      // Scored beside another run, it may score other images than those of its list.
      let (hashes, listed) = (ImageHashes(), opened.scored(sites[0], as: role))
      func shared(_ samples: [Sample]) throws -> SiteRole {
        try opened.role(of: sites[0], on: samples, alone: role, hashes)
      }
      #expect(try shared(listed) == role)
      #expect(try shared(Array(listed.prefix(3))) == .listed(trained: 0, of: 3))
      #expect(try shared(listed + sites[0].samples.prefix(2)) == .partly(trained: 2, of: 7))
      #expect(try shared(Array(sites[0].samples.prefix(2))) == .source)
      let found = try opened.evaluate(on: sites[0])
      #expect(found.images.map(\.sample) == Array(own[12..<17]))
      #expect(found.heldOut && found.part == "test-list" && found.trainedCount == 0)
      #expect(try opened.role(of: sites[1]) == .unseen)

      let other = message { _ = try create("other", lists: lists) { $0.sources = ["site-a", "site-b"] } }
      #expect(other.contains("sources is site-a,site-b") && other.contains("site-a"), "\(other)")
      // Without a test list the site is scored whole, and says what was trained on.
      let plain = try create("plain", lists: self.lists(Array(own[..<8]), Array(own[8..<12]), nil))
      #expect(try plain.role(of: sites[0]) == .partly(trained: 12, of: 40))
      #expect(try plain.familiarSites(catalog).map(\.role) == [.validation(of: 4)])
    }

    @Test("With selection=last every epoch replaces the weights, and the score is recorded all the same")
    func last() throws {
      let tiny = try TinyRun(method: .baseline, epochs: 3)
      tiny.configuration.selection = .last
      let (trainer, system) = try tiny.trainer()
      try trainer.train()
      let metrics = try tiny.metrics()
      #expect(metrics.count == 3 && metrics.allSatisfy { $0.best && $0.validationDice != nil })
      #expect(try Fingerprint.hash(of: tiny.trained()) == Fingerprint.hash(of: system))
      #expect(tiny.configuration.weightsRule.contains("last epoch"))
      var settings = RunConfiguration()
      settings.selection = .last
      settings.averaging = .swad
      #expect(message { try settings.validateValues() }.contains("selection is last"))
      (settings.averaging, settings.patience) = (.none, 3)
      #expect(message { try settings.validateValues() }.contains("patience is 3"))
    }

    @Test("The number of epochs is the median of those that validation chose in runs of the same settings")
    func chosenEpochs() throws {
      #expect(ChosenEpochs.median([3]) == 3 && ChosenEpochs.median([9, 1, 2]) == 2)
      #expect(ChosenEpochs.median([5, 2]) == 4 && ChosenEpochs.median([4, 2, 8, 3]) == 4)

      let runs = try ["site-a", "site-b"].map { site in
        let run = try create("fold-\(site)", holdOut: site) { $0.epochs = 2 }
        try run.train()
        return run
      }
      var settings = runs[0].configuration
      (settings.holdOut, settings.sources, settings.seed, settings.epochs) = (nil, [], 9, 50)
      let chosen = try ChosenEpochs(runs, for: settings)
      let epochs = try runs.map { run in try #require(try run.history().last { $0.best }).epoch }
      #expect(chosen.epochs == epochs && chosen.median == ChosenEpochs.median(epochs))
      var final = settings
      chosen.apply(to: &final)
      #expect(final.epochs == chosen.median && final.selection == .last && final.patience == 0)

      settings.batchSize = 4
      let other = message { _ = try ChosenEpochs(runs, for: settings) }
      #expect(other.contains("fold-site-a") && other.contains("batchSize was 16, is 4"), "\(other)")
      settings = runs[0].configuration
      settings.model.method = .mcdrl
      #expect(message { _ = try ChosenEpochs(runs, for: settings) }.contains("not mcdrl"))
      let fresh = try create("fresh", holdOut: "site-c")
      #expect(throws: ChosenEpochsError.unfinished(fresh.folder.url)) {
        try ChosenEpochs([fresh], for: fresh.configuration)
      }
      let last = try create("last", holdOut: "site-c") { $0.selection = .last }
      try last.train()
      #expect(throws: ChosenEpochsError.notChosen(last.folder.url)) {
        try ChosenEpochs([last], for: last.configuration)
      }
      // These runs know the site, or all sites.
      settings = runs[0].configuration
      #expect(throws: ChosenEpochsError.knowsHeldOut(runs[1].folder.url, site: "site-a")) {
        try ChosenEpochs([runs[1]], for: settings)
      }
      let whole = try create("whole")
      #expect(throws: ChosenEpochsError.holdsNothingOut(whole.folder.url)) {
        try ChosenEpochs([whole], for: whole.configuration)
      }
      #expect(throws: ChosenEpochsError.noRun) { try ChosenEpochs([], for: settings) }
    }
  }
}
