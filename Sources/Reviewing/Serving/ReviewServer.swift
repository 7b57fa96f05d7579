import Foundation
import Storage

/// Serves a review: its files, and the decisions of reviewers.
package final class ReviewServer {
  /// The address of the page, with the token.
  package let address: String
  private let server: HTTPServer

  /// Starts to serve.
  ///
  /// - Parameters:
  ///   - content: the review, whose folder the caller has locked.
  ///   - host: a numeric address of this machine.
  ///   - port: the port; 0 for a free one.
  ///   - limits: the limits.
  /// - Throws: `ServingError`, or `FileError` that names a file of the review.
  package init(
    _ content: ReviewContent, host: String = "127.0.0.1", port: Int = 0, limits: ServerLimits = ServerLimits()
  ) throws {
    let rules = try ReviewRules(content, limits: limits)
    server = try HTTPServer(host: host, port: port, limits: limits, handler: rules)
    let guardian = RequestGuard(host: host, port: server.port)
    rules.open(guardian)
    address = "http://\(RequestGuard.written(host)):\(server.port)/\(guardian.token)/"
  }

  /// Serves until a condition holds, and ends slow connections meanwhile.
  ///
  /// - Parameter shouldStop: asked ten times a second.
  package func run(until shouldStop: () -> Bool) {
    var turns = 0
    while !shouldStop() {
      usleep(100_000)
      turns += 1
      if turns % 10 == 0 { server.endSlowConnections() }
    }
    stop()
  }

  /// Finishes the requests that are being answered, and ends.
  package func stop() { server.stop() }
}

/// The answers to the requests of the review page (docs/reference/review-format.md).
final class ReviewRules: HTTPHandler {
  private let content: ReviewContent
  private let limits: ServerLimits
  private let files: ReviewFiles
  private let store: DecisionStore
  private let access = OnceSet<RequestGuard>()

  /// - Throws: `FileError` that names the folder that cannot be used.
  init(_ content: ReviewContent, limits: ServerLimits) throws {
    (self.content, self.limits) = (content, limits)
    files = try ReviewFiles(content.folder.url)
    store = try DecisionStore(content.folder)
  }

  /// Begins to answer, once the port is known.
  func open(_ guardian: RequestGuard) { access.value = guardian }

  func refusal(of request: HTTPRequest) -> HTTPAnswer? {
    guard let access = access.value else { return Self.error(503, "the server starts", retryAfter: 1) }
    if let fault = access.fault(request) { return Self.error(403, fault) }
    guard let parts = access.parts(request.path) else {
      return Self.error(403, "the token is missing or wrong; open the address that mcdrl printed")
    }
    let isDecision = parts.count == 3 && parts[0] == "api" && parts[1] == "decisions"
    switch request.method {
    case "GET":
      guard request.bodyLength == 0 else { return Self.error(400, "a GET has no body") }
    case "PUT" where isDecision: break
    default:
      var answer = Self.error(405, "this server knows GET, and PUT of a decision")
      answer.headers.append(("Allow", isDecision ? "PUT" : "GET"))
      return answer
    }
    guard parts.first == "api" else { return nil }
    guard let token = request.header("X-Review-Token"), access.isToken(token) else {
      return Self.error(401, "the token is missing or wrong; open the address that mcdrl printed")
    }
    guard isDecision, let refusal = refusal(ofDecision: request) else { return nil }
    // The page is known, and is to learn why. A stranger makes the server read nothing.
    request.linger()
    return refusal
  }

  private func refusal(ofDecision request: HTTPRequest) -> HTTPAnswer? {
    let type = request.header("Content-Type")?.lowercased().split(separator: ";").first
    guard type?.trimmingCharacters(in: .whitespaces) == "application/json" else {
      return Self.error(400, "a decision has the Content-Type application/json")
    }
    guard Self.revision(request) != nil else {
      return Self.error(400, "a decision has the revision that it replaces as If-Match: \"N\"")
    }
    guard let length = request.bodyLength else {
      return Self.error(411, "a decision states its Content-Length")
    }
    guard length <= limits.bodyBytes else {
      return Self.error(413, "the decision is longer than \(limits.bodyBytes) bytes")
    }
    return request.keepBody() ? nil : Self.error(429, "too many decisions at once", retryAfter: 1)
  }

  func answer(to request: HTTPRequest, body: Data) -> HTTPAnswer {
    guard let parts = access.value?.parts(request.path) else { return Self.error(403, "the token is wrong") }
    guard parts.first == "api" else { return file(parts, request) }
    do {
      switch parts.dropFirst().first {
      case "served" where parts.count == 2: return try served()
      case "decisions" where parts.count == 2: return try decisions(of: request)
      case "decisions" where parts.count == 3 && request.method == "PUT":
        return try save(String(parts[2]), request, body)
      default: return Self.error(404, "there is no such address")
      }
    } catch {
      return Self.failure(error)
    }
  }

