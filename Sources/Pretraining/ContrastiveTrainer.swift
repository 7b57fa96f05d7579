import CLIP
import Datasets
import Foundation
import Torch

/// Trains a CLIP model from random weights on images with captions.
///
/// Every random choice uses a stream that is named by seed and step. So a resumed run equals an
/// uninterrupted run bit for bit.
package final class ContrastiveTrainer {
  private let configuration: PretrainingConfiguration
  private let clip: CLIPModel
  private let images: CaptionedImages
  private let stateFile: URL
  private let optimizer: AdamW
  private var state = State()
  private let tokens: [String: [Int]]
  private let extractor: DenseFeatures

  /// The progress of training; one file stores it with weights and moments.
  private struct State: Codable {
    var step = 0
    var history: [PretrainingMetrics] = []
    var sum = 0.0
    var count = 0
    var seconds = 0.0
  }

  private static let key = "mcdrl.pretraining"

  /// Prepares training.
  ///
  /// - Parameters:
  ///   - configuration: the settings.
  ///   - clip: the model; training changes it in place.
  ///   - images: the training images.
  ///   - stateFile: the file that holds everything that a resumed run needs.
  ///   - resuming: whether to continue from that file.
  /// - Throws: `PretrainingError` for an invalid setting, `CLIPError`, or the error of reading the state.
  package init(
    configuration: PretrainingConfiguration, clip: CLIPModel, images: CaptionedImages, stateFile: URL,
    resuming: Bool
  ) throws {
    guard images.count >= configuration.batchSize, configuration.batchSize >= 2 else {
      throw PretrainingError.batchSize(configuration.batchSize, images: images.count)
    }
    for (name, count) in [
      ("steps", configuration.steps), ("captionsPerImage", configuration.captionsPerImage),
      ("saveEvery", configuration.saveEvery), ("densePositions", configuration.densePositions),
    ] where count < 1 {
      throw PretrainingError.belowOne(name, value: count)
    }
    self.configuration = configuration
    self.clip = clip
    self.images = images
    self.stateFile = stateFile
    extractor = try DenseFeatures(named: configuration.dense)
    let window = clip.configuration.text.positions
    // Every caption is tokenised once. Rows are cut to the longest sentence of the batch.
    tokens = Dictionary(
      uniqueKeysWithValues: Set(images.captions.joined()).map {
        ($0, clip.tokenizer.encode($0, window: window))
      })
    let (matrices, vectors) = (
      clip.parameters().filter { $0.tensor.shape.count > 1 },
      clip.parameters().filter { $0.tensor.shape.count <= 1 }
    )
    optimizer = try AdamW(
      groups: [
        ParameterGroup(
          name: "matrices", parameters: matrices, learningRate: configuration.learningRate,
          weightDecay: configuration.weightDecay),
        ParameterGroup(
          name: "vectors", parameters: vectors, learningRate: configuration.learningRate, weightDecay: 0),
      ], beta2: 0.98)
    if resuming { try load() }
  }

  /// The number of finished steps.
  package var step: Int { state.step }

  /// Trains to the end.
  ///
  /// It saves the state every `saveEvery` steps and when it is interrupted.
  ///
  /// - Parameters:
  ///   - progress: receives the number of finished steps and the loss.
  ///   - shouldStop: called after each step; training stops if it returns true.
  /// - Returns: the mean loss of each interval between two saved states.
  /// - Throws: `PretrainingError.diverged` or `.interrupted`; the saved state is then the last good
  ///   one.
  @discardableResult
  package func train(
    _ progress: (_ step: Int, _ loss: Double) -> Void = { _, _ in },
    shouldStop: () -> Bool = { false }
  ) throws -> [PretrainingMetrics] {
    clip.train()
    let batches = loader()
    defer { batches.cancel() }
    var start = Date()
    func settle(endsStretch: Bool) throws {
      state.seconds += Date().timeIntervalSince(start)
      start = Date()
      if endsStretch {
        let loss = state.sum / Double(state.count)
        state.history.append(PretrainingMetrics(step: state.step, loss: loss, seconds: state.seconds))
        (state.sum, state.count) = (0, 0)
      }
      try save()
    }
    // A run that diverges or is killed in the first interval also needs a saved state.
    if state.step == 0 { try save() }
    while state.step < configuration.steps, let batch = try batches.next() {
      let loss = try step(batch)
      state.step += 1
      state.sum += loss
      state.count += 1
      progress(state.step, loss)
      let ends = state.step % configuration.saveEvery == 0 || state.step == configuration.steps
      let stops = state.step < configuration.steps && shouldStop()
      if ends || stops { try settle(endsStretch: ends) }
      if stops { throw PretrainingError.interrupted(step: state.step) }
    }
    clip.train(false)
    return state.history
  }

  /// The data of one training step.
  private struct Batch: Sendable {
    /// B×3×S×S, normalised.
    let pixels: Tensor
    /// int64, U×L.
    let ids: Tensor
    /// B×U.
    let truth: Tensor
  }

  private func loader() -> Prefetcher<Batch> {
    let (configuration, images, tokens) = (configuration, images, tokens)
    let (mean, deviation) = (clip.preparation.mean, clip.preparation.deviation)
    let pad = clip.tokenizer.padToken
    return Prefetcher(state.step..<configuration.steps) { step in
      let generator = try Generator(seed: configuration.seed, for: "pretraining", "\(step)")
      let count = configuration.batchSize
      let indices = try Tensor.randomIntegers([count], high: images.count, generator: generator)
      let rows = try indices.array(of: Int.self)
      // Each image uses its captions with the smallest random numbers.
      let draws = try Tensor.randomUniform([count, 256], generator: generator).floats()
      var sentences = Set<String>()
      for (place, row) in rows.enumerated() {
        let captions = images.captions[row]
        let order = captions.indices.sorted {
          draws[place * 256 + $0 % 256] < draws[place * 256 + $1 % 256]
        }
        sentences.formUnion(order.prefix(configuration.captionsPerImage).map { captions[$0] })
      }
      let texts = sentences.sorted()
      let truth = rows.flatMap { row in
        let captions = Set(images.captions[row])
        return texts.map { captions.contains($0) ? Float(1) : 0 }
      }
      let ids = texts.map { tokens[$0] ?? [] }
      let longest = ids.map(\.count).max() ?? 0
      let padded = ids.flatMap { $0 + Array(repeating: pad, count: longest - $0.count) }
      var pixels = try images.pixels.indexed(indices).to(.float32) / 255
      if configuration.flips {
        for dim in [2, 3] {
          let mirrored = try Tensor.randomUniform([count, 1, 1, 1], generator: generator).less(than: 0.5)
          pixels = try mirrored.choose(pixels.flipped([dim]), else: pixels)
        }
      }
      pixels =
        try (pixels - Tensor(mean.map(Float.init), shape: [1, 3, 1, 1]))
        / Tensor(deviation.map(Float.init), shape: [1, 3, 1, 1])
      return Batch(
        pixels: pixels, ids: try Tensor(padded, shape: [texts.count, longest]),
        truth: try Tensor(truth, shape: [count, texts.count]))
    }
  }

  private func step(_ batch: Batch) throws -> Double {
    let isDense = configuration.denseWeight > 0
    let features = try clip.vision(batch.pixels, dense: isDense ? extractor : nil)
    let texts = try clip.text(batch.ids).normalized()
    // OpenAI's limit: the scale is at most 100.
    let scale = try clip.logitScale.clamped(max: Foundation.log(100)).exp()
    let logits = try features.image.normalized().matmul(texts.transposed()) * scale
    var loss = try ContrastiveObjective.symmetric(logits: logits, truth: batch.truth)
    if isDense {
      let positions = try features.dense.flattened(from: 1, to: 2).normalized()
      let pooled = try ContrastiveObjective.pooled(
        dense: positions, texts: texts, best: configuration.densePositions)
      loss =
        try loss + ContrastiveObjective.symmetric(logits: pooled * scale, truth: batch.truth)
        * configuration.denseWeight
    }
    let value = try loss.detached().item()
    try check(value)
    try loss.backward()
    try check(clipGradients(of: optimizer.parameters, toNorm: 1))
    let schedule = CosineSchedule(
      warmupSteps: configuration.steps / 20, totalSteps: configuration.steps, floor: 0.02)
    try optimizer.step(scale: schedule.scale(at: state.step))
    try optimizer.clearGradients()
    return value
  }

  private func check(_ value: Double) throws {
    guard value.isFinite else {
      throw PretrainingError.diverged(step: state.step + 1, state: stateFile.path)
    }
  }

  private func save() throws {
    var tensors: [String: Tensor] = [:]
    for (key, tensor) in clip.state() { tensors["weights." + key] = tensor }
    for (key, tensor) in optimizer.state() { tensors["optimizer." + key] = tensor }
    let text = String(decoding: try JSONEncoder().encode(state), as: UTF8.self)
    try SafetensorsFile.write(tensors, metadata: [Self.key: text], to: stateFile)
  }

  private func load() throws {
    let file = try SafetensorsFile(stateFile)
    guard let text = file.metadata[Self.key],
      let found = try? JSONDecoder().decode(State.self, from: Data(text.utf8))
    else { throw PretrainingError.badState(stateFile) }
    let tensors = try file.tensors()
    func part(_ prefix: String) -> [String: Tensor] {
      Dictionary(
        uniqueKeysWithValues: tensors.compactMap { key, tensor in
          key.hasPrefix(prefix) ? (String(key.dropFirst(prefix.count)), tensor) : nil
        })
    }
    try clip.load(part("weights."), from: stateFile.path)
    try optimizer.load(part("optimizer."), from: stateFile.path)
    state = found
  }
}

