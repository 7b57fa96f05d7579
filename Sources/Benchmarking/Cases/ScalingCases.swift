import Foundation
import Segmentation
import Torch
import Training

/// The growth of our cost with images, sites, image size, M, depth and threads.
struct ScalingCases {
  let context: BenchmarkContext
  private var geometry: Geometry { context.geometry }

  func run(_ add: (CaseRecord) throws -> Void) throws {
    try add(images())
    try add(imageSizes())
    try add(
      steps("confounders, M", [1, 4, 8, 12], Geometry.tiny) { $0.confounders = $1 })
    try add(
      steps("intervention depth", [1, 3, 6], Geometry.tiny) { settings, depth in
        settings.model.method = settings.model.method.changing(MCDRL.self) { $0.intervention?.depth = depth }
      })
    try add(threads())
    if !context.quick { try add(sites()) }
  }

  private func own(_ name: String, _ work: @escaping () throws -> Void) -> Contestant {
    .ours(Precision.float32.rawValue, name: name, work)
  }

  private func images() throws -> CaseRecord {
    let counts = context.quick ? [1, 4] : [1, 4, 16]
    let frames = try Frames.write(
      counts.max() ?? 1, to: context.folder("scaling-frames"), seed: context.options.seed)
    let models = try Models(context, geometry)
    let pipeline = try FilePipeline(models.predictor(.float32), context.folder("scaling-masks"))
    let contestants = counts.map { count in
      own("\(count) frames") { try pipeline(Array(frames.prefix(count))) }
    }
    return context.measure(
      CaseRecord(.scaling, "frames to masks, \(geometry.name)"), contestants, context.pace())
  }

  private func imageSizes() throws -> CaseRecord {
    let side = geometry.configuration.vision.imageSize
    let models = try Models(context, geometry)
    let system = try models.system(.float32)
    let contestants = try [side / 2, side, side * 2].map { side -> Contestant in
      let images = try Tensor.full([1, 3, side, side], 0.5)
      return own("\(side) px") { _ = try system.probabilities(images) }
    }
    return context.measure(
      CaseRecord(.scaling, "image size, \(geometry.name) and head"), contestants, context.pace())
  }

  private func steps(
    _ name: String, _ values: [Int], _ geometry: Geometry, _ change: (inout RunConfiguration, Int) -> Void
  ) throws -> CaseRecord {
    let pace = context.pace(least: 4, most: 8, seconds: 60)
    let count = 8 * (pace.most + 1)
    let catalog = try RenderedSites.write(
      2, perSite: (count + 1) / 2, size: geometry.configuration.vision.imageSize, context)
    let samples = Array(catalog.sites.flatMap(\.samples).prefix(count))
    var sessions: [TrainingSession] = []
    defer { for session in sessions { session.remove() } }
    let contestants = try values.map { value -> Contestant in
      let session = try TrainingSession(context, geometry, samples) {
        $0.epochs = 1
        // This measures the head on the grid alone, as in the demonstration, because there the
        // growth is visible.
        $0.model.head.detailWidths = []
        change(&$0, value)
      }
      sessions.append(session)
      let trainer = try session.trainer(.float32, .step, keeping: true)
      return trainer.contestant(Precision.float32.rawValue, name: "\(value)")
    }
    var record = CaseRecord(.scaling, "\(name): a training step of 8 on kept features, \(geometry.name)")
    record.items = 8
    return context.measure(record, contestants, pace)
  }

  private func threads() throws -> CaseRecord {
    let side = geometry.configuration.vision.imageSize
    let pixels = try Tensor.zeros([8, 3, side, side])
    let encoder = try ImageEncoding(context.clipFolder(geometry), .float32)
    let contestants = (1...context.options.threads).map { count in
      own("\(count) threads") { try Machine.withThreads(count) { _ = try encoder(pixels) } }
    }
    var record = CaseRecord(.scaling, "threads: encoding a batch of 8, \(geometry.name)")
    record.items = 8
    return context.measure(record, contestants, context.pace())
  }

  private func sites() throws -> CaseRecord {
    var configuration = BenchmarkSettings.configuration(.tiny, seed: context.options.seed)
    configuration.epochs = 3
    let counts = [2, 3, 5]
    let contestants = try counts.map { count -> Contestant in
      let catalog = try RenderedSites.write(count, perSite: 16, testPerSite: 8, size: 128, context)
      let (context, configuration) = (context, configuration)
      var contestant = own("\(count) sites") {
        try StudyCases.own(catalog, configuration, .tiny, context)
      }
      contestant.repeats = false
      return contestant
    }
    return context.measure(
      CaseRecord(.scaling, "sites of 16 images: leave one site out, 3 epochs, tiny"), contestants,
      context.pace(least: 2, most: 3, seconds: 60))
  }
}
