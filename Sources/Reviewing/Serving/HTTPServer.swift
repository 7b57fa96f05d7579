import CHTTP
import Foundation

/// A request as a client sent it; nothing in it is decoded or trusted.
struct HTTPRequest {
  /// The method, such as `GET`.
  let method: String
  /// The path without the query, percent signs and all.
  let path: String
  fileprivate let exchange: OpaquePointer

  fileprivate init(_ exchange: OpaquePointer) {
    (method, path) = (String(cString: http_method(exchange)), String(cString: http_path(exchange)))
    self.exchange = exchange
  }

  /// Returns a header; nil without it.
  func header(_ name: String) -> String? { http_header(exchange, name).map { String(cString: $0) } }

  /// Returns a value of the query, percent signs and all; nil without it.
  func query(_ name: String) -> String? { http_query(exchange, name).map { String(cString: $0) } }

  /// The length of the body that the request states; nil for a body of unknown length.
  var bodyLength: Int? {
    let length = http_body_length(exchange)
    return length < 0 ? nil : Int(length)
  }

  /// Asks for the body; false if the bodies of all requests take too much memory.
  func keepBody() -> Bool { http_keep_body(exchange) != 0 }

  /// Lets the client send the rest of its body before the connection ends, so that it reads the refusal.
  func linger() { http_linger(exchange) }
}

/// An answer.
struct HTTPAnswer {
  /// The content.
  enum Content {
    case bytes(Data)
    /// An open file of a size, which is closed when it is sent.
    case file(Int32, size: Int)
  }

  let status: Int
  let content: Content
  var headers: [(name: String, value: String)]

  fileprivate func send(_ exchange: OpaquePointer) {
    switch content {
    case .bytes(let data):
      data.withUnsafeBytes { http_answer(exchange, Int32(status), $0.baseAddress, $0.count) }
    case .file(let descriptor, let size): http_answer_file(exchange, descriptor, UInt64(size))
    }
    for (name, value) in headers { http_answer_header(exchange, name, value) }
  }
}

/// What decides on requests; several threads call it.
protocol HTTPHandler: AnyObject, Sendable {
  /// Looks at a request before its body is read.
  ///
  /// - Returns: the answer that refuses it; nil to go on.
  func refusal(of request: HTTPRequest) -> HTTPAnswer?
  /// Answers a request.
  func answer(to request: HTTPRequest, body: Data) -> HTTPAnswer
}

/// The limits of a server.
package struct ServerLimits: Sendable {
  /// Connections at once; more wait.
  package var connections = 512
  /// Threads that answer.
  package var threads = 4
  /// Seconds after which an idle connection ends.
  package var idleSeconds = 20
  /// Seconds within which a whole request must arrive.
  package var requestSeconds = 30
  /// Seconds within which an answer must be taken.
  package var answerSeconds = 300
  /// The most bytes of a body.
  package var bodyBytes = 8 << 20
  /// The most bytes of all bodies at once.
  package var bodyMemory = 64 << 20

  /// Makes the defaults.
  package init() {}
}

/// libmicrohttpd, the optional library of the server.
package enum HTTPLibrary {
  /// The version; nil if the program was built without it.
  package static var version: String? { http_version().map { String(cString: $0) } }

  /// The way to get the server into a program that was built without it.
  package static let installation =
    "install libmicrohttpd-dev (macOS: brew install libmicrohttpd), run scripts/bootstrap and build again"
}

/// A server that runs until it is stopped.
final class HTTPServer {
  private let server: OpaquePointer
  private let handler: Unmanaged<HandlerBox>
  let port: Int
  private var isRunning = true

  /// Starts a server.
  ///
  /// - Parameters:
  ///   - host: a numeric address of this machine.
  ///   - port: the port; 0 for a free one.
  ///   - limits: the limits.
  ///   - handler: decides on requests.
  /// - Throws: `ServingError` that names the address, or the package that is missing.
  init(host: String, port: Int, limits: ServerLimits, handler: any HTTPHandler) throws {
    guard HTTPLibrary.version != nil else { throw ServingError.notBuilt }
    let box = Unmanaged.passRetained(HandlerBox(handler))
    let options = http_options(
      connections: UInt32(limits.connections), threads: UInt32(limits.threads),
      idle_seconds: UInt32(limits.idleSeconds), request_seconds: UInt32(limits.requestSeconds),
      answer_seconds: UInt32(limits.answerSeconds), body_memory: limits.bodyMemory,
      context: box.toOpaque(),
      begin: { context, exchange in
        guard let handler = HandlerBox.handler(context) else { return }
        handler.refusal(of: HTTPRequest(exchange))?.send(exchange)
      },
      complete: { context, exchange in
        guard let handler = HandlerBox.handler(context) else { return }
        var size = 0
        let body = http_body(exchange, &size).map { Data(bytes: $0, count: size) } ?? Data()
        handler.answer(to: HTTPRequest(exchange), body: body).send(exchange)
      })
    var message = [CChar](repeating: 0, count: Int(HTTP_MESSAGE_LENGTH))
    guard let server = http_start(host, UInt16(port), options, &message) else {
      box.release()
      let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw ServingError.cannotListen(host: host, port: port, reason: reason)
    }
    (self.server, self.handler, self.port) = (server, box, Int(http_port(server)))
  }

  deinit { stop() }

  /// Ends connections that are slower than allowed; call it about once a second.
  func endSlowConnections() { if isRunning { http_end_slow(server) } }

  /// Finishes the requests that are being answered, and ends.
  func stop() {
    guard isRunning else { return }
    isRunning = false
    http_stop(server)
    handler.release()
  }
}

/// Carries the handler through C.
private final class HandlerBox {
  let handler: any HTTPHandler

  init(_ handler: any HTTPHandler) { self.handler = handler }

  static func handler(_ context: UnsafeMutableRawPointer?) -> (any HTTPHandler)? {
    context.map { Unmanaged<HandlerBox>.fromOpaque($0).takeUnretainedValue().handler }
  }
}

/// A server that does not start.
package enum ServingError: Error, Equatable, CustomStringConvertible {
  /// The program was built without libmicrohttpd.
  case notBuilt
  /// The address cannot be taken.
  case cannotListen(host: String, port: Int, reason: String)

  /// One or two lines with the fix.
  package var description: String {
    switch self {
    case .notBuilt:
      "mcdrl was built without its server; \(HTTPLibrary.installation), or open index.html from the disk and export the "
        + "decisions there"
    case .cannotListen(let host, let port, let reason):
      "cannot listen at \(host), port \(port): \(reason); choose another --port or leave it out, and give --host a numeric "
        + "address of this machine"
    }
  }
}
