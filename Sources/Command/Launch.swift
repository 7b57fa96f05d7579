import Foundation
import Storage
import Torch

/// The command that made a folder, by which `torchrun`'s restart of it is known.
///
/// Another command that finds the folder does not continue its work.
struct Launch: Codable, Equatable {
  /// A hash of the command's words and its folder.
  private var command: String

  /// Describes the command that runs.
  init() {
    var hash = StableHash()
    for word in CommandLine.arguments.dropFirst() + [FileManager.default.currentDirectoryPath] {
      hash.combine(Data((word + "\n").utf8))
    }
    command = hash.text
  }

  /// Returns whether `torchrun` has restarted the command that wrote a file.
  ///
  /// - Parameters:
  ///   - file: the file of the launch, which need not exist.
  ///   - processes: the processes of the command.
  /// - Returns: false also for a file of another command.
  static func isRestart(of file: URL, _ processes: Processes) -> Bool {
    guard let group = processes.group, group.restarts > 0, let data = try? Data(file: file),
      let stored = try? JSONDecoder().decode(Launch.self, from: data)
    else { return false }
    return stored == Launch()
  }
}
