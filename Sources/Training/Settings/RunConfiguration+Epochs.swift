import Torch

extension RunConfiguration {
  /// The epochs before the first restart; the schedule of a method, such as MCDRL's start, spans them.
  package var plannedEpochs: Int { restarts.first ?? epochs }

  /// Whether training ends with these epochs: all are done, or it stopped early.
  ///
  /// - Parameter history: the metrics of the finished epochs.
  /// - Returns: whether no epoch is left.
  package func isFinished(_ history: [EpochMetrics]) -> Bool {
    history.count >= epochs || hasStopped(history)
  }

  /// Whether training stopped early with these epochs, and was not extended afterwards.
  package func hasStopped(_ history: [EpochMetrics]) -> Bool {
    history.last?.stopped == true && !restarts.contains(history.count)
  }

  /// Whether training stops early after these epochs.
  ///
  /// `patience` epochs in a row have not replaced the stored weights. Epochs before a restart do not
  /// count, nor those before the method's intervention starts.
  ///
  /// - Parameter history: the metrics of the finished epochs.
  /// - Returns: whether training stops.
  func stops(after history: [EpochMetrics]) -> Bool {
    guard patience > 0, history.count < epochs, !restarts.contains(history.count) else { return false }
    let start = restarts.last { $0 < history.count } ?? 0
    let recent = history.dropFirst(start).suffix(patience)
    let intervenes = model.method.traits.intervenes
    return recent.count == patience && recent.allSatisfy { !$0.best && (!intervenes || $0.intervening) }
  }

  /// Returns the factor of the learning rates at a step.
  ///
  /// Between two restarts it rises over `optimizer.warmup` of the steps, then falls by a cosine.
  ///
  /// - Parameters:
  ///   - step: the step of the whole training, from 0.
  ///   - stepsPerEpoch: the number of steps in an epoch.
  /// - Returns: the factor, from `optimizer.floor` to 1 after the rise.
  func rate(at step: Int, stepsPerEpoch: Int) -> Double {
    let start = restarts.last { $0 * stepsPerEpoch <= step } ?? 0
    let end = restarts.first { $0 > start } ?? epochs
    let steps = (end - start) * stepsPerEpoch
    return CosineSchedule(
      warmupSteps: Int(optimizer.warmup * Double(steps)), totalSteps: steps, floor: optimizer.floor
    ).scale(at: step - start * stepsPerEpoch)
  }

  /// Checks the settings of restarts, early stopping and the choice of the epoch.
  ///
  /// - Throws: `SettingsError` that names the setting.
  func validateEpochs() throws {
    let ordered = zip(restarts, restarts.dropFirst()).allSatisfy { $0 < $1 }
    guard ordered, restarts.allSatisfy({ (1..<max(2, epochs)).contains($0) && $0 < epochs }) else {
      throw SettingsError.outOfRange(
        "restarts", value: "\(restarts)", wanted: "rising epochs from 1 to below epochs (\(epochs))")
    }
    guard (0...1_000_000).contains(patience) else {
      throw SettingsError.outOfRange("patience", value: "\(patience)", wanted: "from 0 to 1000000")
    }
    guard patience == 0 || selection != .last && validationShare > 0 else {
      throw SettingsError.outOfRange(
        "patience", value: "\(patience)",
        wanted: "0 with selection=last or validationShare=0, because no score says when to stop")
    }
    guard averaging != .swad || selection != .last else {
      throw SettingsError.outOfRange(
        "selection", value: EpochSelection.last.rawValue,
        wanted: "marked-dice or dice with averaging=swad, which finds its epochs by the score")
    }
  }
}