  private func file(_ parts: [Substring], _ request: HTTPRequest) -> HTTPAnswer {
    if parts.isEmpty {
      var answer = Self.error(308, "the address ends with /")
      answer.headers.append(("Location", request.path + "/"))
      return answer
    }
    guard let found = files.opened(parts) else { return Self.error(404, "there is no such file") }
    return HTTPAnswer(
      status: 200, content: .file(found.descriptor, size: found.size), headers: Self.headers(found.type))
  }

  private func served() throws -> HTTPAnswer {
    struct Served: Encodable {
      let format = ReviewDocument.currentFormat
      let review: String
      let writable = true
      let reviewers: [String]
      let most: Int
      enum CodingKeys: String, CodingKey {
        case format, review, writable, reviewers
        case most = "max_body"
      }
    }
    return try Self.json(
      Served(review: content.document.id, reviewers: store.reviewers(), most: limits.bodyBytes))
  }

  private func decisions(of request: HTTPRequest) throws -> HTTPAnswer {
    guard let name = request.query("reviewer")?.removingPercentEncoding, ReviewerName.isValid(name) else {
      return Self.error(400, ReviewerName.rule)
    }
    let (decisions, faults) = try store.documents(of: name)
    let list = Data(decisions.joined(separator: Data(",".utf8)))
    let stated = try JSONEncoder().encode(faults)
    return HTTPAnswer(
      status: 200,
      content: .bytes(
        Data("{\"decisions\":[".utf8) + list + Data("],\"faults\":".utf8) + stated + Data("}".utf8)),
      headers: Self.headers(Self.jsonType))
  }

  private func save(_ item: String, _ request: HTTPRequest, _ body: Data) throws -> HTTPAnswer {
    guard content.row(item) != nil else { return Self.error(404, "the review has no such item") }
    let decision: Decision
    do { decision = try JSONDecoder().decode(Decision.self, from: body) } catch {
      return Self.error(400, "the decision cannot be read: \(explanation(of: error))")
    }
    guard decision.item == item else { return Self.error(400, "the decision is of another item") }
    if let fault = decision.fault(in: content) { return Self.error(400, fault) }
    guard let known = Self.revision(request) else { return Self.error(400, "If-Match is missing") }
    struct Saved: Encodable {
      let revision: Int
      let time: String
    }
    do {
      let revision = try store.save(decision, replacing: known)
      return try Self.json(Saved(revision: revision, time: decision.time), status: known == 0 ? 201 : 200)
    } catch let conflict as DecisionStore.Conflict {
      struct Other: Encodable {
        let error = "another change of this decision is stored"
        let decision: Decision?
      }
      return try Self.json(Other(decision: conflict.stored), status: 409)
    }
  }

  /// The revision that a change is based on: `If-Match: "N"`.
  private static func revision(_ request: HTTPRequest) -> Int? {
    guard let text = request.header("If-Match"), text.hasPrefix("\""), text.hasSuffix("\""), text.count > 2,
      let revision = Int(text.dropFirst().dropLast()), (0..<Int.max / 2).contains(revision)
    else { return nil }
    return revision
  }

  // MARK: Answers

  private static let jsonType = "application/json"

  /// The headers of every answer: nothing is kept by the browser, and no other page may use it.
  private static func headers(_ type: String) -> [(name: String, value: String)] {
    [
      ("Content-Type", type), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
      ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Resource-Policy", "same-origin"),
      ("Cross-Origin-Opener-Policy", "same-origin"), ("X-Frame-Options", "DENY"),
      ("Content-Security-Policy", "frame-ancestors 'none'"),
    ]
  }

  private static func json(_ value: some Encodable, status: Int = 200) throws -> HTTPAnswer {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return HTTPAnswer(
      status: status, content: .bytes(try encoder.encode(value)), headers: headers(jsonType))
  }

  private static func error(_ status: Int, _ text: String, retryAfter seconds: Int? = nil) -> HTTPAnswer {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    let body = (try? encoder.encode(["error": text])) ?? Data("{}".utf8)
    let retry = seconds.map { [(name: "Retry-After", value: "\($0)")] } ?? []
    return HTTPAnswer(status: status, content: .bytes(body), headers: headers(jsonType) + retry)
  }

  private static func failure(_ error: any Error) -> HTTPAnswer {
    // Asking again does not help: somebody has to look at the file.
    if case ReviewError.decision = error { return Self.error(422, "\(error)") }
    guard case FileError.cannotWrite(_, let reason) = error else { return Self.error(500, "\(error)") }
    let isFull = [ENOSPC, EDQUOT, EFBIG].contains { reason == String(cString: strerror($0)) }
    return isFull
      ? Self.error(507, "the disk is full; make room, and the decision is saved then", retryAfter: 5)
      : Self.error(500, "the decision is not saved: \(reason)")
  }
}

/// A value that is set once, after the threads that read it were started.
private final class OnceSet<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var stored: Value?

  var value: Value? {
    get { lock.withLock { stored } }
    set { lock.withLock { stored = newValue } }
  }
}
