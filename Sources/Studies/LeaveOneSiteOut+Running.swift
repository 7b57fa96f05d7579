import Datasets
import Foundation
import Storage
import Torch
import Training

extension LeaveOneSiteOut {
  /// Trains and scores every fold.
  ///
  /// - Returns: the scores of every fold, in the order of `folds`.
  /// - Throws: `TrainingError.interrupted` after a request to stop, or an error that names the file
  ///   or setting.
  public func run(_ progress: Progress = Progress()) throws -> [FoldResult] {
    try run(folds, progress)
  }

  /// Trains and scores some folds.
  ///
  /// In a study that was planned for several processes, it claims each fold. While another process
  /// has a fold, it waits, and then reads the result or continues the training.
  ///
  /// - Parameters:
  ///   - folds: some of `folds`.
  ///   - progress: the callbacks.
  /// - Returns: the scores of these folds, in their order.
  /// - Throws: as for all folds, or `StudyError.lostClaim`.
  package func run(_ folds: [Fold], _ progress: Progress = Progress()) throws -> [FoldResult] {
    let hashes = try dataHashes
    let inputs = try inputs(folds, progress)
    return try concurrentMap(count: folds.count, threads: workers) { index in
      let result = try claiming(folds[index], progress) { progress in
        try FoldRun(study: self, fold: folds[index], inputs: inputs, hashes: hashes, progress: progress)
          .result()
      }
      progress.finished(result)
      return result
    }
  }

  /// The hashes of the data, by the scenes to train on.
  var dataHashes: [TrainingScenes: DataHashes] {
    get throws {
      try Dictionary(
        uniqueKeysWithValues: plan.scenes.map { scenes in
          (scenes, try known(scenes, plan.configuration.classes) { try sites(on: scenes) })
        })
    }
  }

  /// Decodes the images and encodes them with the frozen layers, as far as some folds need it.
  private func inputs(_ folds: [Fold], _ progress: Progress) throws -> StudyInputs {
    // Finished folds need no images. Otherwise the cache covers all these folds, so that it does not
    // depend on the unfinished ones.
    let isDone = folds.allSatisfy { stored($0) != nil }
    let settings = try (isDone ? [] : folds).flatMap { try allSettings($0) }
    return try StudyInputs(
      settings, samples: plan.scenes.flatMap { try sites(on: $0).flatMap(\.allSamples) },
      sources: plan.scenes.flatMap { try sites(on: $0).flatMap(\.samples) }, clip: clip, prompts: prompts,
      cache: cache, workers: workers, once: { key, body in try once(key, progress, body) },
      progress: progress.encoding)
  }

  /// Lets one process at a time encode images for a key, and others wait until it has.
  ///
  /// Otherwise each of many processes would write all features.
  private func once(
    _ key: String, _ progress: Progress, _ body: () throws -> FeatureStore?
  ) throws -> FeatureStore? {
    guard folder.hasClaims else { return try body() }
    let place = folder.claims.appendingPathComponent("features/\(key)")
    let mark = place.appendingPathComponent("done")
    let outcome = try WorkClaim.take(
      place, timing: claimTiming, isDone: { FileSystem.kind(of: mark) != nil },
      shouldStop: progress.shouldStop, waiting: { progress.waiting(nil, $0) })
    guard case .taken(let claim) = outcome else {
      guard case .done = outcome else { throw TrainingError.interrupted(epoch: 0, step: 0) }
      return try body()
    }
    defer { claim.release() }
    let store = try body()
    try AtomicFile.write(Data(), to: mark)
    return store
  }

  /// Claims a fold, and works on it.
  ///
  /// - Throws: `StudyError.lostClaim` if another process took the fold over meanwhile,
  ///   `TrainingError.interrupted` after a request to stop, or the error of the body.
  private func claiming(
    _ fold: Fold, _ progress: Progress, _ body: (Progress) throws -> FoldResult
  ) throws -> FoldResult {
    guard folder.hasClaims else { return try body(progress) }
    let outcome = try WorkClaim.take(
      folder.claim(fold), timing: claimTiming, isDone: { stored(fold) != nil },
      shouldStop: progress.shouldStop, waiting: { progress.waiting(fold, $0) })
    switch outcome {
    case .stopped: throw TrainingError.interrupted(epoch: 0, step: 0)
    case .done: return try body(progress)
    case .taken(let claim):
      defer { claim.release() }
      var own = progress
      own.shouldStop = { progress.shouldStop() || claim.isLost }
      own.isReplaced = { claim.isLost }
      do { return try unlocked(fold, own) { try body(own) } } catch {
        guard claim.isLost else { throw error }
        throw StudyError.lostClaim(directory(fold).url)
      }
    }
  }

  /// Works on a claimed fold, and waits while the process before still has the lock of its run.
  ///
  /// That process may be ending, or stand still. When it goes on, it ends and saves nothing.
  ///
  /// - Throws: `FolderLockError` after the patience of claims, `TrainingError.interrupted` after a
  ///   request to stop, or the error of the body.
  private func unlocked(
    _ fold: Fold, _ progress: Progress, _ body: () throws -> FoldResult
  ) throws -> FoldResult {
    for look in 0..<claimTiming.patience {
      do { return try body() } catch is FolderLockError {
        if look == 0 { progress.waiting(fold, nil) }
        let next = Date().addingTimeInterval(claimTiming.poll)
        repeat {
          guard !progress.shouldStop() else { throw TrainingError.interrupted(epoch: 0, step: 0) }
          usleep(UInt32(min(claimTiming.poll, 0.2) * 1e6))
        } while Date() < next
      }
    }
    return try body()
  }
}
