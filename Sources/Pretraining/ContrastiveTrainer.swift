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
  private let stateFile: URL
  private let optimizer: AdamW
  private var state = State()
  private let batches: CaptionedBatches
  private let extractor: DenseFeatures
  /// The locked layers of the image tower; nil if all are trained.
  private var locked: CompiledImageTrunk?

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
    guard images.scenes != nil || (configuration.interventionShare == 0 && configuration.maskWeight == 0)
    else { throw PretrainingError.noScenes }
    self.configuration = configuration
    self.clip = clip
    self.stateFile = stateFile
    extractor = try DenseFeatures(named: configuration.dense)
    batches = CaptionedBatches(configuration: configuration, clip: clip, images: images)
    optimizer = try AdamW(groups: Self.groups(configuration, clip), beta2: 0.98)
    if resuming { try load() }
    // The locked layers have their values now, and keep them.
    let depth = configuration.tunedStages.map { clip.vision.depth(beforeLast: $0) } ?? 0
    if depth > 0 { locked = try clip.vision.compiled(for: .float32, upTo: depth) }
  }

  /// Returns the trained parameters; those of locked layers no longer take gradients.
  private static func groups(
    _ configuration: PretrainingConfiguration, _ clip: CLIPModel
  ) throws -> [ParameterGroup] {
    var rest = clip.parameters()
    var groups: [ParameterGroup] = []
    if let count = configuration.tunedStages {
      let isTrunk: (NamedTensor) -> Bool = { $0.key.hasPrefix("visual.trunk.") }
      for parameter in rest where isTrunk(parameter) { try parameter.tensor.requireGradient(false) }
      rest.removeAll(where: isTrunk)
      let tuned = count == 0 ? [] : clip.vision.parameters(ofLast: count).filter(isTrunk)
      for parameter in tuned { try parameter.tensor.requireGradient(true) }
      if !tuned.isEmpty {
        groups.append(
          ParameterGroup(
            name: "trunk", parameters: tuned, learningRate: configuration.trunkLearningRate,
            weightDecay: configuration.weightDecay))
      }
    }
    let (matrices, vectors) = (
      rest.filter { $0.tensor.shape.count > 1 }, rest.filter { $0.tensor.shape.count <= 1 }
    )
    return [
      ParameterGroup(
        name: "matrices", parameters: matrices, learningRate: configuration.learningRate,
        weightDecay: configuration.weightDecay),
      ParameterGroup(
        name: "vectors", parameters: vectors, learningRate: configuration.learningRate, weightDecay: 0),
    ] + groups
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
    let batches = self.batches.from(step: state.step)
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

  private func step(_ batch: CaptionedBatch) throws -> Double {
    let isDense = configuration.denseWeight > 0 || configuration.maskWeight > 0
    let dense = isDense ? extractor : nil
    let features =
      try locked.map { layers in
        try clip.vision(withoutGradients { try layers(batch.pixels) }, dense: dense)
      }
      ?? clip.vision(batch.pixels, dense: dense)
    let texts = try clip.text(batch.ids).normalized()
    // OpenAI's limit: the scale is at most 100.
    let scale = try clip.logitScale.clamped(max: Foundation.log(100)).exp()
    let logits = try features.image.normalized().matmul(texts.transposed()) * scale
    var loss = try ContrastiveObjective.symmetric(logits: logits, truth: batch.truth)
    if configuration.denseWeight > 0 {
      let positions = try features.dense.flattened(from: 1, to: 2).normalized()
      let pooled = try ContrastiveObjective.pooled(
        dense: positions, texts: texts, best: configuration.densePositions)
      loss =
        try loss + ContrastiveObjective.symmetric(logits: pooled * scale, truth: batch.truth)
        * configuration.denseWeight
    }
    if configuration.maskWeight > 0, let known = batch.known {
      loss =
        try loss + ContrastiveObjective.masked(
          dense: features.dense.normalized(dim: 3), lesions: known.lesions.matmul(texts).normalized(),
          normal: known.normal.matmul(texts).normalized(), masks: known.masks, scale: scale)
        * configuration.maskWeight
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
  /// A setting needs images whose masks are known.
  case noScenes
  /// An image has a lesion of a class that is not stated.
  case noClass(URL)

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
    case .noScenes:
      "interventionShare and maskWeight need masks, which images with captions alone lack; give sites, or 0"
    case .noClass(let url):
      "\(url.path): its mask shows a lesion, but no class is stated; state the class in sites.json5, or one for all"
    }
  }
}
