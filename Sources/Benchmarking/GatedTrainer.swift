import Foundation
import Torch
import Training

/// A trainer on its own thread that runs one step, or one epoch, per turn.
final class GatedTrainer: @unchecked Sendable {
  /// The length of a turn.
  enum Turn { case step, epoch }

  private let turnBegins = DispatchSemaphore(value: 0)
  private let turnEnds = DispatchSemaphore(value: 0)
  private let device: Device
  private var begun: UInt64 = 0
  private var elapsed: UInt64 = 0
  private var stopping = false
  private var failure: (any Error)?
  private var ended = false
  /// The loss of every step so far.
  private(set) var losses: [Double] = []

  /// Starts the thread; the trainer waits for its first turn.
  ///
  /// - Parameters:
  ///   - trainer: a new trainer that has not started; used only on the new thread.
  ///   - turn: the work of a turn.
  ///   - threads: the threads per operator.
  ///   - device: the device of the trainer; a turn ends when its work is done.
  init(_ trainer: Trainer, turn: Turn, threads: Int, device: Device = .cpu) {
    self.device = device
    nonisolated(unsafe) let trainer = trainer
    let isStarted = Machine.startThread { [self] in
      turnBegins.wait()
      begun = DispatchTime.now().uptimeNanoseconds
      do {
        try Machine.setThreads(threads)
        if !stopping { try trainer.train(progress(turn)) }
        failure = BenchmarkError.trainingEnded("\(turn)")
      } catch {
        failure = error
      }
      ended = true
      turnEnds.signal()
    }
    if !isStarted { (ended, failure) = (true, BenchmarkError.noThread) }
  }

  /// Runs one turn; returns the seconds.
  ///
  /// - Throws: the errors of training.
  func turn() throws -> Double {
    if !ended {
      turnBegins.signal()
      turnEnds.wait()
    }
    if ended, let failure { throw failure }
    return Double(elapsed) / 1e9
  }

  /// Ends the training.
  func stop() {
    guard !ended else { return }
    stopping = true
    turnBegins.signal()
    turnEnds.wait()
    // The end of an epoch may come before the request to stop.
    while !ended {
      turnBegins.signal()
      turnEnds.wait()
    }
  }

  private func progress(_ turn: Turn) -> TrainingProgress {
    TrainingProgress { [self] event in
      switch event {
      case .step(_, _, _, let loss):
        losses.append(loss)
        if turn == .step { yield() }
      case .epoch: if turn == .epoch { yield() }
      default: break
      }
    } shouldStop: { [self] in
      stopping
    }
  }

  private func yield() {
    try? device.synchronize()
    elapsed = DispatchTime.now().uptimeNanoseconds - begun
    turnEnds.signal()
    turnBegins.wait()
    begun = DispatchTime.now().uptimeNanoseconds
  }

  /// Makes a contestant of this trainer.
  func contestant(_ precision: String, name: String) -> Contestant {
    Contestant(
      record: ContestantRecord(name, .ours, precision: precision),
      run: { count in try (0..<count).reduce(0) { sum, _ in try sum + self.turn() } }, repeats: false,
      release: { self.stop() })
  }
}
