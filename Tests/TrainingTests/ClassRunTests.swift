import Confounders
import Datasets
import Foundation
import Imaging
import Metrics
import Segmentation
import Storage
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  /// Runs that segment two classes of label maps.
  @Suite("Runs of several classes")
  struct ClassRunTests {
    private let folder: TemporaryFolder

    /// Three sites of eight images of 32 px: a bright square with label 2, a dark one with label 5.
    init() throws {
      folder = try TemporaryFolder("classes")
      for (number, site) in ["a", "b", "c"].enumerated() {
        for kind in ["images", "masks"] {
          try FileManager.default.createDirectory(
            at: folder.file("\(site)/\(kind)"), withIntermediateDirectories: true)
        }
        for index in 0..<8 {
          let labels = Self.labels(index)
          let pixels = labels.flatMap { label -> [UInt8] in
            label == 2
              ? [240, 220, 200]
              : label == 5 ? [20, 10, UInt8(10 + number)] : [150, 80, UInt8(70 + index)]
          }
          try ImageFile.writePNG(
            Image(width: 32, height: 32, channels: 3, pixels: pixels),
            to: folder.file("\(site)/images/\(index).png"))
          try ImageFile.writePNG(
            Image(width: 32, height: 32, channels: 1, pixels: labels),
            to: folder.file("\(site)/masks/\(index).png"))
        }
      }
      let labels = "labels: {bright: 2, dark: 5, absent: 7}"
      try Data("{sites: [{name: 'a', \(labels)}, {name: 'b', \(labels)}, {name: 'c', \(labels)}]}".utf8)
        .write(to: folder.file("sites.json5"))
    }

    /// The first image has no dark square.
    private static func labels(_ index: Int) -> [UInt8] {
      (0..<1024).map { pixel in
        let (x, y) = (pixel % 32, pixel / 32)
        if (4..<14).contains(x), (4 + index..<14 + index).contains(y) { return 2 }
        return index > 0 && (18..<28).contains(x) && (10 - index..<22 - index).contains(y) ? 5 : 0
      }
    }

    private var catalog: SiteCatalog {
      get throws { try SiteCatalog(at: folder.url) }
    }

    private func create(
      _ name: String, _ settings: (inout RunConfiguration) throws -> Void = { _ in }
    ) throws -> Run {
      try Run.create(
        at: folder.file("runs/\(name)"), data: catalog, holdOut: "c",
        clip: .random(Project.file("Configurations/vit-tiny-p8-64.json")), prompts: TinyRun.prompts.get()
      ) {
        ($0.imageSize, $0.epochs, $0.seed, $0.batchSize) = (32, 2, 5, 4)
        ($0.model.head.detailWidths, $0.model.head.gridWidth) = ([8, 16], 16)
        $0.model.method = .baseline
        $0.classes = ["bright", "dark"]
        try settings(&$0)
      }
    }

    @Test("A run trains, validates, predicts and scores a mask for each class")
    func story() throws {
      let run = try create("story") { $0.validationShare = 0.25 }
      let metrics = try run.train()
      #expect(metrics.count == 2 && metrics.allSatisfy { $0.validationDice != nil })
      let validation = try #require(try ValidationReport.stored(in: run.folder))
      let classes = try #require(validation.classes)
      #expect(classes.map(\.name) == ["bright", "dark"])
      #expect(validation.model.count == 2 * classes[0].model.count)
      let dice = classes.map(\.model.dice)
      #expect(abs(validation.model.dice - (dice[0] + dice[1]) / 2) < 1e-12)
      #expect(try run.folder.meanMask()?.shape == [2, 32, 32])

      let opened = try Run.open(at: run.folder.url)
      #expect(opened.configuration.classes == ["bright", "dark"])
      let predictor = try opened.predictor(threshold: 0.3)
      let site = try catalog.site("c")
      let file = site.samples[3].image
      let probability = try predictor.probability(of: file)
      #expect(probability.shape == [2, 32, 32])
      let masks = try predictor.masks(of: file)
      for (index, mask) in masks.enumerated() {
        let wanted = try probability.selected(dim: 0, index: index).atLeast(0.3)
        #expect(try mask == BinaryMask(wanted))
      }
      #expect(throws: ClassError.several(["bright", "dark"])) { try predictor.mask(of: file) }
      #expect(throws: ClassError.several(["bright", "dark"])) {
        try predictor.assess(site.samples[0], tolerance: 2)
      }

      let evaluation = try opened.evaluate(on: site, with: predictor)
      var rules = Run.EvaluationRules()
      (rules.block, rules.evaluation) = (3, .pranet)
      let inBlocks = try opened.evaluate(on: site, with: predictor, rules: rules)
      rules.block = 100
      let whole = try opened.evaluate(on: site, with: predictor, rules: rules)
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      #expect(try encoder.encode(inBlocks) == encoder.encode(whole))
      #expect(try inBlocks.table().csv == whole.table().csv && whole.images[0].polyp != nil)
      let scores = try #require(evaluation.classes)
      #expect(scores.map(\.name) == ["bright", "dark"] && scores.map(\.model.count) == [8, 8])
      #expect(scores.map(\.model.countEmptyReference) == [0, 1])
      #expect(evaluation.model.count == 16 && evaluation.images.count == 16)
      #expect(evaluation.images.prefix(3).map(\.className) == ["bright", "dark", "bright"])
      let means = scores.map { $0.model.metrics[.dice]?.mean ?? -1 }
      #expect(abs((evaluation.model.metrics[.dice]?.mean ?? -2) - (means[0] + means[1]) / 2) < 1e-12)
      for (index, name) in ["bright", "dark"].enumerated() {
        let pair = try predictor.masks(site.samples[3], ofClass: name)
        #expect(pair.prediction == masks[index])
        let wanted = Self.labels(3).map { $0 == [2, 5][index] }
        #expect(try pair.reference == BinaryMask(width: 32, height: 32, values: wanted))
        #expect(
          try evaluation.images[6 + index].scores
            == ImageScores(prediction: pair.prediction, reference: pair.reference, tolerance: 2))
      }
      let all = try predictor.masks(site.samples[3])
      #expect(all.prediction.pixels == zip(masks[0].pixels, masks[1].pixels).map { max($0, $1) })
      // "All background" finds the one image without a dark square, and nothing else.
      #expect(scores.map { $0.trivial["all background"]?.metrics[.dice]?.mean } == [0, 0.125])
      let table = try evaluation.table().csv.split(whereSeparator: \.isNewline)
      #expect(table.count == 17 && table[1].contains(",bright,") && table[2].contains(",dark,"))
      let json = try JSONValue(encoding: evaluation)
      #expect(json[["classes"]] != nil)
    }

    @Test("MCDRL trains on interventions with two classes, and resumes bit for bit")
    func mcdrl() throws {
      let whole = try create("whole") { $0.model.method = .mcdrl }
      try whole.train()
      let parts = try create("parts") { $0.model.method = .mcdrl }
      let done = Collector<Double>()
      #expect(throws: TrainingError.self) {
        try parts.train(
          TrainingProgress(
            { if case .step(_, _, _, let loss) = $0 { done.add(loss) } }, shouldStop: { done.count >= 2 }))
      }
      try Run.open(at: parts.folder.url).train()
      #expect(
        try TinyRun.tensors(whole.folder.weightsFile) == TinyRun.tensors(parts.folder.weightsFile))
    }

    @Test("Cached features come with the masks of all classes")
    func cached() throws {
      let run = try create("cached") {
        $0.tune = .none
        $0.augmentation.fixed = 2
        $0.model.method = .mcdrl
      }
      try run.train()
      #expect(try run.predictor().probability(of: catalog.site("c").samples[0].image).shape == [2, 32, 32])
    }

    @Test("Impossible classes are named before anything is written")
    func errors() throws {
      func text(_ settings: @escaping (inout RunConfiguration) -> Void) -> String {
        message { _ = try create("errors", settings) }
      }
      let method = text { $0.model.method = MethodChoice(CLIPSeg.self) }
      #expect(method.contains("clipseg segments one class"), "\(method)")
      let unknown = text { $0.classes = ["bright", "polyp"] }
      #expect(unknown.contains("no label \"polyp\""), "\(unknown)")
      #expect(unknown.contains("absent, bright, dark"), "\(unknown)")
      let absent = text { $0.classes = ["bright", "absent"] }
      #expect(absent.contains("shows the class \"absent\"") && absent.contains("a, b"), "\(absent)")
      let same = text { $0.classes = ["Vocal folds", "vocal-folds"] }
      #expect(same.contains("\"Vocal folds\" and \"vocal-folds\""), "\(same)")
      #expect(text { $0.classes = ["bright", "?"] }.contains("a letter or a digit"))
      #expect(!FileManager.default.fileExists(atPath: folder.file("runs/errors/config.json").path))
      #expect(RunConfiguration.fileName(ofClass: "Vocal folds/2") == "vocal-folds-2")
    }

    @Test("One class is one mask, without scores of classes")
    func single() throws {
      let run = try create("single") { $0.classes = ["dark"] }
      try run.train()
      #expect(try ValidationReport.stored(in: run.folder)?.classes == nil)
      let site = try catalog.site("c")
      #expect(try run.predictor().probability(of: site.samples[0].image).shape == [32, 32])
      let evaluation = try run.evaluate(on: site)
      #expect(evaluation.classes == nil && evaluation.model.countEmptyReference == 1)
      #expect(try JSONValue(encoding: evaluation)[["classes"]] == nil)
      let weights = try SafetensorsFile(run.folder.weightsFile).tensors()
      #expect(weights.first { $0.key.hasSuffix("classifier.weight") }?.value.shape[0] == 1)
    }

    @Test("The values of the classes belong to the data of a run")
    func values() throws {
      let sites = try catalog.sites
      try Data(
        "{sites: [{name: 'a', labels: {bright: 5, dark: 2, absent: 7}, lesions: ['bright', 'dark']}]}".utf8
      ).write(to: folder.file("sites.json5"))
      let swapped = try catalog.sites
      func hash(_ site: Site, _ classes: [String]) throws -> String? {
        try DataHashes([site], .training, classes: classes).sites["a"]
      }
      #expect(try hash(sites[0], ["bright"]) != hash(swapped[0], ["bright"]))
      #expect(try hash(sites[0], ["bright"]) != hash(sites[0], ["dark"]))
      #expect(try hash(sites[0], []) == DataHashes([sites[0]], .training).sites["a"])
    }
  }

  @Test("The score of an epoch is the mean over the classes that have one")
  func scoreOfClasses() {
    func image(_ both: Int, _ extra: Int, _ missed: Int) -> OverlapCounts {
      OverlapCounts(truePositives: both, falsePositives: extra, falseNegatives: missed, trueNegatives: 90)
    }
    // Dice 1/2 and 1; then no lesion at all.
    let counts = [[image(1, 1, 1), image(2, 0, 0)], [image(0, 0, 0), image(0, 0, 0)]]
    #expect(EpochSelection.markedDice.score(ofClasses: counts, batchSize: 2) == 0.75)
    #expect(EpochSelection.dice.score(ofClasses: counts, batchSize: 2) == 0.875)
    #expect(EpochSelection.markedDice.score(ofClasses: [counts[1]], batchSize: 2) == nil)
    #expect(EpochSelection.dice.score(ofClasses: [], batchSize: 2) == nil)
    for rule in [EpochSelection.markedDice, .dice] {
      #expect(rule.score(ofClasses: [counts[0]], batchSize: 1) == rule.score(counts[0], batchSize: 1))
    }
  }

  @Test("Without a stated class, an image has the only segmented class with words that it shows")
  func lesionClasses() throws {
    // Rows: nothing; the first class; both; the second class.
    let masks = try Tensor([0, 0, 1, 0, 1, 1, 0, 1] as [Double], shape: [4, 2, 1, 1])
    let rows = [0, 1, 2, 3]
    func found(_ stated: [Int?], _ segmented: [Int?]) throws -> [Int?] {
      try LesionClasses(stated: stated, segmented: segmented).classes(of: rows, masks: masks)
    }
    #expect(try found([4, 4, 4, 4], []) == [nil, 4, 4, 4])
    #expect(try found([nil, nil, nil, nil], [0, 2]) == [nil, 0, nil, 2])
    #expect(try found([nil, nil, nil, nil], [nil, 2]) == [nil, nil, 2, 2])
    #expect(try found([1, 1, nil, nil], [0, 2]) == [nil, 1, nil, 2])
    #expect(try found([nil, nil, nil, nil], [nil, nil]) == [nil, nil, nil, nil])
  }

  @Test("The mean training mask of several classes is cut at half of each class's maximum")
  func meanMasks() throws {
    let mean = try Tensor([0.2, 0.05, 0, 0.8, 0.5, 0.3] as [Double], shape: [2, 1, 3])
    let mask = try TrivialPredictor.meanMask.prediction(meanMask: mean)
    #expect(mask.shape == [2, 1, 3])
    #expect(try mask.to(.float32).floats() == [1, 0, 0, 1, 1, 0])
    #expect(try TrivialPredictor.lesion.prediction(meanMask: mean).shape == [2, 1, 3])
  }
}
