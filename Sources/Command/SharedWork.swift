import Pretraining
import Segmentation
import Torch
import Training

/// The work of a command that `torchrun` may start in several processes.
enum SharedWork {
  /// Joins the processes that `torchrun` started, and does the work with them.
  ///
  /// Only the first process prints. A failure of this process ends the others, with its message. Of an
  /// error that came from another process the first one tells, too.
  ///
  /// - Parameters:
  ///   - console: the console of the command.
  ///   - device: the device of the work.
  ///   - minutes: how long a process waits for the others.
  ///   - body: the work, which gets the processes and their console; one alone without `torchrun`.
  /// - Throws: `ProcessGroupError` if the processes do not meet, the error of the work, or `QuietEnd` if
  ///   it is printed.
  static func run(
    _ console: Console, on device: Device = .cpu, waiting minutes: Int,
    _ body: (Processes, Console) throws -> Void
  ) throws {
    let processes = Processes(try ProcessGroup.fromEnvironment(device: device, timeout: Double(minutes) * 60))
    guard let group = processes.others else { return try body(processes, console) }
    let own =
      processes.isFirst ? console : Console(json: console.json, quiet: true, isSilent: true)
    do {
      try body(processes, own)
    } catch let error as Interruption {
      throw processes.isFirst ? error : QuietEnd(code: Interrupt.exitCode)
    } catch  where isOfOthers(error, processes) {
      throw processes.isFirst ? error : QuietEnd(code: 1)
    } catch {
      // All processes have the same command line. An error is printed before the process leaves the
      // group, because a launcher may end this process as soon as another one has ended.
      let isWrongUse = error is UsageError
      if processes.isFirst || !isWrongUse { MCDRLCommand.complain(error) }
      group.fail(OptionAdvice.message(error))
      throw QuietEnd(code: isWrongUse ? 2 : 1)
    }
  }

  /// Whether an error only tells what happened in another process, which has told all of it.
  ///
  /// A process that was killed prints nothing, so then every other one does.
  private static func isOfOthers(_ error: any Error, _ processes: Processes) -> Bool {
    switch error {
    case let error as PartError: error.rank != processes.rank
    // All processes come to these together.
    case is TrainingError, is PretrainingError, is ProcessesError, is MethodError: !processes.isFirst
    case ProcessGroupError.first: !processes.isFirst
    case ProcessGroupError.call: processes.group?.firstFailure != nil
    default: false
    }
  }
}

/// The end of a process whose error is printed, by itself before or by another process.
struct QuietEnd: Error {
  /// The exit code.
  let code: Int32
}
