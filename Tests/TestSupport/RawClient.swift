import Foundation

/// A client that sends bytes as they are, also those that no browser would send.
package struct RawClient {
  package let port: Int

  /// A client of a server at 127.0.0.1.
  package init(port: Int) { self.port = port }

  /// An answer.
  package struct Answer {
    package let status: Int
    package let headers: String
    package let body: Data
    package var json: [String: Any]? { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] }
  }

  /// Opens a connection; -1 if there is none.
  package func open() -> Int32 {
    #if canImport(Darwin)
      let descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #else
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let code = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    if code != 0 { close(descriptor) }
    return code == 0 ? descriptor : -1
  }

  /// Sends bytes; false if the other side has closed.
  package static func send(_ bytes: Data, to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count {
        let count = Foundation.send(
          descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, Int32(MSG_NOSIGNAL))
        guard count > 0 else { return false }
        done += count
      }
      return true
    }
  }

  /// Reads to the end of the connection.
  package static func read(_ descriptor: Int32) -> Data {
    var (all, buffer) = (Data(), [UInt8](repeating: 0, count: 1 << 16))
    while true {
      let count = Foundation.recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return all }
      all.append(contentsOf: buffer[..<count])
    }
  }

  /// Sends a whole request, and reads the answer to it.
  package func exchange(_ bytes: Data) -> Answer? {
    let descriptor = open()
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    _ = Self.send(bytes, to: descriptor)
    return Self.answer(Self.read(descriptor))
  }

  package static func answer(_ data: Data) -> Answer? {
    guard let end = data.range(of: Data("\r\n\r\n".utf8)) else { return nil }
    let head = String(decoding: data[..<end.lowerBound], as: UTF8.self)
    let words = head.split(separator: " ", maxSplits: 2)
    guard words.count > 1, let status = Int(words[1]) else { return nil }
    return Answer(status: status, headers: head, body: Data(data[end.upperBound...]))
  }

  /// Sends a request with headers of a browser, which may be replaced or, by an empty text, left out.
  package func request(
    _ method: String, _ path: String, _ headers: [String: String] = [:], body: Data? = nil
  ) -> Answer? {
    var all = ["Host": "127.0.0.1:\(port)", "Connection": "close"]
    if let body { all["Content-Length"] = "\(body.count)" }
    all.merge(headers) { $1 }
    let lines = all.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\r\n" }.joined()
    return exchange(Data("\(method) \(path) HTTP/1.1\r\n\(lines)\r\n".utf8) + (body ?? Data()))
  }
}
