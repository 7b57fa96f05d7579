import Confounders
import Datasets
import Foundation
import Metrics
import Segmentation
import Storage
import Torch

/// The training of one model; method, section 6.
///
/// Every random choice comes from a stream named by seed, epoch and step. So a resumed run equals
/// an uninterrupted one bit for bit.
package final class Trainer {
  private let configuration: RunConfiguration
  private let system: SegmentationSystem
  private let run: RunFolder
  private let training: SampleBank
  private let validation: SampleBank
  private let features: FeatureStore?
  /// The encoder of images without cached features; nil if the whole tower is trained.
  private let encoder: FrozenEncoder?
  /// The whole tower as it began, for a method that compares with it.
  private let pretrained: FrozenEncoder?
  private let frozenHash: String
  private let pictures: FixedPictures
  private let interventions: Interventions
  /// The styles of confounders that act by their words; nil if there are none.
  private let styles: TrainingStyles?
  private let classes: LesionClasses
  private let sites: [Int]
  private let optimizer: AdamW
  /// The mean of the weights, which validation scores and the run stores; nil for none.
  private var average: (any WeightAverage)?
  private var state = TrainingState()
  /// The scores of predictors that ignore the image; nil until they are computed.
  private var trivial: [String: OverlapSummary]?

  /// Prepares training.
  ///
  /// - Parameters:
  ///   - configuration: the settings.
  ///   - system: the model.
  ///   - run: the folder of the results, which must exist.
  ///   - training: the training images.
  ///   - validation: the images that choose the epoch; may be empty.
  ///   - prompts: the prompts, with as many confounders as the model has.
  ///   - features: cached features of the frozen layers for all these images; nil runs the tower.
  ///   - target: the images of the held-out site, for `Prior.heldOut`.
  ///   - resuming: whether to continue from the run's saved state.
  ///   - progress: called with every event of the preparation.
  /// - Throws: `TrainingError.noImages`, `RunError` if features are given for settings that change
  ///   them or no confounder has a mechanism to intervene with, or the errors of reading the state.
  package init(
    configuration: RunConfiguration, system: SegmentationSystem, run: RunFolder, training: SampleBank,
    validation: SampleBank, prompts: PromptSet, features: FeatureStore? = nil, target: SampleBank? = nil,
    resuming: Bool, _ progress: TrainingProgress = TrainingProgress()
  ) throws {
    guard features == nil || configuration.cachesFeatures else { throw RunError.featuresChange }
    guard !training.samples.isEmpty else { throw TrainingError.noImages }
    try RunChecks.requireMechanisms(configuration, prompts, in: "the prompts")
    self.configuration = configuration
    self.system = system
    self.run = run
    self.training = training
    self.validation = validation
    self.features = features
    pictures = try FixedPictures(configuration, prompts)
    interventions = Interventions(prompts, of: configuration)
    classes = LesionClasses(of: training.samples, in: prompts, configuration)
    let names = Set(training.samples.map(\.site)).sorted()
    sites = training.samples.map { names.firstIndex(of: $0.site) ?? 0 }
    optimizer = try AdamW(groups: system.parameterGroups(configuration.optimizer))
    frozenHash = try system.frozenWeightsHash()
    styles = try .init(configuration, interventions, system, training, run, resuming: resuming, progress)
    // The tower has its first weights now, also if the run is resumed.
    pretrained =
      configuration.model.method.traits.needsPretrained ? try system.pretrainedEncoder() : nil
    if resuming {
      average = try configuration.averaging.average(of: system)
      state = try .load(from: run.stateFile, into: system, optimizer, average, frozenHash: frozenHash)
    }
    // The frozen weights have their values now.
    encoder = try features?.encoder ?? system.frozenEncoder()
    if !resuming {
      let prior = configuration.interventions.prior
      if prior == .estimated || prior == .heldOut { try estimatePrior(from: target ?? training) }
      average = try configuration.averaging.average(of: system)
    }
  }

  /// The number of steps in an epoch; a smaller last batch is left out unless it is the only one.
  package var stepsPerEpoch: Int { max(1, training.samples.count / configuration.batchSize) }

  /// The metrics of the finished epochs.
  package var history: [EpochMetrics] { state.history }

  /// Trains to the end and saves the state after each epoch.
  ///
  /// - Returns: the metrics of each epoch.
  /// - Throws: `TrainingError`. The saved state is then the last good one.
  @discardableResult
  package func train(_ progress: TrainingProgress = TrainingProgress()) throws -> [EpochMetrics] {
    // A kill between state and metrics leaves the metrics one line short. No later epoch would add
    // the line.
    if !state.history.isEmpty { try run.write(state.history) }
    // After divergence or a kill in the first epoch, there must be a state, too.
    if state.totalSteps == 0 { try save() }
    while !configuration.isFinished(state.history) {
      let metrics = try trainEpoch(progress)
      progress.report(.epoch(metrics, of: configuration.epochs))
    }
    return state.history
  }

  private func trainEpoch(_ progress: TrainingProgress) throws -> EpochMetrics {
    let start = Date()
    let epoch = state.epoch
    system.train()
    let batches = try loader(epoch: epoch, from: state.step)
    defer { batches.cancel() }
    while let batch = try batches.next() {
      let losses = try step(batch)
      state.sums.add(losses)
      state.step += 1
      state.totalSteps += 1
      progress.report(
        .step(epoch: epoch + 1, step: state.step, steps: stepsPerEpoch, loss: losses.total))
      // Between two accumulated steps the state lacks the gradients, so stop only after a change of
      // weights.
      if state.step < stepsPerEpoch, state.step % configuration.accumulation == 0, progress.shouldStop() {
        state.seconds += Date().timeIntervalSince(start)
        try save()
        throw TrainingError.interrupted(epoch: epoch + 1, step: state.step)
      }
    }
    // Validation and the saved weights are those of this epoch, with or without the intervention.
    system.setIntervention(ofEpoch: epoch)
    let intervenes = system.model.method.intervenes(inEpoch: epoch, of: configuration.plannedEpochs)
    let isWhole = !configuration.model.method.traits.intervenes || intervenes
    let (dice, score, better) =
      try average?.endEpoch(isWhole: isWhole, validate: validated, store: stored) ?? stored(validated())
    let means = state.sums.means
    var metrics = EpochMetrics(
      epoch: epoch + 1, loss: means.loss, segmentation: means.segmentation, terms: means.terms,
      intervening: intervenes,
      validationDice: dice, validationScore: configuration.selection == .dice ? nil : score, best: better,
      seconds: state.seconds + Date().timeIntervalSince(start),
      waited: batches.secondsWaited)
    metrics.stopped = configuration.stops(after: state.history + [metrics])
    state.history.append(metrics)
    state.best = better ? score : state.best
    state.epoch += 1
    state.step = 0
    state.seconds = 0
    state.sums = LossSums()
    // The chosen weights are already on disk: a kill between the two writes repeats this epoch
    // identically.
    try save()
    try run.write(state.history)
    if !configuration.isFinished(state.history), progress.shouldStop() {
      throw TrainingError.interrupted(epoch: state.epoch, step: stepsPerEpoch)
    }
    return metrics
  }

  /// Scores the present weights on the validation images.
  private func validated() throws -> Validation {
    let counts = try validationCounts()
    let size = configuration.batchSize
    func score(_ rule: EpochSelection) -> Double? { rule.score(ofClasses: counts, batchSize: size) }
    return Validation(counts: counts, dice: score(.dice), score: score(configuration.selection))
  }

  /// Stores the present weights if they are the best.
  ///
  /// - Parameters:
  ///   - found: their scores.
  ///   - always: whether they are stored whatever their score.
  /// - Returns: the scores, and whether the weights were stored.
  /// - Throws: an error that names the file.
  private func stored(_ found: Validation, always: Bool = false) throws -> Judgement {
    let better =
      always || configuration.selection == .last || EpochSelection.replaces(found.score, state.best)
    if better {
      try system.saveWeights(to: run.weightsFile)
      try report(state.epoch + 1, found.counts)
    }
    return (found.dice, found.score, better)
  }

  /// Prepares the batches of an epoch before their use.
  private func loader(epoch: Int, from first: Int) throws -> Prefetcher<TrainingBatch> {
    let size = configuration.batchSize
    let maker = BatchMaker(
      configuration: configuration, bank: training, features: features, pictures: pictures,
      interventions: interventions, probabilities: try system.model.dictionary.prior.doubles(),
      classes: classes, sites: sites)
    let order = try configuration.sampling.order(
      sites: sites, generator: Generator(seed: configuration.seed, for: "order", "\(epoch)"))
    let device = system.device
    return Prefetcher(first..<stepsPerEpoch) { step in
      try maker.batch(
        Array(order[step * size..<min(order.count, (step + 1) * size)]), epoch: epoch, step: step
      ).pinned(for: device)
    }
  }

  /// Runs one step: forward pass, L_seg and the method's terms, backward pass, optimiser.
  private func step(_ made: TrainingBatch) throws -> StepLosses {
    let batch = try made.sent(to: system.device)
    let method = system.model.method
    let pass = TrainingPass(
      sites: batch.sites,
      generator: try Generator(seed: configuration.seed, for: "method", "\(state.epoch)", "\(state.step)"),
      epoch: state.epoch, epochs: configuration.plannedEpochs)
    let images = try method.images(batch.images, pass)
    let restyling = try styles?.restyling(batch.interventions, pass.generator)
    // Styles act inside the tower, so its frozen part cannot run ahead.
    let frozen = restyling == nil ? try encoder?(images, cached: batch.cached) : nil
    let output = try system(images, cached: frozen, ForwardPass(training: pass), restyling: restyling)
    let masks = batch.masks
    let each = try Objective.segmentation(
      logits: output.logits.to(.float32), masks: masks, dice: configuration.objective.dice)
    let segmentation = try batch.mean(each, intervened: configuration.interventions.segmentation)
    let seen = MethodBatch(
      sites: batch.sites, masks: masks, classes: batch.classes, losses: each,
      interventions: batch.interventions, pretrained: try pretrained?(images).images, pass: pass,
      progress: min(1, Double(state.totalSteps) / Double(configuration.plannedEpochs * stepsPerEpoch)))
    var total = try method.segmentation(seen) ?? segmentation
    let terms = try method.losses(output, seen)
    for term in terms { total = try total + term.value * term.weight }
    let losses = StepLosses(
      total: try total.detached().item(), segmentation: try segmentation.detached().item(),
      terms: try terms.map { ($0.name, try $0.value.detached().item()) })
    try check(losses.total)
    try losses.requireNames(of: method)
    try (configuration.accumulation > 1 ? total / Double(configuration.accumulation) : total).backward()
    let last = state.step + 1 == stepsPerEpoch
    if last || (state.step + 1) % configuration.accumulation == 0 {
      try check(clipGradients(of: optimizer.parameters, toNorm: configuration.optimizer.gradientClip))
      try optimizer.step(scale: configuration.rate(at: state.totalSteps, stepsPerEpoch: stepsPerEpoch))
      try optimizer.clearGradients()
      try average?.update()
    }
    return losses
  }

  private func check(_ value: Double) throws {
    guard value.isFinite else {
      throw TrainingError.diverged(epoch: state.epoch + 1, step: state.step + 1, state: run.stateFile.path)
    }
  }

  /// Counts the pixels of the validation images at S×S, threshold 0.5.
  private func validationCounts() throws -> [[OverlapCounts]] {
    guard !validation.samples.isEmpty else { return [] }
    system.train(false)
    return try validation.classOverlaps(batchSize: configuration.batchSize, features: features) {
      try system.probabilities($0, cached: encoder?($0, cached: $1))
    }
  }

  /// Writes the scores of the chosen epoch beside those of predictors that ignore the image.
  private func report(_ epoch: Int, _ counts: [[OverlapCounts]]) throws {
    guard counts.contains(where: { !$0.isEmpty }), let meanMask = try run.meanMask() else { return }
    let others =
      try trivial
      ?? ValidationReport.trivial(validation, meanMask: meanMask, batchSize: configuration.batchSize)
    trivial = others
    let report = ValidationReport(epoch: epoch, configuration, counts, trivial: others)
    if let report { try run.write(report, to: run.validationFile) }
  }

  private func save() throws {
    try state.save(
      system: system, optimizer: optimizer, average: average, frozenHash: frozenHash, to: run.stateFile)
  }

  /// Estimates P(z) from the training images' embeddings.
  private func estimatePrior(from bank: SampleBank) throws {
    system.train(false)
    var embeddings: [Tensor] = []
    let features = bank.samples == training.samples ? features : nil
    for start in stride(from: 0, to: bank.samples.count, by: configuration.batchSize) {
      let end = min(bank.samples.count, start + configuration.batchSize)
      let images = try bank.batch(Array(start..<end)).images
      let cached = try features?.cached(Array(bank.samples[start..<end]))
      let encoded = try inferenceMode {
        try system.encoded(images, cached: encoder?(images, cached: cached))
      }
      embeddings.append(try encoded.image.to(.float32))
    }
    let dictionary = system.model.dictionary
    try dictionary.setPrior(
      ConfounderDictionary.estimatedPrior(
        images: .concatenated(embeddings, dim: 0), embeddings: system.model.text.confounders))
  }
}
