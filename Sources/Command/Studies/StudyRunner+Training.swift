import Foundation
import Storage
import Studies
import Torch
import Training

extension StudyRunner {
  /// Trains the unfinished folds, with a progress bar over all of them.
  ///
  /// - Parameters:
  ///   - study: the study.
  ///   - chosen: some of its folds; nil for all.
  ///   - workers: the number of folds in parallel.
  ///   - report: called after each fold, from its thread.
  ///   - console: receives progress.
  /// - Returns: the results of these folds.
  /// - Throws: `Interruption.study` after Ctrl-C, or an error that names the file.
  static func train(
    _ study: LeaveOneSiteOut, only chosen: [LeaveOneSiteOut.Fold]? = nil, workers: Int,
    finished report: @escaping @Sendable (FoldResult) -> Void = { _ in }, _ console: Console
  ) throws -> [FoldResult] {
    let folds = chosen ?? study.folds
    let (all, done) = (folds.count, study.finished(of: folds).count)
    let steps = try study.stepsLeft(of: folds)
    if done > 0 {
      console.note("\(done) of " + counted(all, "fold") + " \(done == 1 ? "is" : "are") finished already")
    }
    if done < all {
      console.note("training " + counted(all - done, "fold") + ", \(min(workers, all - done)) in parallel")
    }
    let bar = ProgressBar("training", total: steps)
    let (taken, finished) = (Tally(), Tally())
    var progress = LeaveOneSiteOut.Progress()
    progress.encoding = { done, total in
      console.progress(done < total ? "encoding \(done)/\(total) images" : "")
    }
    progress.step = { _ in console.progress(bar.line(taken.add(), unit: "steps")) }
    progress.finished = { result in
      console.note(
        "  \(finished.add())/\(all) \(result.site) held out, \(result.method), seed \(result.seed): Dice "
          + "\(format(result.dice)), with a lesion \(format(result.diceWithLesion)) (familiar sites \(format(result.validationDice))), "
          + duration(result.seconds) + waiting(result.waited, of: result.seconds) + bar.left(taken.value))
      report(result)
    }
    progress.waiting = { fold, holder in
      let holder = holder.map { "process \($0.process) on \($0.host)" } ?? "another process"
      let work = fold.map { "trains \($0.label)" } ?? "encodes the images"
      console.note("waiting: \(holder) \(work)")
    }
    progress.shouldStop = { Interrupt.requested }
    // Before and after this, Ctrl-C ends the command at once: another call repeats that work
    // quickly.
    Interrupt.watch()
    defer { Interrupt.unwatch() }
    do {
      return try study.run(folds, progress)
    } catch TrainingError.interrupted {
      throw Interruption.study
    }
  }
}
