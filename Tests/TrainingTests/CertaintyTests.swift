import Datasets
import Foundation
import Metrics
import Statistics
import Storage
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  /// How far a run can be trusted, measured on its source sites.
  @Suite("Certainty")
  struct CertaintyTests {
    /// A run on two of the three sites, with weights.
    private func run(flips: Bool = false, seed: UInt64 = 7) throws -> TinyRun {
      let tiny = try TinyRun(epochs: 1)
      let sites = try TinyRun.sites.get()
      tiny.configuration.sources = sites.prefix(2).map(\.name)
      tiny.configuration.holdOut = sites[2].name
      tiny.configuration.data = try TinyRun.data.get().path
      tiny.configuration.inference.flips = flips
      tiny.configuration.inference.threshold = 0.2
      tiny.configuration.seed = seed
      try tiny.trainer().trainer.train()
      return tiny
    }

    private func calibrated(_ tiny: TinyRun) throws -> Calibration {
      let run = try tiny.open()
      return try CertaintyFit(
        run, run.predictor(usesCalibration: false), catalog: SiteCatalog(at: TinyRun.data.get())
      ).write(quantile: 0.95)
    }

    @Test("A calibration scores each source site by the other, and says nothing of the third")
    func calibrate() throws {
      let tiny = try run(flips: true)
      let found = try calibrated(tiny)
      let sites = try TinyRun.sites.get()
      #expect(found.sites.map(\.site).sorted() == sites.prefix(2).map(\.name).sorted())
      for site in found.sites {
        #expect(site.images > 0)
        #expect(Set(site.aurc.keys) == ["entropy", "spread", "laplace"], "\(site.aurc)")
        for value in site.aurc.values + [
          site.errorBefore, site.errorAfter, site.brierBefore, site.brierAfter,
        ] {
          #expect((0...1).contains(value))
        }
      }
      #expect(found.dice.sites == 2 && found.dice.sets >= 2)
      #expect(found.warning != nil && found.notes.contains { $0.contains("2 sites were left out") })
      let text = try String(contentsOf: tiny.run.calibrationFile, encoding: .utf8)
      #expect(!text.contains(sites[2].name))
      // The same images give the same file.
      let before = try Data(contentsOf: tiny.run.calibrationFile)
      _ = try calibrated(tiny)
      #expect(try Data(contentsOf: tiny.run.calibrationFile) == before)
      #expect(try Calibration.stored(in: tiny.run)?.scaling == found.scaling)
    }

    @Test("A calibration changes neither probabilities nor masks, and predictions carry their certainty")
    func predictions() throws {
      let tiny = try run()
      let files = try TinyRun.sites.get()[2].samples.prefix(3).map(\.image)
      let plain = try tiny.open().predictor()
      #expect(plain.certainty == nil && plain.calibrationNote == nil)
      _ = try calibrated(tiny)
      let predictor = try tiny.open().predictor()
      #expect(predictor.certainty != nil && predictor.calibrationNote == nil)
      let found = try predictor(files, keepingMaps: true) { _, result in
        try result.get()
      } store: {
        $0
      }
      for (file, prediction) in zip(files, found) {
        #expect(try prediction.probability.isEqual(to: plain.probability(of: file)))
        let certainty = try #require(prediction.certainty)
        #expect((0...1).contains(certainty.expectedDice) && (0...1).contains(certainty.uncertainty))
        #expect(try #require(certainty.distance) > 0)
        #expect(certainty.isUnfamiliar == !certainty.warnings.isEmpty)
        let maps = try #require(prediction.maps)
        for map in [maps.calibrated, maps.uncertainty] {
          #expect(map.shape == prediction.probability.shape)
          #expect(try map.floats().allSatisfy { (0...1).contains($0) })
        }
      }
      // Other flips are another prediction than the calibration's.
      let other = try Run.open(at: tiny.run.url) { $0.inference.flips = true }.predictor()
      #expect(other.calibrationNote != nil)
    }

    @Test("Scores are the same with a calibration, and a report stands beside them")
    func evaluation() throws {
      let tiny = try run()
      let site = try TinyRun.sites.get()[2]
      let before = try tiny.open().evaluate(on: site)
      #expect(before.certainty == nil)
      _ = try calibrated(tiny)
      let after = try tiny.open().evaluate(on: site)
      // Sums over blocks are those over all images, bit for bit.
      var rules = Run.EvaluationRules()
      rules.block = 3
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      #expect(try encoder.encode(tiny.open().evaluate(on: site, rules: rules)) == encoder.encode(after))
      #expect(after.images.map(\.scores) == before.images.map(\.scores))
      #expect(after.calibration == before.calibration)
      let report = try #require(after.certainty)
      let dice = try #require(after.model.metrics[.dice]?.mean)
      #expect(abs(report.expected.dice + report.error - dice) < 1e-9)
      #expect(report.images.points.first?.count == after.images.count)
      #expect(report.calibrated.pixels == after.calibration.pixels)
      // The images that fitted the calibration say little about it.
      let own = try TinyRun.sites.get()[0]
      let known = try tiny.open().evaluate(
        on: own, as: .validation(of: 2), samples: Array(own.samples.prefix(2)), with: nil, rules: .init()
      ) { _, _ in }
      #expect(known.findings.contains { $0.contains("fitted the calibration") })
      #expect(!after.findings.contains { $0.contains("fitted the calibration") })
    }

    @Test("Dice is estimated from images alone; without a calibration an error says what to do")
    func unlabelled() throws {
      let tiny = try run()
      let files = try TinyRun.sites.get()[2].samples.prefix(4).map(\.image)
      #expect {
        try tiny.open().predictor().estimate(
          "new", inputs: files.map { PredictionInput($0) }, of: tiny.run)
      } throws: {
        "\($0)".contains(tiny.run.calibrationFile.path) && "\($0)".contains("calibrate the run first")
      }
      _ = try calibrated(tiny)
      let estimate = try tiny.open().predictor().estimate(
        "new", inputs: files.map { PredictionInput($0) }, of: tiny.run)
      #expect(estimate.images.count == 4 && (0...1).contains(estimate.expected.dice))
      let (low, high) = (try #require(estimate.expected.low), try #require(estimate.expected.high))
      #expect(low <= estimate.expected.dice && estimate.expected.dice <= high)
      #expect(estimate.unfamiliar == estimate.images.count { !$0.warnings.isEmpty })
    }

    @Test("A damaged calibration, a missing part and one of another model are refused by name")
    func refused() throws {
      let tiny = try run()
      _ = try calibrated(tiny)
      let (file, features) = (tiny.run.calibrationFile, tiny.run.familiarityFile)
      let (good, known) = (try Data(contentsOf: file), try Data(contentsOf: features))
      func refusal() -> String { message { _ = try tiny.open().predictor() } }
      #expect(refusal().isEmpty)

      try Data("{".utf8).write(to: file)
      #expect(refusal().contains(file.path) && refusal().contains("calibrate the run again"))
      // A covariance of another size than the head's last convolution.
      try good.write(to: file)
      var members = try #require(try JSONValue(json5File: file).members)
      var laplace = try #require(members["laplace"]?.members)
      laplace["covariance"] = .array([.array([1])])
      members["laplace"] = .object(laplace)
      try AtomicFile.write(json: JSONValue.object(members), to: file)
      #expect(refusal().contains(file.path) && refusal().contains("cannot be read"))
      try good.write(to: file)

      try FileManager.default.removeItem(at: features)
      #expect(refusal().contains(features.path) && refusal().contains("not found"))
      try known.prefix(20).write(to: features)
      #expect(refusal().contains(features.path))
      try known.write(to: features)

      let other = try run(seed: 8)
      try FileManager.default.removeItem(at: tiny.run.weightsFile)
      try FileManager.default.copyItem(at: other.run.weightsFile, to: tiny.run.weightsFile)
      #expect(refusal().contains(file.path) && refusal().contains("other weights"))
      // Calibrating again mends it.
      _ = try calibrated(tiny)
      #expect(refusal().isEmpty)
    }

    @Test("A run without validation images cannot be calibrated")
    func noValidation() throws {
      let tiny = try run()
      tiny.configuration.validationShare = 0
      try tiny.run.write(tiny.configuration, to: tiny.run.configurationFile)
      #expect(message { _ = try calibrated(tiny) }.contains("no validation images"))
    }
  }
}

