import Foundation

/// The process that has a `WorkClaim`.
package struct ClaimHolder: Codable, Equatable, Sendable {
  /// The number of the process.
  package let process: Int32
  /// The name of the machine.
  package let host: String
  /// The running system and its list of processes; nil if it does not say.
  let system: String?
  /// The start of the process, in ticks of the system; nil if it does not say.
  let start: String?
  /// The command line of the process.
  package let command: String
  /// The time when the process took the claim.
  package let claimed: Date
  /// Whether the process ended its claim.
  package var isReleased = false

  /// This process, now.
  static var current: ClaimHolder {
    let process = ProcessInfo.processInfo.processIdentifier
    return ClaimHolder(
      process: process, host: ThisHost.name, system: runningSystem, start: start(of: process),
      command: CommandLine.arguments.joined(separator: " "), claimed: Date())
  }

  /// Whether the process ran on this machine and has ended.
  ///
  /// A number alone does not name a process, because it is given again.
  var hasEnded: Bool {
    guard let system, let start, system == Self.runningSystem else { return false }
    // Some systems hide the processes of other users.
    guard let now = Self.start(of: process) else { return kill(process, 0) == 0 || errno != EPERM }
    return now != start
  }

  /// A number that changes with each start of the system, and the list of processes that this one sees.
  private static let runningSystem: String? = {
    guard let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8),
      let list = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
    else { return nil }
    return boot.trimmingCharacters(in: .whitespacesAndNewlines) + " " + list
  }()

  /// Returns the start of a process; nil if there is none of this number.
  private static func start(of process: Int32) -> String? {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let name = text.lastIndex(of: ")")
    else { return nil }
    // After the name in parentheses come the fields from the third on; the 22nd is the start.
    let fields = text[text.index(after: name)...].split(separator: " ")
    // A process that ended, and whose parent did not notice yet, is a zombie.
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return String(fields[19])
  }
}

/// The name of this machine.
enum ThisHost {
  /// The name of the machine, or of the container.
  static let name: String = {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "" }
    return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }()

  /// A short text that stands for the name in the names of files.
  static let tag: String = {
    var hash = StableHash()
    hash.combine(Data(name.utf8))
    return String(hash.text.suffix(8))
  }()
}
