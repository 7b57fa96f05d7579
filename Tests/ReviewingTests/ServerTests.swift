import Foundation
import Storage
import TestSupport
import Testing

@testable import Reviewing

@Suite("The review server", .enabled(if: HTTPLibrary.version != nil, "built without libmicrohttpd"))
struct ServerTests {
  @Test("It gives out the files of a review, with headers that keep them from other pages and from caches")
  func files() throws {
    let review = try ServedReview()
    for (path, type) in [
      ("", "text/html"), ("index.html", "text/html"), ("review.js", "text/javascript"),
      ("queue.js", "text/javascript"), ("items/a0.js", "text/javascript"), ("images/a0.png", "image/png"),
    ] {
      let answer = try #require(review.get(path))
      #expect(answer.status == 200 && answer.headers.contains("Content-Type: \(type)"), "\(path)")
      for header in [
        "Cache-Control: no-store", "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer",
        "Cross-Origin-Resource-Policy: same-origin", "Content-Security-Policy: frame-ancestors 'none'",
      ] { #expect(answer.headers.contains(header), "\(path): \(header)") }
    }
    #expect(
      try review.get("images/a0.png")?.body
        == Data(contentsOf: review.fixture.url.appendingPathComponent("images/a0.png")))
    #expect(review.client.request("GET", "/\(review.token)")?.headers.contains("/\(review.token)/") == true)
  }

