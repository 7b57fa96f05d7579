import Confounders
import Datasets
import Foundation
import Segmentation
import Storage
import Studies
import SyntheticEndoscopy
import Torch
import Training

/// Steps and epochs of training at each tuning depth; the peer is the same model in PyTorch.
struct TrainingCases {
  let context: BenchmarkContext
  private var geometry: Geometry { context.geometry }

  func run(_ add: (CaseRecord) throws -> Void) throws {
    let pace = context.pace(least: 4, most: 8, seconds: 90)
    let count = 8 * (pace.most + 1)
    let catalog = try RenderedSites.write(
      2, perSite: (count + 1) / 2, size: geometry.configuration.vision.imageSize, context)
    let samples = Array(catalog.sites.flatMap(\.samples).prefix(count))
    for tune in [Tuning.none, .last(2), .all] {
      try add(training(tune, samples, turn: .step, pace))
    }
    // An epoch has about four steps, with all the work around them.
    let few = Array(samples.prefix(32))
    for tune in context.quick ? [Tuning.none] : [Tuning.none, .last(2), .all] {
      try add(training(tune, few, turn: .epoch, context.pace(least: 2, most: 4, seconds: 90)))
    }
  }

  private func training(
    _ tune: Tuning, _ samples: [Sample], turn: GatedTrainer.Turn, _ pace: Pace
  ) throws -> CaseRecord {
    let session = try TrainingSession(context, geometry, samples) {
      $0.tune = tune
      $0.epochs = turn == .step ? 1 : pace.most + 1
    }
    defer { session.remove() }
    var record = CaseRecord(
      .training, "\(geometry.name), one \(turn) of \(turn == .step ? 8 : samples.count), --tune \(tune)")
    record.items = turn == .step ? 8 : samples.count
    var contestants: [Contestant] = []
    var trainers: [Precision: GatedTrainer] = [:]
    for precision in Precision.trainable {
      let trainer = try session.trainer(precision, turn, keeping: false)
      trainers[precision] = trainer
      contestants.append(
        trainer.contestant(precision.rawValue, name: tune == .all ? "mcdrl" : "mcdrl, nothing kept"))
      if tune != .all {
        let keeping = try session.trainer(precision, turn, keeping: true)
        contestants.append(keeping.contestant(precision.rawValue, name: "mcdrl"))
      }
    }
    for precision in Precision.trainable {
      for way in turn == .step && !context.quick ? TrainingPeer.same : [.eager] {
        try contestants.append(
          contentsOf: session.contestant(
            way, work: "train", precision, turn, epochs: pace.most + 1, trainers[precision]))
      }
    }
    return context.measure(record, contestants, pace)
  }
}