/// Parts of certainty, by hand.
@Suite("Parts of certainty")
struct CertaintyPartTests {
  private func reading(
    _ probability: [Double], spread: Tensor? = nil, variance: Tensor? = nil
  ) throws -> Predictor.Reading {
    Predictor.Reading(
      probability: try Tensor(probability, shape: [1, probability.count]).to(.float32), spread: spread,
      logitVariance: variance, agreement: nil, pooled: [:])
  }

  @Test("The spread of maps is twice their deviation")
  func spread() throws {
    let maps = try [[0.0, 0.5], [1.0, 0.5]].map { try Tensor($0, shape: [1, 2]) }
    #expect(try SpreadUncertainty.spread(of: maps).doubles() == [1, 0])
    #expect(try SpreadUncertainty()(reading([0.5])) == nil)
  }

  @Test("Entropy is 1 bit at one half, and Laplace's variance raises that of a sure pixel")
  func entropy() throws {
    let plain = try #require(try EntropyUncertainty(scaling: .identity)(reading([0.5, 0.9])))
    let values = try plain.doubles()
    #expect(abs(values[0] - 1) < 1e-6 && abs(values[1] - LogitCounts.entropy(0.9)) < 1e-6)
    let laplace = LaplaceUncertainty(scaling: .identity)
    #expect(try laplace(reading([0.5])) == nil)
    let wide = try Tensor([0.0, 4], shape: [1, 2]).to(.float32)
    let found = try #require(try laplace(reading([0.9, 0.9], variance: wide))).doubles()
    #expect(abs(found[0] - LogitCounts.entropy(0.9)) < 1e-6)
    // σ(ln 9 / √(1 + π / 2))
    let p = 1 / (1 + exp(-log(9) / (1 + Double.pi / 2).squareRoot()))
    #expect(abs(found[1] - LogitCounts.entropy(p)) < 1e-5)
  }

