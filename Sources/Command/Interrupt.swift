import Foundation

/// Ctrl-C: the first requests a stop that saves the state, the second ends the program at once.
enum Interrupt {
  // A signal handler writes it, where a lock is not allowed. A word is written atomically.
  nonisolated(unsafe) private static var flag: sig_atomic_t = 0

  /// Whether the user requested a stop.
  static var requested: Bool { flag != 0 }

  /// Stops watching: Ctrl-C ends the program again.
  static func unwatch() {
    for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
  }

  /// Starts watching: the first Ctrl-C sets `requested`.
  static func watch() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { received in
        Interrupt.flag = 1
        signal(received, SIG_DFL)
      }
    }
    // A parent's worker thread may have passed on a mask that blocks these signals.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }
}

/// A stop by the user that loses nothing; exit code 130.
enum Interruption: Error, CustomStringConvertible {
  /// A training saved its state; the message is the library's.
  case training(message: String)
  /// A study keeps its finished folds.
  case study
  /// A benchmark wrote its finished cases to a file.
  case benchmark(URL)

  var description: String {
    switch self {
    case .training(let message): message
    case .study: "interrupted; the finished folds are kept, run the same command again to continue"
    case .benchmark(let file): "interrupted; the finished cases are in \(file.path)"
    }
  }
}
