import Foundation
import Storage
import Torch

/// The reason why a peer cannot take part.
package enum PeerError: Error, Equatable, CustomStringConvertible {
  /// There is no Python environment.
  case notInstalled(String)
  /// The process ended or sent an invalid answer.
  case lost(peer: String, reason: String)
  /// The peer answered with an error.
  case refused(String)

  /// One line.
  package var description: String {
    switch self {
    case .notInstalled(let fix): "no Python peers: \(fix)"
    case .lost(let peer, let reason): "the peer \(peer) \(reason)"
    case .refused(let reason): reason
    }
  }
}

/// A Python peer in a separate process that answers requests in JSON lines.
///
/// Benchmarks/peers/worker.py is the other side.
package final class PeerWorker {
  /// The name.
  package let name: String
  private let process = Process()
  private let requests = Pipe()
  private let answers = Pipe()
  private var buffer = Data()
  private let limit: Double
  /// The longest that a peer may take for an answer, in seconds.
  ///
  /// The slowest honest answer, the first load of a framework from a cold disk, takes a minute or
  /// two.
  package static let standardLimit = 600.0

  /// Starts a process.
  ///
  /// - Parameters:
  ///   - name: for messages.
  ///   - command: the program and its arguments.
  ///   - log: the destination of its standard error; nil for nowhere.
  ///   - limit: the seconds in which it must answer a request. A peer that does not is ended.
  /// - Throws: `PeerError.lost` if it does not start.
  package init(_ name: String, command: [String], log: URL? = nil, limit: Double = standardLimit) throws {
    (self.name, self.limit) = (name, limit)
    guard let program = command.first else { throw PeerError.lost(peer: name, reason: "has no program") }
    // If a peer has ended, this makes writing fail instead of ending this process.
    signal(SIGPIPE, SIG_IGN)
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = Array(command.dropFirst())
    process.standardInput = requests
    process.standardOutput = answers
    process.standardError = FileHandle.nullDevice
    if let log {
      if !FileManager.default.fileExists(atPath: log.path) {
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
      }
      if let handle = try? FileHandle(forWritingTo: log) {
        _ = try? handle.seekToEnd()
        process.standardError = handle
      }
    }
    do { try process.run() } catch {
      throw PeerError.lost(peer: name, reason: "does not start: \(FileError.reason(of: error))")
    }
  }

  deinit { stop() }

  /// Sends a request and waits for the answer.
  ///
  /// - Parameter members: the members of the request; `do` names the work.
  /// - Returns: the members of the answer.
  /// - Throws: `PeerError.refused` with the error of the peer, `PeerError.lost` if the process has
  ///   ended or does not answer in time.
  package func ask(_ members: [String: JSONValue]) throws -> [String: JSONValue] {
    let line = try JSONEncoder().encode(JSONValue.object(members)) + Data("\n".utf8)
    do { try requests.fileHandleForWriting.write(contentsOf: line) } catch {
      throw PeerError.lost(peer: name, reason: "has ended")
    }
    guard let answer = try readLine() else { throw PeerError.lost(peer: name, reason: "has ended") }
    guard let members = try? JSONValue(json5: answer).members else {
      throw PeerError.lost(peer: name, reason: "gave an answer that is no JSON object")
    }
    if let reason = members["error"]?.text { throw PeerError.refused(reason) }
    return members
  }

  /// Ends the process.
  package func stop() {
    try? requests.fileHandleForWriting.close()
    guard process.isRunning else { return }
    process.terminate()
    // A process that hangs in its own code may not react to that.
    for _ in 0..<200 where process.isRunning { usleep(10_000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  /// Returns the next line of the answers; nil after their end.
  private func readLine() throws -> Data? {
    let end = Date().addingTimeInterval(limit)
    while true {
      if let end = buffer.firstIndex(of: 0x0A) {
        let line = buffer[buffer.startIndex..<end]
        buffer = Data(buffer[buffer.index(after: end)...])
        return Data(line)
      }
      var place = pollfd(
        fd: answers.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
      let left = end.timeIntervalSinceNow
      guard left > 0 else {
        stop()
        throw PeerError.lost(
          peer: name, reason: "gave no answer in \(Int(limit.rounded(.up))) s and was ended")
      }
      guard poll(&place, 1, Int32(max(1, min(left, 3600) * 1000))) > 0 else { continue }
      let more = answers.fileHandleForReading.availableData
      guard !more.isEmpty else { return nil }
      buffer.append(more)
    }
  }
}

extension [String: JSONValue] {
  /// Returns a number of an answer.
  package func number(_ name: String) -> Double? {
    switch self[name] {
    case .number(let value)?: value
    case .integer(let value)?: Double(value)
    default: nil
    }
  }
}