  /// Pictures of two sites around (0, 0) and (6, 0), and junk far away.
  private func picture(_ site: String, _ x: Float, _ y: Float) -> FamiliarityFit.Picture {
    FamiliarityFit.Picture(site: site, pooled: ["dense": [x, y, x - y, 0.5 * y]])
  }

  private func observation(_ picture: FamiliarityFit.Picture, variant: Int = 0) -> Observation {
    Observation(
      site: picture.site, variant: variant, lesion: LogitCounts(), marked: LogitCounts(),
      wrong: LogitCounts(), isEmpty: false, dice: 0.5,
      agreement: nil, spreadRisks: nil, pooled: picture.pooled)
  }

  @Test("Junk is farther from the other site than a site's own images, and distances are in thresholds")
  func familiarity() throws {
    var generator = SplitMix(seed: 4)
    func near(_ site: String, _ count: Int) -> [FamiliarityFit.Picture] {
      (0..<count).map { _ in
        picture(
          site, (site == "a" ? 0 : 1) + Float.random(in: -1...1, using: &generator),
          Float.random(in: -1...1, using: &generator))
      }
    }
    let known = near("a", 20) + near("b", 20)
    let observed = (near("a", 10) + near("b", 10)).map { observation($0) }
    let junk = [picture("a", 90, -70), picture("b", -60, 80)]
    let fit = try FamiliarityFit(observed, .init(known: known, junk: junk), quantile: 0.9)
    let best = try #require(fit.best)
    let rule = best.familiarity.rule
    #expect(rule.auroc["mahalanobis over dense"] == 1 && rule.images == 40 && rule.isUsable)
    #expect(rule.name == "mahalanobis over dense" && abs(rule.threshold - 1) < 1e-9)
    let distances = best.distances.compactMap { $0 }
    #expect(distances.count == 20 && (2...3).contains(distances.count { $0 > 1 }), "\(distances)")
    #expect(try #require(try best.familiarity.distance(junk[0].pooled)) > 5)
    #expect(try #require(try best.familiarity.distance(known[0].pooled)) < 2)
    #expect(try best.familiarity.distance(["dense": [1]]) == nil)
    #expect(try best.familiarity.distance([:]) == nil)
    // With features of the pixels, too, the larger distance counts.
    func doubled(_ picture: FamiliarityFit.Picture, _ place: Int) -> FamiliarityFit.Picture {
      let level = Float(place % 7)
      return .init(
        site: picture.site,
        pooled: picture.pooled.merging(["appearance": [level, level * level]]) { first, _ in first })
    }
    let both = try #require(
      try FamiliarityFit(
        observed.enumerated().map { place, one in
          observation(doubled(.init(site: one.site, pooled: one.pooled), place))
        },
        .init(
          known: known.enumerated().map { doubled($1, $0) },
          junk: [
            doubled(junk[0], 0),
            .init(site: "b", pooled: ["dense": [0, 0, 0, 0], "appearance": [-90, 70]]),
          ]), quantile: 0.9
      ).best)
    #expect(both.familiarity.rule.parts.map(\.features) == ["dense", "appearance"])
    #expect(both.familiarity.rule.auroc[both.familiarity.rule.name] == 1)
    let strange: [String: [Float]] = ["dense": [0, 0, 0, 0], "appearance": [-90, 70]]
    #expect(try #require(try both.familiarity.distance(strange)) > 5)
    #expect(try both.familiarity.distance(["dense": [0, 0, 0, 0]]) == nil)
    // Pictures without features give no rule.
    let none = FamiliarityFit.Picture(site: "a", pooled: [:])
    #expect(
      try FamiliarityFit([observation(none)], .init(known: [none], junk: [none]), quantile: 0.9).best == nil)
  }

  @Test("Samples are evenly spaced in their order")
  func spaced() throws {
    let all = try TinyRun.sites.get()[0].samples
    #expect(CertaintyFit.spaced(all, 400) == all)
    let some = CertaintyFit.spaced(all, 4)
    #expect(some == [all[0], all[10], all[20], all[30]])
  }
}
