/// The reason why training stopped before its end.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// A loss or gradient is not finite.
  case diverged(epoch: Int, step: Int, state: String)
  /// The user stopped the training; the state is saved.
  case interrupted(epoch: Int, step: Int)
  /// There are no training images.
  case noImages

  /// One or two lines with the fix.
  public var description: String {
    switch self {
    case .diverged(let epoch, let step, let state):
      "training diverged in epoch \(epoch), step \(step): the loss or a gradient is not a number; "
        + "lower optimizer.learningRate. The last good state is kept in \(state)"
    case .interrupted(let epoch, let step):
      "interrupted in epoch \(epoch), step \(step); the state is saved, resume the run to continue"
    case .noImages: "no training images are left; lower validationShare or add images"
    }
  }
}

/// An event of a training.
public enum TrainingEvent: Sendable {
  /// Images are being read: done, total, of several processes those of this one.
  case reading(done: Int, total: Int)
  /// Features of frozen layers are being computed: done, total.
  case encoding(done: Int, total: Int)
  /// Styles of confounders that act by their words are being searched: done, total.
  case styling(done: Int, total: Int)
  /// A step is finished: epoch and step counted from 1, steps in the epoch, loss.
  case step(epoch: Int, step: Int, steps: Int, loss: Double)
  /// An epoch is finished: its metrics, the number of epochs.
  case epoch(EpochMetrics, of: Int)
  /// A message for the user; training continues.
  case note(String)
}

extension TrainingEvent: CustomStringConvertible {
  /// The event in one line.
  public var description: String {
    switch self {
    case .reading(let done, let total): return "reading image \(done) of \(total)"
    case .encoding(let done, let total): return "encoding picture \(done) of \(total)"
    case .styling(let done, let total): return "searching styles: \(done) of \(total) confounders"
    case .step(let epoch, let step, let steps, let loss):
      return "epoch \(epoch), step \(step) of \(steps): loss \(loss)"
    case .epoch(let metrics, let epochs):
      let dice = metrics.validationDice.map { ", validation Dice \($0)" } ?? ""
      return "epoch \(metrics.epoch) of \(epochs): loss \(metrics.loss)\(dice)"
    case .note(let text): return text
    }
  }
}

/// The callbacks of a training.
public struct TrainingProgress: Sendable {
  /// The function that receives every event, on the training's thread.
  public var report: @Sendable (TrainingEvent) -> Void
  /// The function that is asked after each step; true saves the state and stops.
  public var shouldStop: @Sendable () -> Bool
  /// The function that is asked before each write; true stops without it.
  package var isReplaced: @Sendable () -> Bool = { false }

  /// Makes callbacks, by default without reports and without a stop.
  ///
  /// - Parameters:
  ///   - report: receives every event, on the training's thread.
  ///   - shouldStop: asked after each step; true saves the state and stops.
  public init(
    _ report: @escaping @Sendable (TrainingEvent) -> Void = { _ in },
    shouldStop: @escaping @Sendable () -> Bool = { false }
  ) {
    self.report = report
    self.shouldStop = shouldStop
  }

  /// Makes callbacks of a run that another process may take over.
  ///
  /// - Parameters:
  ///   - report: receives every event, on the training's thread.
  ///   - shouldStop: asked after each step; true saves the state and stops.
  ///   - isReplaced: asked before each write; true stops without it, because the state of the other
  ///     process is newer.
  package init(
    _ report: @escaping @Sendable (TrainingEvent) -> Void,
    shouldStop: @escaping @Sendable () -> Bool, isReplaced: @escaping @Sendable () -> Bool
  ) {
    self.init(report, shouldStop: shouldStop)
    self.isReplaced = isReplaced
  }
}
