import CLIP
import Confounders
import Datasets
import Foundation
import Imaging
import Metrics
import Reporting
import Segmentation
import Statistics
import Testing
import TestSupport
import Torch

@testable import Explaining
@testable import Studies
@testable import Training

@Suite("Choice of pictures")
struct GalleryChoiceTests {
  private func scored(_ dice: [[Double]]) -> [GalleryChoice.Scored] {
    dice.enumerated().map {
      .init(place: .init(site: "a", image: "\($0)"), lesionClass: nil, dice: $1)
    }
  }

  @Test("Best, median and worst are taken by score, of equal ones the first")
  func extremes() {
    let choices = GalleryChoice.extremes("m", scored([[0.5], [0], [0.9], [0], [0.7], [0.9]]))
    #expect(choices.map(\.choice) == [.best, .median, .worst])
    #expect(choices.map(\.place.image) == ["2", "0", "1"] && choices.map(\.ties) == [2, 1, 2])
    #expect(choices.map(\.dice) == [[0.9], [0.5], [0]])
    #expect(GalleryChoice.extremes("m", scored([[0.3]])).map(\.place.image) == ["0", "0", "0"])
    #expect(GalleryChoice.extremes("m", []).isEmpty)
  }

  @Test("Disagreements are the widest in each direction, and none where there is none")
  func disagreements() {
    let choices = GalleryChoice.disagreements(
      ["m", "n"], scored([[0.5, 0.4], [0.2, 0.9], [0.9, 0.3], [0.1, 0.1]]))
    #expect(choices.map(\.choice) == [.ahead, .behind] && choices.map(\.place.image) == ["2", "1"])
    let ahead = GalleryChoice.disagreements(["m", "n"], scored([[0.5, 0.5], [0.9, 0.5]]))
    #expect(ahead.map(\.choice) == [.ahead])
    #expect(GalleryChoice.disagreements(["m", "n"], scored([[0.5, 0.5]])).isEmpty)
  }
}

@Suite("Figures of a study")
struct StudyFiguresTests {
  /// Three sites of eight test images, each held out from a baseline and from MCDRL.
  private func study(
    _ tiny: TinyRun
  ) throws -> (folder: URL, catalog: SiteCatalog, runs: [StudyFigures.Run]) {
    var configuration = tiny.configuration
    configuration.tune = .none
    configuration.augmentation = .none
    configuration.batchSize = 16
    let catalog = try SiteCatalog(at: TinyRun.data.get())
    let plan = try StudyPlan(
      study: "loso", configuration: configuration, arms: [.baseline, .mcdrl], seeds: [3])
    let folds = try LeaveOneSiteOut(
      plan, catalog: catalog, prompts: TinyRun.prompts.get(), folder: tiny.run.url)
    let runs = try zip(folds.folds, folds.run()).map {
      StudyFigures.Run(result: $1, run: try folds.run($0))
    }
    return (tiny.run.url, catalog, runs)
  }

  @Test("A study's figures say what its models do, are computed once, and need nothing else afterwards")
  func figures() throws {
    let tiny = try TinyRun(epochs: 1)
    let (folder, catalog, runs) = try study(tiny)
    #expect(runs.map(\.result.method) == Array(repeating: ["baseline", "mcdrl"], count: 3).flatMap { $0 })
    var figures = try StudyFigures(study: folder, catalog: catalog, candidate: "mcdrl", runs: runs)
    figures.imageLimit = 30
    figures.pictureSize = 16
    figures.latencyPasses = 3
    let notes = Collector<String>()
    let finished = Collector<String>()
    figures.progress = { figure, done, total in
      if total == 0 { notes.add(figure) } else if done == total { finished.add(figure) }
    }
    // A killed writer left this.
    let leftover = folder.appendingPathComponent("figures/.2vd7paxdye0nd.part")
    try FileManager.default.createDirectory(
      at: leftover.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data("half".utf8).write(to: leftover)
    let stored = try figures.compute()
    #expect(notes.all.count == 9)
    // Those that pass many images count each of them.
    let counting = ["features", "attention", "localisation", "probes", "adjustment", "coverage", "erasure"]
    #expect(Set(finished.all) == Set(counting.map { "\($0).json" }) && finished.count == counting.count)
    #expect(!FileManager.default.fileExists(atPath: leftover.path))

    let features = try #require(stored.features)
    #expect(features.heldOut == "site-a" && features.seed == 3 && features.method == "mcdrl")
    // Eight to score the held-out site on, and of forty at each other site as many as the limit leaves.
    #expect(features.total == 88 && features.items.count == 30)
    #expect(features.items.filter(\.heldOut).map(\.site) == Array(repeating: "site-a", count: 8))
    #expect(features.items.filter { $0.site == "site-c" }.count == 11)
    let after = try #require(features.after)
    for map in [features.before, after] {
      #expect(map.x.count == 30 && map.y.count == 30 && map.divergence > 0)
      let purity = try #require(map.sitePurity)
      #expect(purity.neighbours == 15 && (0...1).contains(purity.value))
      #expect(abs(purity.chance - (8 * 7 + 2 * 11 * 10) / (30.0 * 29)) < 1e-12)
    }
    #expect(features.before != after)

    let attention = try #require(stored.attention)
    #expect(attention.rows.map(\.site) == ["site-a", "site-b", "site-c"])
    #expect(attention.rows.map(\.count) == [8, 8, 8] && attention.confounders.count == 12)
    for row in attention.rows {
      #expect(row.mean.count == 12 && row.deviation.count == 12)
      #expect(abs(row.mean.reduce(0, +) - 1) < 1e-5 && row.mean.allSatisfy { $0 > 0 })
    }

    let localisation = try #require(stored.localisation)
    #expect(localisation.score == "less-normal" && localisation.selects && localisation.seed == 3)
    #expect(localisation.rows.map(\.site) == ["site-a", "site-b", "site-c"])
    for row in localisation.rows {
      #expect(row.found.count == 8 && (1...8).contains(row.found.withLesion) && row.fraction == 0.5)
      #expect(row.found.lesions >= row.found.withLesion && row.found.positions >= row.found.lesions)
      for share in [row.found.area, row.found.pooledArea, row.found.positionRecall, row.found.lesionRecall] {
        #expect((0...1).contains(try #require(share)))
      }
    }

    let cost = try #require(stored.cost)
    #expect(cost.rows.map(\.method) == ["baseline", "mcdrl"] && cost.threads == 1 && cost.imageSize == 32)
    #expect(cost.rows[0].intervention == 0 && cost.rows[1].intervention > 0)
    #expect(cost.rows[1].trained - cost.rows[0].trained == cost.rows[1].intervention)
    #expect(
      cost.rows.allSatisfy { $0.parameters > $0.trained && $0.latency >= $0.shortest && $0.shortest > 0 })

    let gallery = try #require(stored.gallery)
    #expect(gallery.rows.prefix(6).map(\.choice) == [.best, .median, .worst, .best, .median, .worst])
    for row in gallery.rows {
      let scores = try row.methods.map { method in
        try #require(runs.first { $0.result.site == row.site && $0.result.method == method })
          .result.images.first { $0.image == row.image }?.scores.dice
      }
      #expect(scores == row.dice)
      #expect(row.precision == row.methods.map { _ in .float32 })
      #expect(row.decoding == row.methods.map { _ in .whole })
      #expect(row.pictures.count == (row.methods.count == 1 ? 4 : 6))
      for picture in row.pictures {
        let size = try ImageFile.size(stored.folder.appendingPathComponent(picture.file))
        #expect(
          size.width == picture.width && size.height == picture.height && max(size.width, size.height) == 16
        )
      }
    }

