import Foundation

/// Standard output and standard error: the only place that writes to them.
///
/// Results go to standard output. If one cannot be written, `finish` throws at the end of the
/// command. Messages go to standard error. If one cannot be written, the work goes on without it.
enum StandardStreams {
  private static let output = Output()

  /// Prepares the streams; call it before anything opens a file.
  ///
  /// A stream that the caller closed is opened on `/dev/null`. Otherwise the next file would get
  /// its number, and messages would be written into that file. Standard output stays unwritable.
  /// A closed pipe and a limit of the file size become errors of the write instead of signals that
  /// end the process.
  static func prepare() {
    let modes = [(STDIN_FILENO, O_RDONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
    // `open` takes the lowest free number, so the order counts.
    for (number, mode) in modes where fcntl(number, F_GETFD) < 0 { _ = open("/dev/null", mode) }
    for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_IGN) }
  }

  /// Writes a line of a result; a failure waits for `finish`.
  static func write(result line: String) { output.write(line) }

  /// Writes a message as it is; a failure is ignored.
  static func write(message text: String) { _ = write(Data(text.utf8), to: STDERR_FILENO) }

  /// Checks that every result was written.
  ///
  /// - Throws: `OutputError` after a failure.
  static func finish() throws { try output.finish() }

  /// Writes all bytes; returns the error number, or nil.
  fileprivate static func write(_ data: Data, to descriptor: Int32) -> Int32? {
    data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Foundation.write(
          descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count > 0 {
          rest = rest.dropFirst(count)
        } else if count < 0, errno == EAGAIN {
          // The other programs of a terminal or pipe may have made it non-blocking.
          var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&place, 1, -1)
        } else if count == 0 || errno != EINTR {
          return count == 0 ? EIO : errno
        }
      }
      return nil
    }
  }

  /// Standard output and its first failure.
  private final class Output: @unchecked Sendable {
    private let lock = NSLock()
    private var failure: Int32?

    func write(_ line: String) {
      lock.withLock {
        guard failure == nil else { return }
        failure = StandardStreams.write(Data((line + "\n").utf8), to: STDOUT_FILENO)
      }
    }

    func finish() throws {
      try lock.withLock {
        // A disk on the network reports its failure when the file closes.
        if failure == nil, fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE != O_RDONLY, close(STDOUT_FILENO) != 0 {
          failure = errno == EINTR ? nil : errno
        }
        switch failure {
        case nil: return
        case EPIPE?: throw OutputError.closedPipe
        case let code?: throw OutputError.cannotWrite(reason: String(cString: strerror(code)))
        }
      }
    }
  }
}

/// A result that standard output did not take.
enum OutputError: Error, CustomStringConvertible {
  /// The reader of the pipe has ended, as `head` does. It does not want to know more.
  case closedPipe
  /// The results could not be written; the reason is the system's.
  case cannotWrite(reason: String)

  var description: String {
    switch self {
    case .closedPipe: "standard output: its reader has ended"
    case .cannotWrite(let reason):
      "standard output: results cannot be written: \(reason); "
        + "send them to a file or pipe that is open and has space"
    }
  }
}
