import Confounders
import Datasets
import Foundation
import Segmentation
import Torch

/// Why training stopped before its end.
package enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// A loss or gradient is not a number.
  case diverged(epoch: Int, step: Int, state: String)
  /// The user asked to stop; the state is saved.
  case interrupted(epoch: Int, step: Int)
  /// There is nothing to train on.
  case noImages

  /// One or two lines with the fix.
  package var description: String {
    switch self {
    case .diverged(let epoch, let step, let state):
      "training diverged in epoch \(epoch), step \(step): the loss or a gradient is not a number; "
        + "lower optimizer.learningRate. The last good state is kept in \(state)"
    case .interrupted(let epoch, let step):
      "interrupted in epoch \(epoch), step \(step); the state is saved, continue with --resume"
    case .noImages: "no training images are left; lower validationShare or add images"
    }
  }
}

/// What a trainer tells while it works.
package struct TrainingProgress: Sendable {
  /// After each step: epoch and step (both counted from 1), steps in the epoch, loss.
  package var step: @Sendable (_ epoch: Int, _ step: Int, _ steps: Int, _ loss: Double) -> Void
  /// After each epoch.
  package var epoch: @Sendable (_ metrics: EpochMetrics, _ epochs: Int) -> Void
  /// Asked after each step; true saves the state and stops.
  package var shouldStop: @Sendable () -> Bool

  /// Says nothing and never stops.
  package init() {
    step = { _, _, _, _ in }
    epoch = { _, _ in }
    shouldStop = { false }
  }
}

