import Foundation
import Testing

@testable import Command
@testable import Training

@Suite("Log lines")
struct LogLineTests {
  @Test("The wait for images is said from 1 % of the time on")
  func waits() {
    #expect(waiting(0.009, of: 1).isEmpty && waiting(nil, of: 1).isEmpty && waiting(0, of: 0).isEmpty)
    #expect(waiting(0.01, of: 1) == ", 1 % of it waiting for images")
    #expect(waiting(3, of: 4) == ", 75 % of it waiting for images")
  }

  @Test("The time left is said while there is some")
  func left() {
    let bar = ProgressBar("training", total: 4)
    #expect(bar.left(0).isEmpty && bar.left(4).isEmpty)
    #expect(bar.left(1) == ", 00:00 left")
  }

  @Test("The chosen epoch is said with the score that chose it")
  func choice() {
    func metrics(_ epoch: Int, _ score: Double?, best: Bool) -> EpochMetrics {
      EpochMetrics(
        epoch: epoch, loss: 1, segmentation: 1, validationDice: 0.333, validationScore: score, best: best,
        seconds: 1)
    }
    var settings = RunConfiguration()
    func said(_ metrics: [EpochMetrics]) -> String { TrainCommand.choice(metrics, settings) }
    let plain = said([metrics(1, 0.25, best: true), metrics(2, 0.125, best: false)])
    #expect(plain.hasPrefix("chosen: epoch 1, validation Dice where marked 0.250 (highest"), "\(plain)")
    #expect(plain.hasSuffix("marks something)"), "\(plain)")
    let nothing = said([metrics(1, 0, best: true), metrics(2, 0, best: true)])
    #expect(nothing.hasPrefix("chosen: epoch 2, validation Dice where marked 0.000 ("), "\(nothing)")
    #expect(nothing.hasSuffix("no epoch scores more than 0, so it is the last one)"), "\(nothing)")
    let undefined = said([metrics(1, nil, best: true)])
    #expect(undefined.contains("validation Dice 0.333 (the last epoch: no score"), "\(undefined)")
    settings.selection = .dice
    let dice = said([metrics(1, nil, best: true)])
    #expect(dice.hasPrefix("chosen: epoch 1, validation Dice 0.333 (highest mean Dice on"), "\(dice)")
  }
}

extension ProgramTests {
  @Suite("Logs without a terminal")
  struct LogTests {
    @Test("Each epoch and each fold has a line with the time left, the last one without")
    func lines() throws {
      let shop = try Workshop()
      let training = try Program.run(shop.training("run", epochs: 3))
      try #require(training.code == 0, "\(training.err)")
      let epochs = training.err.split(separator: "\n").filter { $0.hasPrefix("epoch ") }
      #expect(epochs.map { $0.contains(" left") } == [true, true, false], "\(training.err)")
      let study = try Program.run(
        "loso", "--methods", "baseline", "--data", shop.data.path, "--clip",
        "random:Configurations/vit-tiny-p8-64.json", "--out", shop.file("study").path, "--epochs", "1",
        "--workers", "1", "--allow-leakage", "--set", "imageSize=32", "batchSize=4",
        "model.head.detailWidths=[8]", "model.head.gridWidth=16", "lesionClass=polyp", "tune=none")
      try #require(study.code == 0, "\(study.err)")
      let folds = study.err.split(separator: "\n").filter { $0.contains(" held out, baseline, seed 0") }
      #expect(folds.map { $0.contains(" left") } == [true, true, false], "\(study.err)")
      for line in epochs + folds { #expect(!line.contains(" 0 % of it"), "\(line)") }
    }
  }
}
