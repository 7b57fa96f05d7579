import Foundation
import Testing

@testable import Storage

@Suite("Folder lock")
struct FolderLockTests {
  private func withFolder(_ body: (URL) throws -> Void) throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("lock-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: url) }
    try body(url)
  }

  @Test("The first takes the lock and makes the folder; a second is told who has it; its end frees it")
  func exclusive() throws {
    try withFolder { folder in
      var first: FolderLock? = try FolderLock(folder)
      #expect(first?.isEnforced == true && first?.warning == nil)
      let refusal = #expect(throws: FolderLockError.self) { try FolderLock(folder) }
      let holder = try #require(refusal?.holder)
      #expect(holder.process == ProcessInfo.processInfo.processIdentifier && !holder.host.isEmpty)
      #expect(abs(holder.started.timeIntervalSinceNow) < 60)
      let text = "\(try #require(refusal))"
      let start = "\(folder.path) is in use by process \(holder.process) on \(holder.host) since "
      #expect(text.hasPrefix(start))
      #expect(text.hasSuffix("wait for it or choose another folder"))
      first = nil
      #expect(FolderLock.holder(of: folder) == nil)
      let second = try FolderLock(folder)
      #expect(second.isEnforced)
    }
  }

  @Test("The end of a lock removes its file, and the folders that it made if they are empty")
  func removed() throws {
    try withFolder { folder in
      let deep = folder.appendingPathComponent("a/b")
      let files = FileManager.default
      var lock: FolderLock? = try FolderLock(deep)
      withExtendedLifetime(lock) { #expect(files.fileExists(atPath: deep.path)) }
      lock = nil
      #expect(!files.fileExists(atPath: folder.path))
      try files.createFolder(folder)
      lock = try FolderLock(deep)
      try withExtendedLifetime(lock) { try Data().write(to: deep.appendingPathComponent("result")) }
      lock = nil
      #expect(try files.contentsOfDirectory(atPath: deep.path) == ["result"])
    }
  }

  @Test("A lock removes what killed writers left, and keeps what another process still writes")
  func leftovers() throws {
    try withFolder { folder in
      try FileManager.default.createFolder(folder)
      let (left, written) = (
        folder.appendingPathComponent(".a.part"), folder.appendingPathComponent(".b.part")
      )
      for file in [left, written] { try Data("x".utf8).write(to: file) }
      let descriptor = open(written.path, O_RDONLY)
      defer { close(descriptor) }
      try #require(flock(descriptor, LOCK_EX | LOCK_NB) == 0)
      let lock = try FolderLock(folder)
      withExtendedLifetime(lock) {
        #expect(!FileManager.default.fileExists(atPath: left.path))
        #expect(FileManager.default.fileExists(atPath: written.path))
      }
    }
  }

  @Test("Of many threads that take one lock again and again, one has it at a time")
  func contended() throws {
    try withFolder { folder in
      let holders = Holders()
      DispatchQueue.concurrentPerform(iterations: 8) { _ in
        for _ in 0..<100 {
          do {
            let lock = try FolderLock(folder)
            holders.enter()
            withExtendedLifetime(lock) { holders.leave() }
          } catch {
            holders.check(error)
          }
        }
      }
      #expect(holders.most == 1 && holders.total > 0 && holders.strange.isEmpty, "\(holders.strange)")
    }
  }

  /// Counts how many hold a lock at once.
  private final class Holders: @unchecked Sendable {
    private let lock = NSLock()
    private var now = 0
    private(set) var most = 0
    private(set) var total = 0
    private(set) var strange: [String] = []

    /// Keeps an error that is no refusal.
    func check(_ error: any Error) {
      if !(error is FolderLockError) { lock.withLock { strange.append("\(error)") } }
    }

    func enter() {
      lock.withLock {
        now += 1
        total += 1
        most = max(most, now)
      }
    }

    func leave() { lock.withLock { now -= 1 } }
  }

  @Test("A process that is killed leaves no lock, and what it wrote of itself does not stand in the way")
  func killed() throws {
    try withFolder { folder in
      try FileManager.default.createFolder(folder)
      let ready = folder.appendingPathComponent("ready")
      // Another program that knows nothing of this one holds the lock, and no helper of its own outlives it.
      let holder = Process()
      holder.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      holder.arguments = [
        "perl", "-MFcntl=:flock", "-e",
        "open(L,'+>>',$ARGV[0]); flock(L,LOCK_EX) or die; print L 'half a'; open(R,'>',$ARGV[1]); close R; sleep 60",
        folder.appendingPathComponent(".lock").path, ready.path,
      ]
      try holder.run()
      for _ in 0..<2000 where holder.isRunning && !FileManager.default.fileExists(atPath: ready.path) {
        usleep(5000)
      }
      let refusal = #expect(throws: FolderLockError.self) { try FolderLock(folder) }
      #expect(refusal?.description.contains("in use by another process") == true)
      kill(holder.processIdentifier, SIGKILL)
      holder.waitUntilExit()
      let lock = try FolderLock(folder)
      #expect(FolderLock.holder(of: folder)?.process == ProcessInfo.processInfo.processIdentifier)
      withExtendedLifetime(lock) {}
    }
  }

  @Test("A folder that cannot be made is named; only errors that mean no locks at all are passed over")
  func errors() throws {
    try withFolder { folder in
      try FileManager.default.createFolder(folder)
      let file = folder.appendingPathComponent("file")
      try Data().write(to: file)
      let below = file.appendingPathComponent("study")
      let error = #expect(throws: FileError.self) { try FolderLock(below) }
      #expect(error?.description.hasPrefix(below.path) == true)
      #expect(FolderLock.hasNoLocks(ENOLCK) && FolderLock.hasNoLocks(ENOTSUP))
      #expect(!FolderLock.hasNoLocks(EWOULDBLOCK) && !FolderLock.hasNoLocks(EBADF))
    }
  }
}