/// Trains one model; method, section 6.
///
/// Every random choice is drawn from a stream named by seed, epoch and step, so a resumed run equals an
/// uninterrupted one bit for bit.
package final class Trainer {
  private let configuration: RunConfiguration
  private let system: SegmentationSystem
  private let run: RunDirectory
  private let training: SampleBank
  private let validation: SampleBank
  private let features: FeatureStore?
  /// Encodes images that have no cached features; nil when all of the tower is trained.
  private let encoder: FrozenEncoder?
  private let frozenHash: String
  private let pictures: FixedPictures
  private let interventions: Interventions
  private let classes: [Int?]
  private let sites: [Int]
  private let optimizer: AdamW
  private var state = TrainingState()

  /// Prepares training.
  ///
  /// - Parameters:
  ///   - configuration: the settings.
  ///   - system: the model.
  ///   - run: where results go; the folder must exist.
  ///   - training: images to train on.
  ///   - validation: images to choose the epoch by; may be empty.
  ///   - prompts: the words, as many confounders as the model has.
  ///   - features: what the layers that are not trained make of all these images, where that is kept; nil runs the tower.
  ///   - resuming: whether to continue from the run's saved state.
  /// - Throws: `TrainingError.noImages`, `ConfigurationError` when features are given for settings that change
  ///   them or no confounder has a mechanism to intervene with, or what reading the state throws.
  package init(
    configuration: RunConfiguration, system: SegmentationSystem, run: RunDirectory, training: SampleBank,
    validation: SampleBank, prompts: PromptSet, features: FeatureStore? = nil,
    resuming: Bool
  ) throws {
    guard features == nil || configuration.keepsFeatures else {
      throw ConfigurationError(
        "features can be kept only with tune none or last-N and pictures that stay the same: augmentation.fixed above 0, or "
          + "augmentation off (every setting at its neutral value)")
    }
    guard !training.samples.isEmpty else { throw TrainingError.noImages }
    self.configuration = configuration
    self.system = system
    self.run = run
    self.training = training
    self.validation = validation
    self.features = features
    pictures = try FixedPictures(configuration, prompts)
    interventions = Interventions(prompts)
    try RunAssembly.requireMechanisms(configuration, prompts, in: "the prompts")
    classes = training.samples.map { sample in sample.lesionClass.flatMap(prompts.classes.firstIndex(of:)) }
    let names = Set(training.samples.map(\.site)).sorted()
    sites = training.samples.map { names.firstIndex(of: $0.site) ?? 0 }
    optimizer = try AdamW(groups: system.parameterGroups(configuration.optimizer))
    frozenHash = try system.frozenWeightsHash()
    if resuming {
      state = try TrainingState.load(
        from: run.stateFile, into: system, optimizer, frozenHash: frozenHash)
    }
    // The frozen weights have their values now.
    encoder = try features?.encoder ?? system.frozenEncoder()
    if !resuming { try estimatePrior() }
  }

  /// Steps in an epoch; the last, smaller batch is left out unless it is the only one.
  package var stepsPerEpoch: Int { max(1, training.samples.count / configuration.batchSize) }

  /// The epochs that are finished.
  package var history: [EpochMetrics] { state.history }

  /// Trains to the end, saving the state after each epoch.
  ///
  /// - Returns: one entry an epoch.
  /// - Throws: `TrainingError`; the saved state is then the last good one.
  @discardableResult
  package func train(_ progress: TrainingProgress = TrainingProgress()) throws -> [EpochMetrics] {
    // A kill between state and metrics leaves the latter a line short, which no later epoch may mend.
    if !state.history.isEmpty { try run.write(state.history) }
    // Divergence or a kill in the first epoch must find a state, too.
    if state.totalSteps == 0 { try save() }
    while state.epoch < configuration.epochs {
      let metrics = try trainEpoch(progress)
      progress.epoch(metrics, configuration.epochs)
    }
    return state.history
  }

  private func trainEpoch(_ progress: TrainingProgress) throws -> EpochMetrics {
    let start = Date()
    let epoch = state.epoch
    system.train()
    let batches = try loader(epoch: epoch, from: state.step)
    defer { batches.cancel() }
    let intervening = epoch >= configuration.interventionEpoch
    while let batch = try batches.next() {
      let losses = try step(batch, intervening: intervening)
      state.sums.add(losses)
      state.step += 1
      state.totalSteps += 1
      progress.step(epoch + 1, state.step, stepsPerEpoch, losses.total)
      // Between two accumulated steps the gradients are not in the state, so stop only after a change of weights.
      if state.step < stepsPerEpoch, state.step % configuration.accumulation == 0, progress.shouldStop() {
        state.seconds += Date().timeIntervalSince(start)
        try save()
        throw TrainingError.interrupted(epoch: epoch + 1, step: state.step)
      }
    }
    let dice = try validationDice()
    let better = dice.map { $0 > (state.best ?? -1) } ?? true
    if better { try saveWeights() }
    let means = state.sums.means
    let metrics = EpochMetrics(
      epoch: epoch + 1, loss: means.loss, segmentation: means.segmentation, causal: means.terms[.causal],
      contrast: means.terms[.contrast], invariance: means.terms[.invariance],
      attention: means.terms[.attention], penalty: means.terms[.penalty], intervening: intervening,
      validationDice: dice, best: better, seconds: state.seconds + Date().timeIntervalSince(start),
      waited: batches.secondsWaited)
    state.history.append(metrics)
    state.best = better ? dice : state.best
    state.epoch += 1
    state.step = 0
    state.seconds = 0
    state.sums = LossSums()
    // The chosen weights are already on disk: a kill between the two writes repeats this epoch, equally.
    try save()
    try run.write(state.history)
    if state.epoch < configuration.epochs, progress.shouldStop() {
      throw TrainingError.interrupted(epoch: state.epoch, step: stepsPerEpoch)
    }
    return metrics
  }

  /// Makes the batches of an epoch ahead of their use.
  private func loader(epoch: Int, from first: Int) throws -> Prefetcher<Batch> {
    let size = configuration.batchSize
    let maker = BatchMaker(
      configuration: configuration, bank: training, features: features, pictures: pictures,
      interventions: interventions, probabilities: try system.model.dictionary.prior.doubles(),
      classes: classes, sites: sites)
    let order = try Tensor.randomPermutation(
      training.samples.count, generator: Generator(seed: configuration.seed, for: "order", "\(epoch)")
    ).array(of: Int.self)
    return Prefetcher(first..<stepsPerEpoch) { step in
      try maker.batch(
        Array(order[step * size..<min(order.count, (step + 1) * size)]), epoch: epoch, step: step)
    }
  }

  private func step(_ batch: Batch, intervening: Bool) throws -> StepLosses {
    let plugin = system.model.plugin
    let pass = TrainingPass(
      sites: batch.sites,
      generator: try Generator(seed: configuration.seed, for: "method", "\(state.epoch)", "\(state.step)"))
    let images = try plugin?.images(batch.images, pass) ?? batch.images
    let frozen = try encoder?(images, cached: batch.kept)
    let output = try system(images, kept: frozen, intervening: intervening, training: pass)
    let masks = try batch.masks.to(system.device)
    let each = try Objective.segmentation(
      logits: output.logits.to(.float32), masks: masks, dice: configuration.objective.dice)
    let segmentation = try batch.mean(each, intervened: configuration.interventions.segmentation)
    let terms = try causalTerms(output, batch, intervening: intervening)
    let seen = MethodBatch(
      sites: batch.sites, masks: masks, classes: batch.classes, losses: each,
      progress: Double(state.totalSteps) / Double(configuration.epochs * stepsPerEpoch))
    var total = try plugin?.segmentation(seen) ?? segmentation
    total = try terms.reduce(total) { try $0 + $1.value * $1.weight }
    let penalty = try plugin?.penalty(output, seen)
    if let penalty { total = try total + penalty }
    var losses = StepLosses(
      total: try total.detached().item(), segmentation: try segmentation.detached().item(), terms: [:])
    for term in terms { losses.terms[term.name] = try term.value.detached().item() }
    losses.terms[.penalty] = try penalty?.detached().item()
    try check(losses.total)
    try (configuration.accumulation > 1 ? total / Double(configuration.accumulation) : total).backward()
    let last = state.step + 1 == stepsPerEpoch
    if last || (state.step + 1) % configuration.accumulation == 0 {
      try check(clipGradients(of: optimizer.parameters, toNorm: configuration.optimizer.gradientClip))
      try optimizer.step(scale: schedule.scale(at: state.totalSteps))
      try optimizer.clearGradients()
    }
    return losses
  }

  /// What the paper adds to L_seg, and what training on interventions adds.
  private func causalTerms(
    _ output: SegmentationOutput, _ batch: Batch, intervening: Bool
  ) throws -> [(name: LossTerm, value: Tensor, weight: Double)] {
    let (objective, interventions) = (configuration.objective, configuration.interventions)
    let method = configuration.model.method
    var terms: [(name: LossTerm, value: Tensor?, weight: Double)] = []
    if method.intervenes, intervening, objective.causal > 0 {
      let value = try Objective.causal(
        intervened: output.intervened.to(.float32), joint: system.model.text.joint, classes: batch.classes)
      terms.append((.causal, value, objective.causal))
    }
    if method.selectsRegions, objective.contrast > 0 {
      let value = try Objective.contrast(
        images: output.image.to(.float32), classEmbeddings: system.model.text.classes,
        classes: batch.classes, temperature: objective.temperature)
      terms.append((.contrast, value, objective.contrast))
    }
    if method.intervenes, intervening, let set = batch.interventions {
      let (count, first) = (set.count, batch.classes.count - set.count)
      func rows(_ tensor: Tensor, from start: Int) throws -> Tensor {
        try tensor.to(.float32).narrowed(dim: 0, start: start, length: count)
      }
      if interventions.invariance > 0 {
        let grid = output.representation.grid
        let value = try Objective.invariance(
          observed: rows(grid, from: 0), intervened: rows(grid, from: first), moved: set.moved)
        terms.append((.invariance, value, interventions.invariance))
      }
      if interventions.attention > 0, configuration.model.intervention.adjustment != .exact,
        let attention = output.representation.attention
      {
        let value = try Objective.attention(
          rows(attention, from: first), applied: set.applied.to(system.device))
        terms.append((.attention, value, interventions.attention))
      }
    }
    return terms.compactMap { term in term.value.map { (term.name, $0, term.weight) } }
  }

  private func check(_ value: Double) throws {
    guard value.isFinite else {
      throw TrainingError.diverged(epoch: state.epoch + 1, step: state.step + 1, state: run.stateFile.path)
    }
  }

  private var schedule: CosineSchedule {
    let total = configuration.epochs * stepsPerEpoch
    return CosineSchedule(
      warmupSteps: Int(configuration.optimizer.warmup * Double(total)), totalSteps: total,
      floor: configuration.optimizer.floor)
  }

  /// Mean Dice over the validation images at S×S, threshold 0.5; both empty counts 1.
  private func validationDice() throws -> Double? {
    guard !validation.samples.isEmpty else { return nil }
    system.train(false)
    return try validation.meanDice(batchSize: configuration.batchSize, features: features) { images, cached in
      try system.probabilities(images, kept: encoder?(images, cached: cached))
    }
  }

  private func save() throws {
    try state.save(system: system, optimizer: optimizer, frozenHash: frozenHash, to: run.stateFile)
  }

  private func saveWeights() throws {
    let tensors = system.state().merging(system.model.text.tensors) { first, _ in first }
    try SafetensorsFile.write(tensors, metadata: ["format": "mcdrl-run"], to: run.weightsFile)
  }

  private func estimatePrior() throws {
    guard configuration.model.intervention.prior == .estimated else { return }
    system.train(false)
    var embeddings: [Tensor] = []
    for start in stride(from: 0, to: training.samples.count, by: configuration.batchSize) {
      let end = min(training.samples.count, start + configuration.batchSize)
      let images = try training.batch(Array(start..<end)).images
      let cached = try features?.kept(Array(training.samples[start..<end]))
      let encoded = try inferenceMode {
        try system.encoded(images, kept: encoder?(images, cached: cached))
      }
      embeddings.append(try encoded.image.to(.float32))
    }
    try system.setPrior(
      ConfounderDictionary.estimatedPrior(
        images: .concatenated(embeddings, dim: 0), embeddings: system.model.text.confounders))
  }
}
