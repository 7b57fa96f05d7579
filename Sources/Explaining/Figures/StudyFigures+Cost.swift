import Foundation
import Segmentation
import Torch
import Training

extension StudyFigures {
  /// Computes parameters and latency of a model of each method, on one thread.
  func costFigure(fingerprint: String) throws -> CostFigure {
    let threads = Machine.threads
    try Machine.setThreads(1)
    defer { try? Machine.setThreads(threads) }
    var imageSize = 0
    let rows = try methods.compactMap { method -> CostFigure.Row? in
      guard let run = heldOut(method).first, let sample = try catalog.site(run.result.site).testSamples.first
      else { return nil }
      let (system, settings) = (try run.run.trainedSystem(), run.run.configuration)
      imageSize = settings.imageSize
      let pair = try settings.reader.pair(sample)
      let compiled = try system.compiled(for: settings.precision)
      let times = try latencies(compiled, pair.image.to(.float32).expandedDimension(0) / 255)
      func count(_ parameters: [NamedTensor]) -> Int { parameters.reduce(0) { $0 + $1.tensor.count } }
      let all = system.parameters()
      return CostFigure.Row(
        method: method, parameters: count(all),
        trained: count(try system.parameterGroups(settings.optimizer).flatMap(\.parameters)),
        intervention: settings.model.method.traits.intervenes
          ? count(all.filter { $0.key.hasPrefix("model.method.") }) : 0,
        latency: times[times.count / 2], shortest: times[0])
    }
    return CostFigure(
      fingerprint: fingerprint, imageSize: imageSize, passes: max(1, latencyPasses), threads: 1,
      vectorInstructions: Machine.cpuCapability, rows: rows)
  }

  /// Returns the milliseconds of each pass, in increasing order.
  ///
  /// The first passes allocate memory and do not count.
  private func latencies(_ system: CompiledSystem, _ image: Tensor) throws -> [Double] {
    for _ in 0..<3 { _ = try system.probabilities(image) }
    return try (0..<max(1, latencyPasses)).map { _ in
      let time = try ContinuousClock().measure { _ = try system.probabilities(image) }
      return Double(time.components.seconds) * 1e3 + Double(time.components.attoseconds) * 1e-15
    }.sorted()
  }
}
