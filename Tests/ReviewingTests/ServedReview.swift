import Foundation
import TestSupport

@testable import Reviewing

/// A review that is served, and a client of it.
final class ServedReview {
  let fixture: ReviewFixture
  let server: ReviewServer
  let client: RawClient
  let token: String

  init(limits: ServerLimits = ServerLimits()) throws {
    fixture = try ReviewFixture()
    server = try ReviewServer(fixture.content, limits: limits)
    let parts = server.address.split(separator: "/")
    token = String(parts[2])
    client = RawClient(port: Int(parts[1].split(separator: ":")[1]) ?? 0)
  }

  deinit { server.stop() }

  func get(_ path: String, _ headers: [String: String] = [:]) -> RawClient.Answer? {
    client.request("GET", "/\(token)/\(path)", headers)
  }

  /// Saves a decision that replaces a revision.
  func put(
    _ decision: Decision, replacing revision: Int = 0, _ headers: [String: String] = [:]
  ) throws -> RawClient.Answer? {
    put(try JSONEncoder().encode(decision), as: decision.item, replacing: revision, headers)
  }

  func put(
    _ body: Data, as item: String, replacing revision: Int = 0, _ headers: [String: String] = [:]
  ) -> RawClient.Answer? {
    let all = [
      "X-Review-Token": token, "Content-Type": "application/json", "If-Match": "\"\(revision)\"",
      "Origin": "http://127.0.0.1:\(client.port)", "Sec-Fetch-Site": "same-origin",
    ].merging(headers) { $1 }
    return client.request("PUT", "/\(token)/api/decisions/\(item)", all, body: body)
  }
}
