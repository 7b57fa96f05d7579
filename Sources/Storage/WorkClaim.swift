import Foundation

/// Reserves one piece of work among processes of several machines that share a folder.
///
/// It needs no locks of the file system, which network mounts may lack or keep to one machine. A
/// claim is a folder of files `1.json`, `2.json` and so on. The highest number is the holder. The
/// next holder makes the next number by `link`, which succeeds for one process only, also on NFS.
/// No number is used twice, so a process that looked earlier cannot take what another took since.
///
/// The holder sets the time of its file every 15 seconds. Another process takes over at once if the
/// holder released the claim, or ran on the same machine and has ended. Otherwise it looks every 5
/// seconds, and takes over after 36 looks in which that time did not change (3 minutes). It compares
/// no clocks of two machines. A holder that was stopped for longer finds a higher number when it
/// goes on: `isLost`.
package final class WorkClaim: @unchecked Sendable {
  /// The intervals of a claim.
  package struct Timing: Sendable {
    /// The seconds between two signs of life.
    package var beat = 15.0
    /// The seconds between two looks at the claim of another process.
    package var poll = 5.0
    /// The number of looks without a sign of life after which a holder counts as dead.
    package var patience = 36

    /// The intervals of the command.
    package static let standard = Timing()

    /// Makes intervals.
    package init(beat: Double = 15, poll: Double = 5, patience: Int = 36) {
      (self.beat, self.poll, self.patience) = (beat, poll, patience)
    }
  }

  /// The end of an attempt to claim.
  package enum Outcome {
    /// This process has the claim.
    case taken(WorkClaim)
    /// The work is done, so there is nothing to claim.
    case done
    /// The caller asked to stop while another process had the claim.
    case stopped
  }

  private let folder: URL
  private let number: Int
  private let lock = NSLock()
  private let timer: DispatchSourceTimer
  private let interval: UInt64
  private var looked: UInt64
  private var (isReplaced, isReleased) = (false, false)

  /// Takes a claim, and waits while another live process has it.
  ///
  /// - Parameters:
  ///   - folder: the folder of the claim, made if it does not exist.
  ///   - timing: the intervals.
  ///   - isDone: whether the work is done. It is asked before each look.
  ///   - shouldStop: whether to give up. It is asked several times a second.
  ///   - waiting: receives each holder that this process waits for; nil if its file cannot be read.
  /// - Returns: the claim, or why there is none.
  /// - Throws: `FileError` that names the file that cannot be written.
  package static func take(
    _ folder: URL, timing: Timing = .standard, isDone: () throws -> Bool, shouldStop: () -> Bool,
    waiting: (ClaimHolder?) -> Void
  ) throws -> Outcome {
    try FileManager.default.createFolder(folder)
    // A network mount may show an old list of names for some seconds.
    var known = 0
    var watched: (number: Int, mark: FileMark?, looks: Int)?
    while true {
      if try isDone() { return .done }
      let newest = max(newest(in: folder), known)
      let holder = newest > 0 ? holder(file(folder, newest)) : nil
      let isDead = watched.map { $0.number == newest && $0.looks >= timing.patience } ?? false
      if newest == 0 || isDead || holder?.isReleased == true || holder?.hasEnded == true {
        if let claim = try WorkClaim(folder, newest + 1, timing) { return .taken(claim) }
        known = newest + 1
        continue
      }
      let mark = FileMark(file(folder, newest))
      if let seen = watched, seen.number == newest {
        watched = (newest, mark, seen.mark == mark ? seen.looks + 1 : 0)
      } else {
        waiting(holder)
        watched = (newest, mark, 0)
      }
      let steps = max(1, Int(timing.poll / 0.2))
      for _ in 0..<steps {
        if shouldStop() { return .stopped }
        usleep(UInt32(timing.poll / Double(steps) * 1e6))
      }
    }
  }

  /// Makes the file of a number; nil if another process made it before.
  private init?(_ folder: URL, _ number: Int, _ timing: Timing) throws {
    guard try Self.make(Self.file(folder, number)) else { return nil }
    (self.folder, self.number) = (folder, number)
    interval = UInt64(max(0.01, timing.poll) * 1e9)
    looked = DispatchTime.now().uptimeNanoseconds
    timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "mcdrl.claim"))
    let place = Self.file(folder, number)
    timer.schedule(deadline: .now() + timing.beat, repeating: timing.beat)
    timer.setEventHandler { _ = place.withNativePath { utimensat(AT_FDCWD, $0, nil, 0) } }
    timer.resume()
  }

  deinit { release() }

  /// Whether another process took the claim over, because this one gave no sign of life.
  ///
  /// It looks at the folder at most once in the seconds of `Timing.poll`, so that it may be asked in
  /// each step of a training.
  package var isLost: Bool {
    lock.withLock {
      let now = DispatchTime.now().uptimeNanoseconds
      guard !isReplaced, now - looked >= interval else { return isReplaced }
      looked = now
      isReplaced = Self.newest(in: folder) > number
      return isReplaced
    }
  }

  /// Ends the claim, so that the next process need not wait.
  package func release() {
    lock.withLock {
      guard !isReleased else { return }
      isReleased = true
      timer.cancel()
      guard !isReplaced else { return }
      var holder = ClaimHolder.current
      holder.isReleased = true
      // Without this text the next process waits until it misses the signs of life.
      try? AtomicFile.write(json: holder, to: Self.file(folder, number))
    }
  }

  private static func file(_ folder: URL, _ number: Int) -> URL {
    folder.appendingPathComponent("\(number).json")
  }

  private static func newest(in folder: URL) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    // Larger numbers are no claims, and would leave none for the next holder.
    return names.compactMap { $0.hasSuffix(".json") ? Int($0.dropLast(5)) : nil }
      .filter { $0 < 1 << 40 }.max() ?? 0
  }

  private static func holder(_ file: URL) -> ClaimHolder? {
    (try? Data(file: file)).flatMap { try? JSONDecoder().decode(ClaimHolder.self, from: $0) }
  }

  /// Makes a file with this process as its holder; false if it exists.
  private static func make(_ file: URL) throws -> Bool {
    let name = ".\(String(UInt64.random(in: 0 ... .max), radix: 36)).claim"
    let draft = file.deletingLastPathComponent().appendingPathComponent(name)
    try AtomicFile.write(json: ClaimHolder.current, to: draft)
    defer { _ = draft.withNativePath { unlink($0) } }
    let code = draft.withNativePath { from in
      file.withNativePath { to in uninterrupted { link(from, to) } == 0 ? 0 : errno }
    }
    switch code {
    case 0: return true
    case EPERM, ENOTSUP, EOPNOTSUPP, ENOSYS, EMLINK: return try makeExclusively(file)
    default:
      // The answer of a network file system may be lost, or come twice.
      var status = stat()
      if draft.withNativePath({ lstat($0, &status) }) == 0, status.st_nlink == 2 { return true }
      if code == EEXIST { return false }
      throw FileError.cannotWrite(file, reason: String(cString: strerror(code)))
    }
  }

  /// Makes the file where the file system has no links.
  ///
  /// Until its content is there, other processes see a holder that they cannot read, and wait.
  private static func makeExclusively(_ file: URL) throws -> Bool {
    let descriptor = file.withNativePath { path in
      uninterrupted { open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644) }
    }
    guard descriptor >= 0 else {
      if errno == EEXIST { return false }
      throw FileError.cannotWrite(file, reason: FileError.systemReason())
    }
    close(descriptor)
    try AtomicFile.write(json: ClaimHolder.current, to: file)
    return true
  }
}

/// The time and identity of a file, which a sign of life changes.
private struct FileMark: Equatable {
  private let values: [Int64]

  /// Reads them; nil if the file cannot be opened.
  ///
  /// A network mount asks its server when a file is opened, and answers `stat` from its cache.
  init?(_ file: URL) {
    let descriptor = file.withNativePath { path in uninterrupted { open(path, O_RDONLY | O_CLOEXEC) } }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    #if canImport(Darwin)
      let time = status.st_mtimespec
    #else
      let time = status.st_mtim
    #endif
    values = [Int64(time.tv_sec), Int64(time.tv_nsec), Int64(status.st_size)]
  }
}
