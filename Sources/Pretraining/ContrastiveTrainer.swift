import CLIP
import Datasets
import Foundation
import Torch

/// Trains a CLIP model from random weights on images with captions.
///
/// Every random choice uses a stream that is named by seed and step. So a resumed run equals an
/// uninterrupted run bit for bit.
///
/// Several processes share each batch: every one encodes a part of its images and sentences, and
/// computes the loss of the whole batch. The first one alone reads and writes the state.
package final class ContrastiveTrainer {
  private let configuration: PretrainingConfiguration
  let clip: CLIPModel
  private let stateFile: URL
  private let optimizer: AdamW
  private var state = State()
  private let batches: CaptionedBatches
  private let extractor: DenseFeatures
  /// The locked layers of the image tower; nil if all are trained.
  private var locked: CompiledImageTrunk?
  /// The processes that share the batches.
  let processes: Processes
  private var reducer: GradientReducer?

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
  ///   - resuming: whether to continue from that file; the first process decides and reads.
  ///   - processes: the processes that share the batches. All of them have the same images and
  ///     settings.
  /// - Throws: `PretrainingError` for an invalid setting, `CLIPError`, or the error of reading the state.
  package init(
    configuration: PretrainingConfiguration, clip: CLIPModel, images: CaptionedImages, stateFile: URL,
    resuming: Bool, processes: Processes = .alone
  ) throws {
    guard images.count >= configuration.batchSize, configuration.batchSize >= 2 else {
      throw PretrainingError.batchSize(configuration.batchSize, images: images.count)
    }
    try Self.requireImages(configuration, for: processes)
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
    self.processes = processes
    batches = CaptionedBatches(
      configuration: configuration, clip: clip, images: images,
      part: processes.part(of: configuration.batchSize))
    optimizer = try AdamW(groups: Self.groups(configuration, clip), beta2: 0.98)
    state = try processes.first {
      if resuming { try load() }
      return state
    }
    for tensors in [clip.state(), optimizer.state()] {
      try processes.broadcast(tensors.sorted { $0.key < $1.key }.map(\.value))
    }
    // The locked layers have their values now, and keep them.
    let depth = configuration.tunedStages.map { clip.vision.depth(beforeLast: $0) } ?? 0
    if depth > 0 { locked = try clip.vision.compiled(for: .float32, upTo: depth) }
    reducer = try processes.reducer(of: optimizer.parameters)
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
      let stops = try state.step < configuration.steps && processes.isTrueAnywhere(shouldStop())
      if ends || stops { try settle(endsStretch: ends) }
      if stops { throw PretrainingError.interrupted(step: state.step) }
    }
    clip.train(false)
    return state.history
  }

  private func step(_ batch: CaptionedBatch) throws -> Double {
    try reducer?.prepareForward()
    let loss = try loss(batch)
    let value = try mean(loss)
    try check(value)
    try reducer?.prepareBackward(outputs: [loss])
    try loss.backward()
    try check(clipGradients(of: optimizer.parameters, toNorm: 1))
    let schedule = CosineSchedule(
      warmupSteps: configuration.steps / 20, totalSteps: configuration.steps, floor: 0.02)
    try optimizer.step(scale: schedule.scale(at: state.step))
    try optimizer.clearGradients()
    return value
  }

  /// Computes the loss of a batch.
  ///
  /// Of several processes the mean of this scalar over the processes is the loss of the whole batch,
  /// and the mean of its gradients is that loss's gradient. The contrastive parts are computed from the
  /// gathered cosines, equally in every process. The part of the masks is computed from the positions
  /// of this process's images, which are too many to gather, and weighs as many images.
  private func loss(_ batch: CaptionedBatch) throws -> Tensor {
    let isDense = configuration.denseWeight > 0 || configuration.maskWeight > 0
    let dense = isDense ? extractor : nil
    let features =
      try locked.map { layers in
        try clip.vision(withoutGradients { try layers(batch.pixels) }, dense: dense)
      }
      ?? clip.vision(batch.pixels, dense: dense)
    let texts = try texts(batch.ids)
    // OpenAI's limit: the scale is at most 100.
    let scale = try clip.logitScale.clamped(max: Foundation.log(100)).exp()
    var cosines = [try features.image.normalized().matmul(texts.transposed())]
    if configuration.denseWeight > 0 {
      let positions = try features.dense.flattened(from: 1, to: 2).normalized()
      cosines.append(
        try ContrastiveObjective.pooled(dense: positions, texts: texts, best: configuration.densePositions))
    }
    let weights = [1, configuration.denseWeight]
    var total: Tensor?
    for (cosine, weight) in zip(try gathered(cosines), weights) {
      let part = try ContrastiveObjective.symmetric(logits: cosine * scale, truth: batch.truth)
      total = try total.map { try $0 + part * weight } ?? part
    }
    if configuration.maskWeight > 0, let known = batch.known {
      let count = try batch.pixels.size(0)
      let share = Double(processes.count * count) / Double(configuration.batchSize)
      let part = try ContrastiveObjective.masked(
        dense: features.dense.normalized(dim: 3), lesions: known.lesions.matmul(texts).normalized(),
        normal: known.normal.matmul(texts).normalized(), masks: known.masks, scale: scale)
      total = try total.map { try $0 + part * (configuration.maskWeight * share) } ?? part
    }
    return try total ?? .zeros([])
  }

  private func check(_ value: Double) throws {
    guard value.isFinite else {
      throw PretrainingError.diverged(step: state.step + 1, state: stateFile.path)
    }
  }

  /// Writes the state, in the first process.
  private func save() throws {
    guard processes.isFirst else { return }
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
