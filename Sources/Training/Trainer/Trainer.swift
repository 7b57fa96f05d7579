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
  let configuration: RunConfiguration
  let system: SegmentationSystem
  private let run: RunFolder
  let training: SampleBank
  let validation: SampleBank
  let features: FeatureStore?
  /// The encoder of images without cached features; nil if the whole tower is trained.
  let encoder: FrozenEncoder?
  /// The whole tower as it began, for a method that compares with it.
  let pretrained: FrozenEncoder?
  private let frozenHash: String
  private let pictures: FixedPictures
  private let interventions: Interventions
  /// The styles of confounders that act by their words; nil if there are none.
  let styles: TrainingStyles?
  private let classes: LesionClasses
  private let sites: [Int]
  let optimizer: AdamW
  /// The processes that train together.
  let processes: Processes
  /// The reducer of gradients; nil for one process.
  private(set) var reducer: GradientReducer?
  /// The mean of the weights, which validation scores and the run stores; nil for none.
  private(set) var average: (any WeightAverage)?
  private(set) var state = TrainingState()
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
  ///   - processes: those that train together; all make a trainer of the same inputs.
  ///   - progress: called with every event of the preparation.
  /// - Throws: `TrainingError.noImages`, `ProcessesError`, `RunError` if features are given for
  ///   settings that change them or no confounder has a mechanism to intervene with, or the errors of
  ///   reading the state.
  package init(
    configuration: RunConfiguration, system: SegmentationSystem, run: RunFolder, training: SampleBank,
    validation: SampleBank, prompts: PromptSet, features: FeatureStore? = nil, target: SampleBank? = nil,
    resuming: Bool, processes: Processes = .alone, _ progress: TrainingProgress = TrainingProgress()
  ) throws {
    guard features == nil || configuration.cachesFeatures else { throw RunError.featuresChange }
    guard !training.samples.isEmpty else { throw TrainingError.noImages }
    try processes.together { try RunChecks.requireMechanisms(configuration, prompts, in: "the prompts") }
    let batch = min(configuration.batchSize, training.samples.count)
    guard processes.count <= batch else {
      throw ProcessesError.tooMany(processes: processes.count, batch: batch)
    }
    self.processes = processes
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
    try processes.requireEqual(frozenHash, "frozen weights")
    try processes.requireEqual(Self.names(training.samples + validation.samples), "images")
    try processes.broadcast(optimizer.parameters + system.buffers().map(\.tensor))
    styles = try .init(
      configuration, interventions, system, training, run, resuming: resuming, processes, progress)
    // The tower has its first weights now, also if the run is resumed.
    pretrained =
      configuration.model.method.traits.needsPretrained ? try system.pretrainedEncoder() : nil
    if resuming {
      let (optimizer, frozenHash) = (optimizer, frozenHash)
      let average = try configuration.averaging.average(of: system)
      self.average = average
      state = try processes.together {
        try TrainingState.load(
          from: run.stateFile, into: system, optimizer, average, frozenHash: frozenHash)
      }
      if processes.areSeveral {
        // A network file system may show an older file on another machine.
        let weights = try ContentHash(of: optimizer.named).text
        try processes.requireEqual("\(state.totalSteps) \(weights)", "saved states")
      }
    }
    // The frozen weights have their values now.
    encoder = try features?.encoder ?? system.frozenEncoder()
    if !resuming {
      let prior = configuration.interventions.prior
      if prior == .estimated || prior == .heldOut { try estimatePrior(from: target ?? training) }
      average = try configuration.averaging.average(of: system)
    }
    reducer = try processes.reducer(of: optimizer.parameters)
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
    if !state.history.isEmpty { try processes.first { try run.write(state.history) } }
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
      if state.step < stepsPerEpoch, state.step % configuration.accumulation == 0,
        try processes.isTrueAnywhere(progress.shouldStop())
      {
        state.seconds += Date().timeIntervalSince(start)
        try requireOwn(progress)
        try save()
        throw TrainingError.interrupted(epoch: epoch + 1, step: state.step)
      }
    }
    try requireOwn(progress)
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
    metrics.processes = processes.areSeveral ? processes.count : nil
    metrics.stopped = configuration.stops(after: state.history + [metrics])
    state.history.append(metrics)
    state.best = better ? score : state.best
    state.epoch += 1
    state.step = 0
    state.seconds = 0
    state.sums = LossSums()
    try requireOwn(progress)
    // The chosen weights are already on disk: a kill between the two writes repeats this epoch
    // identically.
    try save()
    try processes.first { try run.write(state.history) }
    if !configuration.isFinished(state.history), try processes.isTrueAnywhere(progress.shouldStop()) {
      throw TrainingError.interrupted(epoch: state.epoch, step: stepsPerEpoch)
    }
    return metrics
  }

  /// Stops without a write if another process goes on with the run from the last state.
  private func requireOwn(_ progress: TrainingProgress) throws {
    guard try processes.isTrueAnywhere(progress.isReplaced()) else { return }
    throw TrainingError.interrupted(epoch: state.epoch + 1, step: state.step)
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
      try processes.first {
        try system.saveWeights(to: run.weightsFile)
        try report(state.epoch + 1, found.counts)
      }
    }
    return (found.dice, found.score, better)
  }

  /// Prepares the batches of an epoch before their use.
  private func loader(epoch: Int, from first: Int) throws -> Prefetcher<TrainingBatch> {
    let size = configuration.batchSize
    let maker = BatchMaker(
      configuration: configuration, bank: training, features: features, pictures: pictures,
      interventions: interventions, probabilities: try system.model.dictionary.prior.doubles(),
      classes: classes, sites: sites, processes: processes)
    let order = try configuration.sampling.order(
      sites: sites, generator: Generator(seed: configuration.seed, for: "order", "\(epoch)"))
    let device = system.device
    return Prefetcher(first..<stepsPerEpoch, for: device) { step in
      try maker.batch(
        Array(order[step * size..<min(order.count, (step + 1) * size)]), epoch: epoch, step: step
      ).pinned(for: device)
    }
  }

  func check(_ value: Double) throws {
    guard value.isFinite else {
      throw TrainingError.diverged(epoch: state.epoch + 1, step: state.step + 1, state: run.stateFile.path)
    }
  }

  /// Counts the pixels of the validation images at S×S, threshold 0.5.
  private func validationCounts() throws -> [[OverlapCounts]] {
    guard !validation.samples.isEmpty else { return [] }
    system.train(false)
    // Each process has the statistics of its own rows; those of the first one are stored.
    try processes.broadcast(system.buffers().map(\.tensor))
    return try validation.classOverlaps(
      batchSize: configuration.batchSize, features: features, among: processes
    ) { try system.probabilities($0, cached: encoder?($0, cached: $1)) }
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
    if processes.areSeveral {
      try processes.requireEqual(ContentHash(of: optimizer.named).text, "trained weights")
    }
    try processes.first {
      try state.save(
        system: system, optimizer: optimizer, average: average, frozenHash: frozenHash, to: run.stateFile)
    }
  }
}