    try expectDiagnosis(stored)

    // Again: nothing to do. A picture that is gone: only the gallery. Other settings: only what they concern.
    try figures.compute()
    #expect(notes.all.count == 9)
    let lost = gallery.rows[0].pictures[0].file
    try FileManager.default.removeItem(at: stored.folder.appendingPathComponent(lost))
    let again = try figures.compute()
    #expect(notes.all.count == 10 && notes.all.last?.contains("gallery") == true && again.gallery == gallery)
    figures.imageLimit = 20
    #expect(try figures.compute().features?.items.count == 20 && notes.all.count == 13)

    // What the data tells of true confounders is no run's, but the probes ask for it.
    let factors = try #require(
      try KnownConfounders(catalog.sites[0].samples.map(\.image)).files.first)
    let told = try Data(contentsOf: factors)
    defer { try? told.write(to: factors) }
    try (told + Data("\n".utf8)).write(to: factors)
    try figures.compute()
    #expect(notes.all.count == 14 && notes.all.last?.contains("probes") == true)

    let curves = try runs.map { try TrainingCurve($0) }
    #expect(curves.allSatisfy { $0.epochs.count == 1 && $0.chosen == 1 })
    // The page needs the folder `figures` alone.
    try FileManager.default.removeItem(at: folder.appendingPathComponent("runs"))
    let read = try StoredFigures(study: folder)
    var page = HTMLPage(title: "t", lead: "l")
    page.featureMaps(try #require(read.features))
    try page.gallery(try #require(read.gallery), in: read.folder)
    #expect(page.text.contains("data:image/jpeg"))
  }

  @Test("A model attends when it weighs confounders by what it sees: not by P(z), not over a constant")
  func attends() {
    func attends(_ change: (inout MCDRL.Options) -> Void) -> Bool {
      MethodChoice.mcdrl.changing(MCDRL.self, change).traits.attends
    }
    #expect(attends { _ in })
    #expect(attends { $0.intervention?.dictionary = .random })
    #expect(!attends { $0.intervention?.dictionary = .constant })
    #expect(!attends { $0.intervention?.adjustment = .exact })
    #expect(!attends { $0.intervention = nil } && !MethodChoice.baseline.traits.attends)
  }

  @Test(
    "A candidate without an intervention has features before it and no attention; an unknown one is refused"
  )
  func baseline() throws {
    let tiny = try TinyRun(epochs: 1)
    let (folder, catalog, runs) = try study(tiny)
    var figures = try StudyFigures(study: folder, catalog: catalog, candidate: "baseline", runs: runs)
    figures.imageLimit = 12
    let stored = try figures.compute()
    #expect(
      stored.features?.method == "baseline" && stored.features?.after == nil && stored.attention == nil)
    // It selects nothing, but the score that it would select by is known.
    #expect(stored.localisation?.selects == false && stored.localisation?.rows.count == 3)
    // All arms are diagnosed, whichever is the candidate.
    #expect(stored.probes?.methods == ["baseline", "mcdrl"] && stored.coverage?.methods == ["mcdrl"])
    #expect(
      message { _ = try StudyFigures(study: folder, catalog: catalog, candidate: "exact", runs: runs) }
        .contains("no finished run of the method exact"))
  }
}
