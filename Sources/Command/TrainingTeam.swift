import Foundation
import Storage
import Torch
import Training

/// What `mcdrl train` does differently in several processes.
struct TrainingTeam {
  private let processes: Processes

  /// Describes the processes of a call.
  init(_ processes: Processes) { self.processes = processes }

  /// Returns the device that the options state for this process; nil for none.
  ///
  /// - Throws: `ManyProcessesError.device`, or `UsageError`.
  static func given(_ arguments: Arguments<TrainCommand.Options>) throws -> Device? {
    try arguments.common.given(\.device).map(ManyProcesses().device)
  }

  /// Returns the device by which the processes meet: that of the options, or of the run to resume.
  ///
  /// - Throws: `ManyProcessesError.device`, or `UsageError`.
  static func device(_ arguments: Arguments<TrainCommand.Options>) throws -> Device {
    if let device = try given(arguments) { return device }
    guard ManyProcesses().count > 1, try arguments.resume else { return .cpu }
    let stored = try? RunFolder(arguments.out).configuration(methods: MCDRLCommand.methods).device
    return try ManyProcesses().device(stored ?? .cpu)
  }

  /// Opens the run that the first process has made or opened.
  ///
  /// - Parameters:
  ///   - arguments: the options, of which the places of data and device count.
  ///   - lock: the lock of the folder, in the first process.
  /// - Returns: the run.
  /// - Throws: an error that names the file.
  func opened(_ arguments: Arguments<TrainCommand.Options>, lock: FolderLock? = nil) throws -> Run {
    let run = try Run.open(
      at: arguments.out, methods: MCDRLCommand.methods, clip: ProjectFiles.clips, lock: lock
    ) { configuration in
      if let data = try arguments.data { configuration.data = data }
      configuration.device =
        try Self.given(arguments) ?? ManyProcesses().device(configuration.device)
    }
    try check(run)
    return run
  }

  /// Checks that the processes met for the device of a run.
  ///
  /// - Throws: `ManyProcessesError.stateDevice`.
  func check(_ run: Run) throws {
    guard let group = processes.others, run.configuration.device.kind == .cuda, group.device.kind != .cuda
    else { return }
    throw ManyProcessesError.stateDevice(run.configuration.device)
  }

  /// Returns whether the folder holds the run of this very command, which `torchrun` has restarted.
  ///
  /// Another run in the folder is not continued: without a restart the command refuses it, too.
  ///
  /// - Parameter out: the folder of the run.
  /// - Returns: false also without a run.
  func continues(_ out: URL) -> Bool {
    RunFolder(out).exists && Launch.isRestart(of: file(RunFolder(out)), processes)
  }

  /// Writes down the command of a new run, for `continues`.
  ///
  /// - Throws: `FileError` that names the file.
  func mark(_ run: Run) throws {
    guard processes.group != nil else { return }
    try run.folder.write(Launch(), to: file(run.folder))
  }

  private func file(_ run: RunFolder) -> URL {
    run.stateFile.deletingLastPathComponent().appendingPathComponent("launch.json")
  }
}

extension TrainCommand {
  /// Makes or opens the run of the options, in the process that writes.
  static func prepared(
    _ arguments: Arguments<Options>, _ settings: TrainSettings, _ team: TrainingTeam, _ console: Console
  ) throws -> Run {
    let out = try arguments.out
    // Only a run can be resumed, so nothing is made for one that does not exist.
    guard try !arguments.resume || RunFolder(out).exists else { throw RunError.notARun(out) }
    let lock = try OutputFolder.lock(out, console)
    let run: Run
    if try arguments.resume {
      run = try resumed(arguments, settings, lock, console)
    } else if team.continues(out) {
      console.note("torchrun has restarted the processes; the run continues from its last state")
      run = try team.opened(arguments, lock: lock)
    } else {
      run = try created(arguments, settings, lock, console)
      try team.mark(run)
    }
    try team.check(run)
    return run
  }
}
