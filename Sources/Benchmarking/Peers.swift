import Foundation
import Storage
import Torch

/// The Python peers that are installed; each has a process of its own, started when it is first asked.
final class Peers {
  private let command: [String]?
  private let fix: String
  private let log: URL
  private var workers: [String: PeerWorker] = [:]
  private var count = 0
  /// Why peers could not take part, by name.
  private(set) var missing: [String: String] = [:]
  /// What they are made of, by package.
  private(set) var versions: [String: String] = [:]

  /// Looks for the environment.
  ///
  /// - Parameters:
  ///   - folder: `Benchmarks`; nil for no peers.
  ///   - log: where their standard error goes.
  init(folder: URL?, log: URL) {
    self.log = log
    guard let folder else {
      (command, fix) = (nil, "left out")
      missing["Python peers"] = fix
      return
    }
    let python = folder.appendingPathComponent(".venv/bin/python").path
    let worker = folder.appendingPathComponent("peers/worker.py").path
    let isThere = FileManager.default.fileExists(atPath: python)
    command = isThere ? [python, worker] : nil
    fix = isThere ? "" : "run \(folder.appendingPathComponent("setup").path)"
    if !isThere { missing["Python peers"] = "not installed; \(fix)" }
  }

  /// Peers of a command, for tests.
  init(command: [String], log: URL) {
    (self.command, fix, self.log) = (command, "", log)
  }

  /// A process of its own for a peer.
  ///
  /// - Parameters:
  ///   - name: of the peer.
  ///   - fresh: whether to start another one even if one runs.
  /// - Returns: the process.
  /// - Throws: `PeerError`.
  func worker(_ name: String, fresh: Bool = false) throws -> PeerWorker {
    guard let command else { throw PeerError.notInstalled(fix) }
    if !fresh, let worker = workers[name] { return worker }
    let worker = try PeerWorker(name, command: command + [name], log: log)
    let hello = try worker.ask(["do": .string("hello")])
    for (package, version) in hello["versions"]?.members ?? [:] { versions[package] = version.text }
    versions["python"] = hello["python"]?.text
    if !fresh { workers[name] = worker }
    return worker
  }

  /// Lets a peer prepare a case, and makes a contestant of it.
  ///
  /// - Parameters:
  ///   - peer: its name.
  ///   - name: what tables call it; nil for the peer's own name.
  ///   - against: which of ours it is compared with; nil for all of its precision.
  ///   - precision: its arithmetic.
  ///   - work: the case.
  ///   - request: what the case needs to know.
  ///   - tolerance: how far its output may be from ours, as a share of our largest value; nil for any.
  ///   - call: further members of each request to run.
  ///   - observe: told of every answer to it.
  /// - Returns: the contestant; one that failed when it cannot take part, nil when there are no peers at all.
  func contestant(
    _ peer: String, name: String? = nil, against: String? = nil, precision: String?, work: String,
    _ request: [String: JSONValue], tolerance: Double? = nil, call: [String: JSONValue] = [:],
    observe: @escaping ([String: JSONValue]) -> Void = { _ in }
  ) -> Contestant? {
    guard command != nil else { return nil }
    var record = ContestantRecord(name ?? peer, .peer, precision: precision)
    record.against = against
    do {
      let worker = try worker(peer)
      count += 1
      let handle = JSONValue.string("\(work)-\(count)")
      var members = request
      members.merge([
        "do": .string("prepare"), "handle": handle, "case": .string(work), "peer": .string(peer),
        "precision": precision.map(JSONValue.string) ?? .null,
      ]) { $1 }
      let facts = try worker.ask(members)
      record.difference = facts.number("difference")
      record.scale = facts.number("scale")
      if let tolerance, let difference = record.difference, let scale = record.scale,
        !(difference <= tolerance * scale)
      {
        // Another outcome is no comparison.
        let forget: [String: JSONValue] = ["do": .string("forget"), "handle": handle]
        _ = try worker.ask(forget)
        throw PeerError.refused("its output differs from ours by \(difference), of at most \(scale)")
      }
      return Contestant(
        record: record,
        run: { count in
          let members = call.merging(["do": .string("run"), "handle": handle, "count": .integer(count)]) {
            $1
          }
          let answer = try worker.ask(members)
          observe(answer)
          guard let seconds = answer.number("seconds") else {
            throw PeerError.lost(peer: peer, reason: "gave no time")
          }
          return seconds
        },
        release: { _ = try? worker.ask(["do": .string("forget"), "handle": handle]) })
    } catch {
      let label = [name ?? peer, precision].compactMap { $0 }.joined(separator: " ")
      missing[label] = "\(error)"
      if case PeerError.lost? = error as? PeerError { workers[peer] = nil }
      return .failed(record, "\(error)")
    }
  }

  /// Notes that something could not take part.
  func miss(_ name: String, _ error: any Error) { missing[name] = "\(error)" }

  /// Ends a peer's process, so that it holds no memory.
  func stop(_ peer: String) { workers.removeValue(forKey: peer)?.stop() }

  /// Ends all.
  func stop() {
    for worker in workers.values { worker.stop() }
    workers = [:]
  }
}
