import Foundation
import Training

/// The messages of one training: a progress bar on a terminal, and a line for each epoch.
final class TrainingLog: Sendable {
  private let epochs: Int
  private let first: Int
  private let console: Console
  private let steps = Steps()

  /// Prepares the messages.
  ///
  /// - Parameters:
  ///   - configuration: the settings of the run.
  ///   - finished: the number of epochs that an earlier call finished.
  ///   - console: receives the messages.
  init(_ configuration: RunConfiguration, finished: Int, _ console: Console) {
    (epochs, first, self.console) = (configuration.epochs, finished, console)
  }

  /// Reports an event.
  func report(_ event: TrainingEvent) {
    switch event {
    case .reading(let done, let total):
      if done % 20 == 0 { console.progress("reading \(done)/\(total) images") }
    case .encoding(let done, let total): console.progress("encoding \(done)/\(total) pictures")
    case .styling(let done, let total): console.progress("searching styles of \(done)/\(total) confounders")
    case .step(let epoch, let step, let count, let loss):
      let bar = steps.bar(perEpoch: count, epochs: epochs - first)
      let done = (epoch - 1 - first) * count + step
      console.progress(bar.line(done, unit: "steps", "epoch \(epoch)/\(epochs) loss \(format(loss))"))
    case .epoch(let metrics, _):
      let terms = metrics.terms.sorted { $0.key < $1.key }.map { "\($0.key) \(format($0.value)) " }.joined()
      console.note(
        "epoch \(metrics.epoch)/\(epochs) loss \(format(metrics.loss)) seg \(format(metrics.segmentation)) "
          + terms + "validation Dice \(format(metrics.validationDice))"
          + (metrics.validationScore.map { ", where marked \(format($0))" } ?? "")
          + "\(metrics.best ? " *" : "") "
          + "\(format(metrics.seconds, 1)) s\(waiting(metrics.waited, of: metrics.seconds))"
          + steps.left(epochs: metrics.epoch - first))
    case .note(let text): console.note("note: \(text)")
    }
  }

  /// The progress bar over all steps, which begins at the first of them.
  private final class Steps: @unchecked Sendable {
    private let lock = NSLock()
    private var state: (bar: ProgressBar, perEpoch: Int)?

    func bar(perEpoch: Int, epochs: Int) -> ProgressBar {
      lock.withLock {
        let found = state ?? (ProgressBar("training", total: perEpoch * epochs), perEpoch)
        state = found
        return found.bar
      }
    }

    /// Returns the time left after a number of epochs.
    func left(epochs: Int) -> String {
      lock.withLock { state.map { $0.bar.left($0.perEpoch * epochs) } ?? "" }
    }
  }
}