  @Test("Nothing but the files of the review can be read, whatever the path")
  func paths() throws {
    let review = try ServedReview()
    let secret = review.fixture.scratch.file("secret.js")
    try Data("secret".utf8).write(to: secret)
    let folder = review.fixture.url
    try Data("secret".utf8).write(to: folder.appendingPathComponent("notes.js"))
    try Data("secret".utf8).write(to: folder.appendingPathComponent("items/.hidden.js"))
    for (link, target) in [
      ("items/link.js", secret.path), ("images/link.png", "/etc/passwd"), ("videos/dir.js", "/"),
    ] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.appendingPathComponent(link).path, withDestinationPath: target)
    }
    try FileManager.default.removeItem(at: folder.appendingPathComponent("thumbnails"))
    try FileManager.default.createSymbolicLink(
      atPath: folder.appendingPathComponent("thumbnails").path, withDestinationPath: folder.path + "/images")
    #expect(mkfifo(folder.appendingPathComponent("items/pipe.js").path, 0o600) == 0)
    try review.fixture.store([review.fixture.decision("a0", .accept)])
    for path in [
      "../secret.js", "items/../../secret.js", "items/../review.js", "..%2fsecret.js", "%2e%2e/secret.js",
      "%252e%252e/secret.js", "items%2fa0.js", "items/a0%2ejs", "//etc/passwd", "/etc/passwd", "items//a0.js",
      "items/", "items", "images/", ".lock", "notes.js", "items/.hidden.js", "items/link.js",
      "images/link.png",
      "videos/dir.js", "thumbnails/a0.png", "thumbnails/a0.jpg", "items/pipe.js", "decisions/Ana/a0.json",
      "decisions/", "items/a0.js%00.png", "items/a0.js/", "items/a0.html", "images/a0.js", "items\\a0.js",
      "items/a0.js;x", "api", "api/", "api/decisions/../../review.js", "~root", "review.js/..", "index.html/",
      "items/\u{00E9}.js", String(repeating: "a/", count: 2000),
      "items/" + String(repeating: "a", count: 5000) + ".js",
    ] {
      let answer = review.get(path)
      #expect(
        [400, 401, 403, 404, 414, 431].contains(answer?.status ?? 0), "\(path): \(answer?.status ?? 0)")
      #expect(answer?.body.range(of: Data("secret".utf8)) == nil, "\(path)")
    }
    // A zero ends the path; what is before it is a file of the review or nothing.
    let end = " HTTP/1.1\r\nHost: 127.0.0.1:\(review.client.port)\r\nConnection: close\r\n\r\n"
    let zero = review.client.exchange(Data("GET /\(review.token)/items/a0.js\0/../../secret.js\(end)".utf8))
    #expect(zero?.body.range(of: Data("secret".utf8)) == nil)
    #expect(review.get("review.js")?.status == 200)
  }

  @Test("Other hosts, other origins and other tokens are refused")
  func strangers() throws {
    let review = try ServedReview()
    let port = review.client.port
    for headers in [
      ["Host": "evil.example:\(port)"], ["Host": "127.0.0.1"], ["Host": "127.0.0.1:1"],
      ["Host": "localhost.evil:\(port)"],
      ["Origin": "http://evil.example"], ["Origin": "null"], ["Origin": "https://127.0.0.1:\(port)"],
      ["Sec-Fetch-Site": "cross-site"], ["Sec-Fetch-Site": "same-site"],
    ] {
      #expect(review.get("review.js", headers)?.status == 403, "\(headers)")
      #expect(try review.put(review.fixture.decision("a0", .accept), headers)?.status == 403, "\(headers)")
    }
    #expect([400, 403].contains(review.get("review.js", ["Host": ""])?.status ?? 0))
    for path in [
      "/", "/review.js", "/\(review.token)x/review.js", "/\(review.token.dropLast())/review.js",
      "//review.js",
    ] {
      #expect(review.client.request("GET", path)?.status == 403, "\(path)")
    }
    for token in ["", "x", String(repeating: "0", count: 64)] {
      #expect(review.get("api/served", ["X-Review-Token": token])?.status == 401)
      #expect(
        try review.put(review.fixture.decision("a0", .accept), ["X-Review-Token": token])?.status == 401)
    }
    let fitting = [
      "Host": "localhost:\(port)", "Origin": "http://localhost:\(port)", "Sec-Fetch-Site": "none",
    ]
    #expect(review.get("review.js", fitting)?.status == 200)
    #expect(try DecisionStore(ReviewFolder(review.fixture.url)).reviewers() == [])
    for method in ["POST", "DELETE", "OPTIONS", "TRACE", "CONNECT", "X"] {
      let answer = review.client.request(method, "/\(review.token)/review.js")
      #expect([400, 405, 501].contains(answer?.status ?? 0), "\(method): \(answer?.status ?? 0)")
    }
  }

  @Test("A decision is on the disk before it is confirmed, and a change of an old revision is a conflict")
  func decisions() throws {
    let review = try ServedReview()
    let first = try review.fixture.decision(
      "a0", .correct, by: "Ana Ruiz", [0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    let saved = try #require(try review.put(first))
    #expect(saved.status == 201 && saved.json?["revision"] as? Int == 1)
    #expect(saved.json?["time"] as? String == first.time)
    let file = review.fixture.url.appendingPathComponent("decisions/Ana Ruiz/a0.json")
    #expect(try JSONDecoder().decode(Decision.self, from: Data(contentsOf: file)).masks == first.masks)

    let second = try review.fixture.decision("a0", .accept, by: "Ana Ruiz")
    let conflict = try #require(try review.put(second))
    #expect(conflict.status == 409)
    #expect((conflict.json?["decision"] as? [String: Any])?["verdict"] as? String == "correct")
    #expect(try review.put(second, replacing: 1)?.json?["revision"] as? Int == 2)
    #expect(try review.put(second, replacing: 7)?.status == 409)

    let token = ["X-Review-Token": review.token]
    let stored =
      review.get("api/decisions?reviewer=Ana%20Ruiz", token)?.json?["decisions"] as? [[String: Any]]
    #expect(
      stored?.count == 1 && stored?[0]["revision"] as? Int == 2
        && stored?[0]["verdict"] as? String == "accept")
    #expect((review.get("api/decisions?reviewer=Ben", token)?.json?["decisions"] as? [Any])?.isEmpty == true)
    let served = review.get("api/served", token)?.json
    #expect(served?["reviewers"] as? [String] == ["Ana Ruiz"] && served?["writable"] as? Bool == true)
    #expect(served?["review"] as? String == (try review.fixture.content.document.id))
    for name in ["", "..", "%2e%2e", "a/b", "a%2fb", ".x", "a%00b", String(repeating: "a", count: 41)] {
      #expect(review.get("api/decisions?reviewer=\(name)", token)?.status == 400, "\(name)")
    }
  }

  @Test("A damaged file of a decision is named, hides no other and is not replaced")
  func damaged() throws {
    let review = try ServedReview()
    for item in ["a0", "a1"] { _ = try review.put(review.fixture.decision(item, .accept, by: "Ana Ruiz")) }
    let file = review.fixture.url.appendingPathComponent("decisions/Ana Ruiz/a0.json")
    try Data("{\"format\":1,".utf8).write(to: file)

    let token = ["X-Review-Token": review.token]
    let listed = review.get("api/decisions?reviewer=Ana%20Ruiz", token)?.json
    #expect((listed?["decisions"] as? [[String: Any]])?.map { $0["item"] as? String } == ["a1"])
    #expect((listed?["faults"] as? [String])?.first?.contains(file.path) == true)
    let answer = try review.put(review.fixture.decision("a0", .reject, by: "Ana Ruiz"))
    #expect(answer?.status == 422 && (answer?.json?["error"] as? String)?.contains(file.path) == true)
    #expect(try Data(contentsOf: file) == Data("{\"format\":1,".utf8))
  }

  @Test("A decision that does not fit the review is refused, and nothing is stored")
  func wrongDecisions() throws {
    let review = try ServedReview()
    let good = try review.fixture.decision("a0", .accept)
    var wrong: [(String, Decision)] = []
    func add(_ name: String, _ change: (inout Decision) throws -> Void) rethrows {
      var decision = good
      try change(&decision)
      wrong.append((name, decision))
    }
    add("review") { $0.review = "0123456789abcdef" }
    add("format") { $0.format = 2 }
    add("reviewer") { $0.reviewer = "../Ana" }
    add("decomposed") { $0.reviewer = "Ane\u{0301}" }
    add("time") { $0.time = "yesterday" }
    add("class") { $0.lesionClass = "cyst" }
    add("comment") { $0.comment = String(repeating: "x", count: 4001) }
    add("seconds") { $0.seconds = -1 }
    add("hash") { $0.modelHash = "abc" }
    add("correction without masks") { $0.verdict = .correct }
    try add("masks without correction") { $0.masks = [try ReviewFixture.mask(ReviewFixture.model)] }
    for (name, decision) in wrong {
      let answer = try review.put(decision)
      #expect(answer?.status == 400 && answer?.json?["error"] is String, "\(name)")
    }
    #expect(try review.put(JSONEncoder().encode(good), as: "zz")?.status == 404)
    #expect(try review.put(JSONEncoder().encode(good), as: "a1")?.status == 400)
    for counts in ["", "!", "0", "zzzz", "0=0", String(repeating: "o", count: 100)] {
      let mask = #"[{"layer":"lesion","size":[3,4],"counts":"\#(counts)"}]"#
      let text = String(decoding: try JSONEncoder().encode(good), as: UTF8.self)
        .replacingOccurrences(of: #""masks":null"#, with: #""masks":\#(mask)"#)
        .replacingOccurrences(of: #""verdict":"accept""#, with: #""verdict":"correct""#)
      #expect(text.contains("correct"))
      #expect(review.put(Data(text.utf8), as: "a0")?.status == 400, "\(counts)")
    }
    for body in ["", "[]", "{", "null", String(repeating: "[", count: 100_000)] {
      #expect(review.put(Data(body.utf8), as: "a0")?.status == 400, "\(body.prefix(9))")
    }
    for header in [
      ["If-Match": ""], ["If-Match": "0"], ["If-Match": "\"-1\""], ["Content-Type": "text/plain"],
    ] {
      #expect(try review.put(good, header)?.status == 400, "\(header)")
    }
    #expect(FileManager.default.fileExists(atPath: review.fixture.url.path + "/decisions/Ana") == false)
  }

  @Test("A body that is too long or of no stated length is refused before it is read")
  func longBodies() throws {
    let review = try ServedReview()
    let head = [
      "X-Review-Token": review.token, "Content-Type": "application/json", "If-Match": "\"0\"",
    ]
    let path = "/\(review.token)/api/decisions/a0"
    for (length, status) in [("100000000", 413), ("99999999999999999999", 413), ("8388609", 413)] {
      let answer = review.client.request("PUT", path, head.merging(["Content-Length": length]) { $1 })
      #expect([status, 400].contains(answer?.status ?? 0), "\(length): \(answer?.status ?? 0)")
    }
    #expect(
      review.client.request("PUT", path, head.merging(["Transfer-Encoding": "chunked"]) { $1 })?.status == 411
    )
    #expect(
      review.client.request("GET", "/\(review.token)/review.js", ["Content-Length": "5"])?.status == 400)
    // A stranger cannot make the server read anything.
    let stranger = review.client.request(
      "PUT", "/x/api/decisions/a0", head.merging(["Content-Length": "1000000"]) { $1 })
    #expect(stranger?.status == 403)
  }

  @Test("A client that sends a long body whole reads why it is refused")
  func refusedBodies() throws {
    let review = try ServedReview()
    let body = Data(repeating: 32, count: 20_000_000)
    for _ in 0..<5 {
      let answer = review.put(body, as: "a0")
      #expect(answer?.status == 413 && answer?.json?["error"] is String)
    }
    #expect(review.put(body, as: "a0", replacing: 0, ["Content-Type": "text/plain"])?.status == 400)
    #expect(review.get("review.js")?.status == 200)
  }

  @Test("Bodies of many requests together keep to a limit")
  func bodyMemory() throws {
    var limits = ServerLimits()
    (limits.bodyBytes, limits.bodyMemory) = (1000, 1500)
    let review = try ServedReview(limits: limits)
    let lines =
      "Host: 127.0.0.1:\(review.client.port)\r\nX-Review-Token: \(review.token)\r\nContent-Type: application/json\r\n"
      + "If-Match: \"0\"\r\nContent-Length: 1000\r\n\r\n"
    let open = review.client.open()
    defer { close(open) }
    #expect(RawClient.send(Data("PUT /\(review.token)/api/decisions/a0 HTTP/1.1\r\n\(lines)".utf8), to: open))
    var status = 0
    for _ in 0..<100 where status != 429 {
      usleep(10_000)
      let answer = review.put(Data(repeating: 32, count: 900), as: "a0")
      status = answer?.status ?? 0
      if status == 429 { #expect(answer?.headers.contains("Retry-After") == true) }
    }
    #expect(status == 429)
  }

  @Test("Slow clients are cut off and others are served meanwhile")
  func slowClients() throws {
    var limits = ServerLimits()
    (limits.requestSeconds, limits.idleSeconds) = (1, 30)
    let review = try ServedReview(limits: limits)
    let slow = (0..<40).map { _ in review.client.open() }
    defer { for descriptor in slow { close(descriptor) } }
    for descriptor in slow { #expect(RawClient.send(Data("GET /".utf8), to: descriptor)) }
    #expect(review.get("review.js")?.status == 200)
    let end = Date().addingTimeInterval(2.5)
    review.server.run(until: {
      for descriptor in slow { _ = RawClient.send(Data("x".utf8), to: descriptor) }
      return Date() > end
    })
    for descriptor in slow {
      var limit = timeval(tv_sec: 1, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      var byte: UInt8 = 0
      // An end of the connection, and no wait for more.
      let count = recv(descriptor, &byte, 1, 0)
      #expect(count == 0 || (count < 0 && errno == ECONNRESET))
    }
  }

  @Test("A port that is taken and an address of another machine are errors with the fix")
  func addresses() throws {
    let review = try ServedReview()
    let content = try review.fixture.content
    for (host, port) in [("127.0.0.1", review.client.port), ("203.0.113.1", 0), ("example.org", 0)] {
      #expect(throws: ServingError.self) { try ReviewServer(content, host: host, port: port) }
    }
  }
}