/// The result of one interval of contrastive training.
package struct PretrainingMetrics: Codable, Equatable, Sendable {
  /// The number of finished steps at its end.
  package let step: Int
  /// The mean loss over the interval.
  package let loss: Double
  /// Seconds of training up to its end; the only entry that differs between equal runs.
  package let seconds: Double
}

/// The reason why contrastive training stopped before its end.
package enum PretrainingError: Error, Equatable, CustomStringConvertible {
  /// A batch has fewer than two images, or more than there are.
  case batchSize(Int, images: Int)
  /// A setting that counts something is below 1.
  case belowOne(String, value: Int)
  /// A loss or gradient is not a number.
  case diverged(step: Int, state: String)
  /// The user asked to stop; the state is saved.
  case interrupted(step: Int)
  /// A file is not a state of this training.
  case badState(URL)

  /// One or two lines with the fix.
  package var description: String {
    switch self {
    case .batchSize(let size, let images):
      "batchSize is \(size); it must be at least 2 and at most the \(images) pictures there are"
    case .belowOne(let name, let value): "\(name) is \(value); it must be at least 1"
    case .diverged(let step, let state):
      "training diverged in step \(step): the loss or a gradient is not a number; lower the learning rate. "
        + "The last good state is kept in \(state)"
    case .interrupted(let step): "interrupted after step \(step); the state is saved, resume it to continue"
    case .badState(let url):
      "\(url.path): not a state of contrastive training; remove it and start again"
    }
  }
}
