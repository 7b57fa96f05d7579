import Foundation
import Testing

@testable import Storage

@Suite("Claims of work among machines")
struct WorkClaimTests {
  private static let quick = WorkClaim.Timing(beat: 0.05, poll: 0.05, patience: 6)

  private func withFolder(_ body: (URL) throws -> Void) throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("claim-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: url) }
    try body(url)
  }

  /// Takes a claim; nil if the work was done or a stop was asked for.
  private func take(
    _ folder: URL, isDone: () -> Bool = { false }, shouldStop: () -> Bool = { false },
    waiting: (ClaimHolder?) -> Void = { _ in }
  ) throws -> WorkClaim? {
    let outcome = try WorkClaim.take(
      folder, timing: Self.quick, isDone: isDone, shouldStop: shouldStop, waiting: waiting)
    guard case .taken(let claim) = outcome else { return nil }
    return claim
  }

  /// Writes a holder that runs on another machine, and gives no sign of life.
  private func writeForeign(_ folder: URL, _ number: Int) throws {
    let holder = ClaimHolder(
      process: 1, host: "far", system: "far", start: "1", command: "mcdrl", claimed: Date())
    try FileManager.default.createFolder(folder)
    try AtomicFile.write(json: holder, to: folder.appendingPathComponent("\(number).json"))
  }

  @Test("Of many threads that claim again and again, one has the claim at a time")
  func exclusive() throws {
    try withFolder { folder in
      let count = Count()
      DispatchQueue.concurrentPerform(iterations: 4) { _ in
        for _ in 0..<5 {
          do {
            let claim = try #require(try take(folder))
            count.change(1)
            usleep(2000)
            count.change(-1)
            claim.release()
          } catch { count.fail() }
        }
      }
      #expect(count.most == 1 && count.failures == 0 && count.total == 20)
    }
  }

  @Test("A live holder is waited for, until the work is done or a stop is asked for")
  func waiting() throws {
    try withFolder { folder in
      let claim = try #require(try take(folder))
      // Longer than the patience: signs of life keep the claim.
      let (start, holders) = (Date(), Holders())
      let other = try take(
        folder, shouldStop: { Date().timeIntervalSince(start) > 1 }, waiting: { holders.found.append($0) })
      #expect(other == nil && !claim.isLost)
      #expect(holders.found.map { $0?.process } == [ProcessInfo.processInfo.processIdentifier])
      #expect(try take(folder, isDone: { true }) == nil)
      claim.release()
      #expect(try take(folder) != nil)
    }
  }

  @Test("A holder of another machine without signs of life is replaced, and notices it")
  func replaced() throws {
    try withFolder { folder in
      try writeForeign(folder, 1)
      let start = Date()
      let claim = try #require(try take(folder))
      #expect(Date().timeIntervalSince(start) > 0.2)
      #expect(!claim.isLost)
      try writeForeign(folder, 3)
      usleep(100_000)
      #expect(claim.isLost)
      claim.release()
      // A lost claim says nothing any more.
      let text = try String(contentsOf: folder.appendingPathComponent("2.json"), encoding: .utf8)
      #expect(text.contains("\"isReleased\" : false"))
    }
  }

  @Test("A holder that ended on this machine is replaced at once")
  func ended() throws {
    try withFolder { folder in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = ["-c", "exit 0"]
      try process.run()
      process.waitUntilExit()
      let own = ClaimHolder.current
      // Not every system says which processes run.
      guard let system = own.system else { return }
      #expect(!own.hasEnded)
      let holder = ClaimHolder(
        process: process.processIdentifier, host: own.host, system: system, start: "1", command: "mcdrl",
        claimed: Date())
      #expect(holder.hasEnded)
      try FileManager.default.createFolder(folder)
      try AtomicFile.write(json: holder, to: folder.appendingPathComponent("1.json"))
      let waited = Holders()
      #expect(try take(folder, waiting: { waited.found.append($0) }) != nil && waited.found.isEmpty)
    }
  }

  @Test("A process of this machine has ended if there is none of its number")
  func gone() {
    let own = ClaimHolder.current
    guard let system = own.system, let start = own.start else { return }
    func holder(_ process: Int32) -> ClaimHolder {
      ClaimHolder(
        process: process, host: own.host, system: system, start: start, command: "mcdrl", claimed: Date())
    }
    #expect(!holder(own.process).hasEnded)
    // No system gives numbers as large as this.
    #expect(holder(.max).hasEnded)
  }

  @Test("A file with a number that no holder can have is no claim")
  func largest() throws {
    try withFolder { folder in
      try writeForeign(folder, .max)
      let claim = try #require(try take(folder))
      #expect(!claim.isLost)
    }
  }

  @Test("Temporary files of other machines stay, because their locks may not be seen here")
  func leftovers() throws {
    try withFolder { folder in
      try FileManager.default.createFolder(folder)
      let (own, other) = (
        folder.appendingPathComponent(".\(ThisHost.tag)-a.part"),
        folder.appendingPathComponent(".elsewhere-a.part")
      )
      for file in [own, other] { try Data().write(to: file) }
      AtomicFile.removeLeftovers(in: folder, unchangedFor: 0)
      #expect(!FileManager.default.fileExists(atPath: own.path))
      #expect(FileManager.default.fileExists(atPath: other.path))
      let before = Date().addingTimeInterval(-2 * 86_400)
      try FileManager.default.setAttributes([.modificationDate: before], ofItemAtPath: other.path)
      AtomicFile.removeLeftovers(in: folder, unchangedFor: 0)
      #expect(!FileManager.default.fileExists(atPath: other.path))
    }
  }

  /// The holders that a caller waited for.
  private final class Holders {
    var found: [ClaimHolder?] = []
  }

  /// Counts how many have a claim at once.
  private final class Count: @unchecked Sendable {
    private let lock = NSLock()
    private var now = 0
    private(set) var most = 0
    private(set) var total = 0
    private(set) var failures = 0

    func change(_ difference: Int) {
      lock.withLock {
        now += difference
        most = max(most, now)
        total += max(0, difference)
      }
    }

    func fail() { lock.withLock { failures += 1 } }
  }
}
