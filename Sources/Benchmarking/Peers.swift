import Foundation
import Storage
import Torch

/// The installed Python peers; each has its own process, which the first request starts.
final class Peers {
  private let command: [String]?
  private let fix: String
  private let log: URL
  private var workers: [String: PeerWorker] = [:]
  private var count = 0
  /// The reasons why peers could not take part, by name.
  private(set) var missing: [String: String] = [:]
  /// The versions of their packages, by package.
  private(set) var versions: [String: String] = [:]

  /// Looks for the environment.
  ///
  /// - Parameters:
  ///   - folder: `Benchmarks`; nil for no peers.
  ///   - log: the destination of their standard error.
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

  /// Makes peers with a given command, for tests.
  init(command: [String], log: URL) {
    (self.command, fix, self.log) = (command, "", log)
  }

  /// Returns a separate process for a peer.
  ///
  /// - Parameters:
  ///   - name: the name of the peer.
  ///   - fresh: whether to start a new process even if one runs.
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

  /// Prepares a case in a peer, and makes a contestant of it.
  ///
  /// - Parameters:
  ///   - peer: its name.
  ///   - name: the name in tables; nil for the peer's own name.
  ///   - against: the contestant of this software to compare with; nil for all of its precision.
  ///   - precision: its arithmetic.
  ///   - work: the case.
  ///   - request: the parameters of the case.
  ///   - tolerance: the maximum difference of its output from ours, as a share of our largest
  ///     value; nil for any.
  ///   - call: further members of each request to run.
  ///   - observe: receives every answer to it.
  /// - Returns: the contestant. If it cannot take part, it is a failed contestant. If there are no
  ///   peers at all, it is nil.
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
        // A contestant with another output is not comparable.
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

  /// Records that something could not take part.
  func miss(_ name: String, _ error: any Error) { missing[name] = "\(error)" }

  /// Ends a peer's process, so that it uses no memory.
  func stop(_ peer: String) { workers.removeValue(forKey: peer)?.stop() }

  /// Ends all processes.
  func stop() {
    for worker in workers.values { worker.stop() }
    workers = [:]
  }
}
