import Foundation
import Storage

/// Ctrl-C and requests to end: the first saves the state, the second ends the program at once.
enum Interrupt {
  // A signal handler writes it, where a lock is not allowed. A word is written atomically.
  nonisolated(unsafe) private static var flag: sig_atomic_t = 0

  /// Whether the user requested a stop.
  static var requested: Bool { flag != 0 }

  /// The exit code of a stop: 128 and the number of the signal, such as 130 for Ctrl-C.
  static var exitCode: Int32 { 128 + (flag == 0 ? SIGINT : Int32(flag)) }

  /// The watched signals: Ctrl-C, a request of the system to end, and a closed terminal.
  private static let signals = [SIGINT, SIGTERM, SIGHUP]

  /// Stops watching: Ctrl-C ends the program again.
  static func unwatch() {
    for number in signals where !isIgnored(number) { signal(number, SIG_DFL) }
  }

  /// Starts watching: the first signal sets `requested`.
  ///
  /// - Parameter once: whether the second signal ends the program. A scheduler signals every process,
  ///   and `torchrun` signals its own once more, so several processes go on saving.
  static func watch(once: Bool = true) {
    var unblocked = sigset_t()
    sigemptyset(&unblocked)
    // `nohup` ignores the closed terminal, and the command keeps to that.
    for number in signals where number != SIGHUP || !isIgnored(number) {
      if once {
        signal(number) { received in
          Interrupt.flag = sig_atomic_t(received)
          signal(received, SIG_DFL)
        }
      } else {
        // All processes leave with the same code.
        signal(number) { _ in Interrupt.flag = sig_atomic_t(SIGINT) }
      }
      sigaddset(&unblocked, number)
    }
    // A parent's worker thread may have passed on a mask that blocks these signals.
    pthread_sigmask(SIG_UNBLOCK, &unblocked, nil)
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    #if canImport(Darwin)
      let handler = action.__sigaction_u.__sa_handler
    #else
      let handler = action.__sigaction_handler.sa_handler
    #endif
    return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}

/// A stop by the user that loses nothing; the exit code is that of `Interrupt`.
enum Interruption: Error, CustomStringConvertible {
  /// A training saved its state; the message is the library's.
  case training(message: String)
  /// A study keeps its finished folds.
  case study
  /// A benchmark wrote its finished cases to a file.
  case benchmark(URL)
  /// The frames of a video so far are written into a folder.
  case video(URL, frames: Int)
  /// A review is not complete; its items so far are kept.
  case reviewing(URL)
  /// A server ended; its decisions are in a folder.
  case serving(URL)

  var description: String {
    switch self {
    case .training(let message): message
    case .study: "interrupted; the finished folds are kept, run the same command again to continue"
    case .benchmark(let file): "interrupted; the finished cases are in \(file.path)"
    case .video(let folder, let frames):
      "interrupted; the results of the first \(counted(frames, "frame")) are in \(folder.path)"
    case .reviewing(let folder):
      "interrupted; the items so far are kept in \(folder.path), run the same command again to go on"
    case .serving(let folder): "stopped; the decisions are in \(folder.path)"
    }
  }
}
