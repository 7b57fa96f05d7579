import Datasets
import Segmentation
import Torch
import Training

extension Geometry {
  /// timm's EfficientNet-Lite0 under a U-Net, the trunk of the recipe for real hospitals.
  static let lite0 = Geometry("lite0", "EfficientNet-Lite0", projection: 64) {
    ($0.trunk, $0.imageSize) = ("tf_efficientnet_lite0", 128)
  }
}

extension RunConfiguration {
  /// Sets the model and the training of `Configurations/hospital.json5`.
  ///
  /// Augmentation, interventions and the average of weights stay off, so that both sides get the same
  /// images.
  mutating func followHospitals() {
    batchSize = 16
    statistics = .batch
    optimizer.towerLearningRate = optimizer.learningRate
    optimizer.weightDecay = 0.01
    model.method = .baseline
    model.head.skips = .levels
    model.head.towerLayers = [1, 2, 3, 5]
    model.head.detailWidths = [16]
    model.head.decoderWidths = [16, 24, 32, 64, 96, 128]
  }
}

/// Steps and epochs of the recipe for real hospitals at each tuning depth.
///
/// The peers are the same model in PyTorch, eager and compiled, and the U-Nets of MONAI and smp with
/// as many multiply-adds.
struct TrunkTrainingCases {
  let context: BenchmarkContext

  func run(_ add: (CaseRecord) throws -> Void) throws {
    let pace = context.pace(least: 4, most: 8, seconds: 60)
    let catalog = try RenderedSites.write(
      2, perSite: 8 * (pace.most + 1), size: Geometry.lite0.configuration.vision.imageSize, context)
    let samples = Array(catalog.sites.flatMap(\.samples).prefix(16 * (pace.most + 1)))
    for tune in context.quick ? [Tuning.all] : [Tuning.all, .last(2), .none] {
      try add(training(tune, samples, turn: .step, pace))
    }
    guard !context.quick else { return }
    let few = Array(samples.prefix(64))
    for tune in [Tuning.all, .last(2), .none] {
      try add(training(tune, few, turn: .epoch, context.pace(least: 2, most: 4, seconds: 60)))
    }
  }

  private func training(
    _ tune: Tuning, _ samples: [Sample], turn: GatedTrainer.Turn, _ pace: Pace
  ) throws -> CaseRecord {
    let session = try TrainingSession(context, .lite0, samples) {
      $0.followHospitals()
      $0.tune = tune
      $0.epochs = turn == .step ? 1 : pace.most + 1
    }
    defer { session.remove() }
    let count = turn == .step ? session.configuration.batchSize : samples.count
    var record = CaseRecord(
      .training, "recipe for hospitals, \(Geometry.lite0.name), one \(turn) of \(count), --tune \(tune)")
    record.items = count
    var contestants: [Contestant] = []
    for precision in Precision.trainable {
      let trainer = try session.trainer(precision, turn, keeping: false)
      contestants.append(
        trainer.contestant(precision.rawValue, name: tune == .all ? "mcdrl" : "mcdrl, nothing kept"))
      if tune != .all {
        contestants.append(
          try session.trainer(precision, turn, keeping: true).contestant(precision.rawValue, name: "mcdrl"))
      }
      let others = tune == .all ? TrainingPeer.others : []
      for peer in (context.quick ? [.eager] : TrainingPeer.same) + others {
        contestants += try session.contestant(
          peer, work: "train-trunk", precision, turn, epochs: pace.most + 1, trainer)
      }
    }
    return context.measure(record, contestants, pace)
  }
}
