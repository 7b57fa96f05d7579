import Datasets
import Foundation
import Segmentation
import Storage
import Torch

/// The decoded images of a training, with cached features.
package struct TrainingInputs: Sendable {
  /// The training images.
  package let training: SampleBank
  /// The images that choose the epoch.
  package let validation: SampleBank
  /// The cached features of the frozen layers; nil runs the layers in each step.
  package let features: FeatureStore?
  /// The images of the held-out site for `Prior.heldOut`, which reads no mask of them; nil otherwise.
  package let target: SampleBank?

  /// Makes the value from its parts.
  package init(
    training: SampleBank, validation: SampleBank, features: FeatureStore?, target: SampleBank? = nil
  ) {
    self.training = training
    self.validation = validation
    self.features = features
    self.target = target
  }
}

extension Run {
  /// Trains the run to its end or resumes it; a finished run does not change.
  ///
  /// Saves the state after each epoch. At the end it measures the validation Dice of each inference
  /// arithmetic (`precision.json`).
  ///
  /// - Parameter report: called with every event.
  /// - Returns: the metrics of each epoch.
  /// - Throws: `TrainingError`. The saved state is then the last good one.
  @discardableResult
  public func train(
    _ report: @escaping @Sendable (TrainingEvent) -> Void = { _ in }
  ) throws -> [EpochMetrics] {
    try train(TrainingProgress(report))
  }

  /// Trains the run to its end or resumes it.
  ///
  /// - Parameters:
  ///   - progress: called with every event, and asked whether to stop.
  ///   - cache: the cache of frozen layers' features. Nil for a folder in the run's, which is
  ///     removed at the end.
  ///   - processes: those that train together; all open the run and call this. The first one writes.
  /// - Returns: the metrics of each epoch.
  /// - Throws: `TrainingError`, or an error that names the file.
  @discardableResult
  package func train(
    _ progress: TrainingProgress, cache: FeatureCache? = nil, processes: Processes = .alone
  ) throws -> [EpochMetrics] {
    try locked(processes) { try trainLocked(progress, cache: cache, processes) }
  }

  private func trainLocked(
    _ progress: TrainingProgress, cache: FeatureCache?, _ processes: Processes
  ) throws -> [EpochMetrics] {
    try processes.first { try folder.requireResumable(finished: 0) }
    let (catalog, sources) = try processes.together(checkedSources)
    try processes.first {
      if folder.hasState, let stored = try folder.fingerprint() {
        try RunChecks.requireSameData(sources, as: stored, of: folder.url, classes: configuration.classes)
      }
    }
    let own = cache ?? FeatureCache(folder.cacheFolder)
    let system = try processes.together { try freshSystem() }
    let heldOut = try configuration.holdOut.map(catalog.site)
    let inputs = try inputs(system, from: sources, heldOut: heldOut, cache: own, processes, progress)
    let metrics = try trainLocked(system, on: inputs, progress, processes)
    guard processes.isFirst else { return metrics }
    if cache == nil { own.remove() }
    measurePrecision(inputs.validation, progress)
    do {
      try chooseMasks(on: unknownToAncestors(inputs.validation.samples))
    } catch let error as MaskTuningError {
      progress.report(.note("the rule of masks was not chosen: \(error)"))
    }
    return metrics
  }

  /// Reads the catalogue, and checks the sites to train on.
  private func checkedSources() throws -> (catalog: SiteCatalog, sources: [Site]) {
    let catalog = try catalog()
    let sources = try sources(catalog)
    try RunChecks.requireClasses(sources, prompts, in: catalog.folder)
    return (catalog, sources)
  }

  /// Trains a model of this run on images in memory.
  ///
  /// - Parameters:
  ///   - system: the model from `freshSystem`.
  ///   - inputs: the images.
  ///   - progress: called with every event, and asked whether to stop.
  ///   - processes: those that train together.
  /// - Returns: the metrics of each epoch.
  /// - Throws: `TrainingError`, or an error that names the file.
  @discardableResult
  package func train(
    _ system: SegmentationSystem, on inputs: TrainingInputs, _ progress: TrainingProgress,
    processes: Processes = .alone
  ) throws -> [EpochMetrics] {
    try locked(processes) { try trainLocked(system, on: inputs, progress, processes) }
  }

