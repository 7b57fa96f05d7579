import Foundation
import Storage

extension Run {
  /// Returns the run with more epochs than it was planned for; its folder keeps the number.
  ///
  /// The learning rate begins anew after the planned epochs: it rises and falls once more over the
  /// added ones. If training stopped early, they begin there. The schedule of the method, such as
  /// MCDRL's start, stays that of the planned epochs. So a run of E epochs that is extended to F ends
  /// as one of F epochs with `restarts: [E]`.
  ///
  /// - Parameter epochs: the number of all epochs.
  /// - Returns: the run, to be trained further.
  /// - Throws: `RunError.notMoreEpochs`, `RunError.valleyOfEpochs` with `averaging=swad`, or an error
  ///   that names the missing or wrong file.
  public func extended(to epochs: Int) throws -> Run {
    guard epochs > configuration.epochs else {
      throw RunError.notMoreEpochs(folder.url, planned: configuration.epochs)
    }
    guard configuration.averaging != .swad else { throw RunError.valleyOfEpochs(folder.url) }
    let lock = try lock.take() ?? FolderLock(folder.url)
    try folder.requireResumable(finished: 0)
    let history = folder.hasState ? try TrainingState.history(of: folder.stateFile) : []
    let end = configuration.hasStopped(history) ? history.count : configuration.epochs
    func extend(_ settings: inout RunConfiguration) {
      settings.restarts = settings.restarts.filter { $0 < end } + [end]
      settings.epochs = epochs
    }
    // The place of the data and the device of this call are not those of the run.
    var stored = try folder.configuration(methods: configuration.methods)
    var own = configuration
    extend(&stored)
    extend(&own)
    try own.validateValues()
    try folder.write(stored, to: folder.configurationFile)
    return Run(folder, own, prompts: prompts, lists: lists, clip: clip, lock: lock)
  }
}
