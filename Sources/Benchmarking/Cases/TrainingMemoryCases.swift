import Segmentation
import Storage
import Torch
import Training

extension TrainingSession {
  /// Prepares a few steps of a geometry's training: the recipe for hospitals for a trunk, else the
  /// method of the paper.
  init(_ context: BenchmarkContext, _ geometry: Geometry, _ training: MemoryProbe.Training) throws {
    let catalog = try RenderedSites.write(
      2, perSite: 64, size: geometry.configuration.vision.imageSize, context)
    let samples = Array(catalog.sites.flatMap(\.samples).prefix(4 * training.batch))
    try self.init(context, geometry, samples) {
      if geometry.configuration.vision.trunk != nil { $0.followHospitals() }
      $0.tune = training.tune
      $0.batchSize = training.batch
      $0.epochs = 1
    }
  }
}

extension MemoryCases {
  /// Measures training steps at each tuning depth, beside the same model in PyTorch.
  ///
  /// Two sizes of the batch show what an image adds.
  func training(_ add: (CaseRecord) throws -> Void) throws {
    for geometry in context.geometries([.baseline, .lite0]) {
      let sizes = geometry.id == Geometry.lite0.id ? [16, 32] : [8, 16]
      for tune in [Tuning.none, .last(2), .all] {
        for batch in sizes {
          try add(training(geometry, .init(tune: tune, batch: batch), peers: batch == sizes[0]))
        }
      }
    }
  }

  private func training(
    _ geometry: Geometry, _ training: MemoryProbe.Training, peers: Bool
  ) throws -> CaseRecord {
    var record = CaseRecord(
      .memory, "\(geometry.name), training steps of \(training.batch), --tune \(training.tune)")
    record.unit = .bytes
    record.contestants = Precision.trainable.map {
      own(MemoryProbe(work: .train, geometry: geometry.id, precision: $0, training: training))
    }
    if peers {
      let session = try TrainingSession(context, geometry, training)
      defer { session.remove() }
      let request = try session.request(.step, epochs: 1)
      record.contestants += Precision.trainable.compactMap {
        peer(
          "pytorch", name: "PyTorch", $0.rawValue,
          geometry.configuration.vision.trunk == nil ? "train" : "train-trunk", request,
          call: ["what": .string("step")])
      }
    }
    return told(record)
  }
}