  private func trainLocked(
    _ system: SegmentationSystem, on inputs: TrainingInputs, _ progress: TrainingProgress,
    _ processes: Processes
  ) throws -> [EpochMetrics] {
    let resumes = try processes.first { () -> Bool in
      folder.removeLeftovers()
      try folder.requireResumable(finished: 0)
      return folder.hasState
    }
    try processes.together { try RunChecks.requireScores(configuration, inputs.validation.samples) }
    let trainer = try Trainer(
      configuration: configuration, system: system, run: folder, training: inputs.training,
      validation: inputs.validation, prompts: prompts, features: inputs.features,
      target: inputs.target, resuming: resumes, processes: processes, progress)
    try processes.first { try prepare(trainer.history, on: inputs, progress) }
    return try trainer.train(progress)
  }

  /// Checks and completes the files of the folder before its training goes on.
  private func prepare(
    _ history: [EpochMetrics], on inputs: TrainingInputs, _ progress: TrainingProgress
  ) throws {
    try folder.requireResumable(finished: history.count)
    if try folder.meanMask() == nil {
      try SafetensorsFile.write(
        ["mean_mask": TrivialPredictor.meanMask(inputs.training)], to: folder.meanMaskFile)
    }
    if !configuration.isFinished(history) {
      try removeMeasurements(progress)
      if history.isEmpty { try? FileManager.default.removeItem(at: folder.validationFile) }
    }
  }

  /// Splits the images of sites into training and validation: by the lists, or by chance.
  ///
  /// - Throws: an error that names the missing site.
  package func split(_ sources: [Site]) throws -> Split {
    try lists?.split(sources)
      ?? Split(sites: sources, validationShare: configuration.validationShare, seed: configuration.seed)
  }

  /// Returns the sites of the settings' data folder.
  package func catalog(at data: URL? = nil, allowsMissingMasks: Bool = false) throws -> SiteCatalog {
    guard let url = data ?? configuration.data.map({ URL(fileURLWithPath: $0) }) else {
      throw SettingsError.missing("data")
    }
    guard data != nil || FileManager.default.fileExists(atPath: url.path) else {
      throw RunError.moved(setting: "data", path: url.path, run: folder.url)
    }
    func make() throws -> SiteCatalog {
      try SiteCatalog(
        at: url, defaultClass: configuration.lesionClass, allowsMissingMasks: allowsMissingMasks)
    }
    return try data == nil && !allowsMissingMasks ? ownCatalog(make) : make()
  }

  /// Decodes the images and caches features of frozen layers.
  ///
  /// It caches only if frozen layers see the same images in every epoch.
  private func inputs(
    _ system: SegmentationSystem, from sources: [Site], heldOut: Site?, cache: FeatureCache,
    _ processes: Processes, _ progress: TrainingProgress
  ) throws -> TrainingInputs {
    let split = try split(sources)
    let total = split.training.count + split.validation.count
    let report = progress.report
    // Each process reads a part of both.
    let own = [split.training, split.validation].map { processes.part(of: $0.count).count }
    let training = try SampleBank(split.training, reader: configuration.reader, sharedBy: processes) {
      report(.reading(done: $0, total: own[0] + own[1]))
    }
    let validation = try SampleBank(split.validation, reader: configuration.reader, sharedBy: processes) {
      report(.reading(done: own[0] + $0, total: own[0] + own[1]))
    }
    let target =
      configuration.interventions.prior == .heldOut
      ? try heldOut.map {
        try SampleBank($0.testSamples, reader: configuration.reader, sharedBy: processes)
      } : nil
    let undecoded = [training, validation, target].compactMap { $0?.undecodedCount }.reduce(0, +)
    if undecoded > 0 {
      report(
        .note(
          "note: \(undecoded) of \(total + (target?.samples.count ?? 0)) images do not fit the "
            + "\(byteText(ImageMemory.shared.limit)) for decoded images and are decoded at each use; "
            + "--image-memory sets another size"))
    }
    guard configuration.cachesFeatures else {
      return TrainingInputs(training: training, validation: validation, features: nil, target: target)
    }
    let all = SampleBank(training.samples + validation.samples, sharing: training, validation)
    let features = try FeatureStore(
      all, drawing: training, configuration, prompts, system: system, cache: cache,
      workers: Machine.threads, processes
    ) { report(.encoding(done: $0, total: $1)) }
    return TrainingInputs(training: training, validation: validation, features: features, target: target)
  }

  /// Measures validation Dice in each inference arithmetic; the run is complete without it.
  private func measurePrecision(_ validation: SampleBank, _ progress: TrainingProgress) {
    guard !validation.samples.isEmpty, configuration.device == .cpu,
      (try? PrecisionCheck.stored(in: folder)) == nil
    else { return }
    do {
      let check = try PrecisionCheck(self, validation: validation, batchSize: configuration.batchSize)
      try folder.write(check, to: folder.precisionFile)
    } catch {
      progress.report(
        .note("\(error); the arithmetic of inference was not measured, inference computes as trained"))
    }
  }
}
