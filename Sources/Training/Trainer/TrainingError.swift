/// The reason why training stopped before its end.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// A loss or gradient is not a number.
  case diverged(epoch: Int, step: Int, state: String)
  /// The user asked to stop; the state is saved.
  case interrupted(epoch: Int, step: Int)
  /// There is nothing to train on.
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
  /// Images are read: done, total.
  case reading(done: Int, total: Int)
  /// Features of frozen layers are computed: done, total.
  case encoding(done: Int, total: Int)
  /// A step is finished: epoch and step counted from 1, steps in the epoch, loss.
  case step(epoch: Int, step: Int, steps: Int, loss: Double)
  /// An epoch is finished, of so many.
  case epoch(EpochMetrics, of: Int)
  /// Something that the user should know; training goes on.
  case note(String)
}

extension TrainingEvent: CustomStringConvertible {
  /// One line.
  public var description: String {
    switch self {
    case .reading(let done, let total): return "reading image \(done) of \(total)"
    case .encoding(let done, let total): return "encoding picture \(done) of \(total)"
    case .step(let epoch, let step, let steps, let loss):
      return "epoch \(epoch), step \(step) of \(steps): loss \(loss)"
    case .epoch(let metrics, let epochs):
      let dice = metrics.validationDice.map { ", validation Dice \($0)" } ?? ""
      return "epoch \(metrics.epoch) of \(epochs): loss \(metrics.loss)\(dice)"
    case .note(let text): return text
    }
  }
}

/// The listener to a training.
public struct TrainingProgress: Sendable {
  /// Told every event, from the thread of the training.
  public var report: @Sendable (TrainingEvent) -> Void
  /// Asked after each step; true saves the state and stops.
  public var shouldStop: @Sendable () -> Bool

  /// Says nothing and never stops, unless told otherwise.
  public init(
    _ report: @escaping @Sendable (TrainingEvent) -> Void = { _ in },
    shouldStop: @escaping @Sendable () -> Bool = { false }
  ) {
    self.report = report
    self.shouldStop = shouldStop
  }
}
