import Foundation
import Torch

/// The variables of `torchrun` that matter before a command begins.
struct ManyProcesses {
  /// The number of processes that train together; 1 without `torchrun`.
  let count: Int
  /// The number of them on this machine.
  let local: Int
  /// The number of this process on this machine, from 0.
  let localRank: Int
  /// The number of this process, from 0.
  let rank: Int
  /// The number of threads that the user asks for with OMP_NUM_THREADS; `torchrun` sets 1 by itself.
  private let stated: Int?

  /// Reads the variables; a damaged one counts as absent here, and joining the group names it.
  init(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
    func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
    // Other programs set WORLD_SIZE, too, but not together with RANK.
    count = environment["RANK"] == nil ? 1 : max(1, number("WORLD_SIZE") ?? 1)
    rank = number("RANK") ?? 0
    local = count == 1 ? 1 : max(1, number("LOCAL_WORLD_SIZE") ?? 1)
    localRank = number("LOCAL_RANK") ?? 0
    stated = number("OMP_NUM_THREADS").flatMap { $0 > 1 ? $0 : nil }
  }

  /// Rejects several processes for a command that would do the same work in each.
  ///
  /// - Parameters:
  ///   - command: the name of the command.
  ///   - sharing: the names of the commands that share their work.
  /// - Throws: `ManyProcessesError.alone`, in the other processes `QuietEnd`.
  func require(_ command: String, among sharing: [String]) throws {
    guard count > 1, !sharing.contains(command) else { return }
    guard rank == 0 else { throw QuietEnd(code: 1) }
    throw ManyProcessesError.alone(command, processes: count, sharing: sharing)
  }

  /// Returns an error of the command line as the processes print it: the first one alone.
  ///
  /// All of them have the same command line. Machines may have other devices, so an error of a device
  /// is printed by the first process of each machine. Any other error stays as it is.
  func once(_ error: any Error) -> any Error {
    guard count > 1, rank > 0 else { return error }
    return switch error {
    case let error as UsageError where error.isOfDevice && localRank == 0: error
    case ManyProcessesError.device where localRank == 0: error
    case is UsageError: QuietEnd(code: 2)
    case is ManyProcessesError: QuietEnd(code: 1)
    default: error
    }
  }

  /// The threads of each operator where no option states them: the cores, shared by the processes of
  /// this machine; nil leaves them as they are.
  var threads: Int? {
    guard local > 1, stated == nil else { return nil }
    return max(1, ProcessInfo.processInfo.activeProcessorCount / local)
  }

  /// Returns the device of this process: the graphics processor of its number on this machine.
  ///
  /// - Parameter device: the device of the option or the settings.
  /// - Returns: that device, or the graphics processor of this process.
  /// - Throws: `ManyProcessesError.device` for one graphics processor of several processes.
  func device(_ device: Device) throws -> Device {
    guard local > 1, device.kind == .cuda else { return device }
    guard device.index <= 0 else { throw ManyProcessesError.device(device, processes: local) }
    return .cuda(localRank)
  }
}

/// A command line that several processes cannot follow.
enum ManyProcessesError: Error, Equatable, CustomStringConvertible {
  /// The command works in one process.
  case alone(String, processes: Int, sharing: [String])
  /// Several processes are to compute on one graphics processor.
  case device(Device, processes: Int)
  /// The settings name a graphics processor, and the processes joined for the CPU.
  case stateDevice(Device)

  var description: String {
    switch self {
    case .alone(let command, let processes, let sharing):
      "mcdrl \(command) works in one process, but torchrun started \(processes); start it without torchrun (these share "
        + "their work: \(sharing.joined(separator: ", ")))"
    case .device(let device, let processes):
      "--device \(device): \(processes) processes of this machine cannot share it; give --device cuda, and each takes "
        + "the one of its LOCAL_RANK"
    case .stateDevice(let device):
      "the settings name the device \(device); with several processes state it as an option: --device cuda"
    }
  }
}
