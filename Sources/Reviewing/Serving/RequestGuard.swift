import Foundation

/// Decides whether a request comes from the page that this server gave out.
///
/// A page of another origin can make a browser send requests here, also under a name of its own that
/// leads to this machine (DNS rebinding). It knows neither the token nor the address.
struct RequestGuard: Sendable {
  /// A secret of 256 bits, in hexadecimal digits; new at each start.
  let token: String
  /// The values of `Host` under which the server is known; nil for any numeric address.
  private let hosts: Set<String>?
  private let port: Int

  /// Makes a token.
  ///
  /// - Parameters:
  ///   - host: the numeric address of the server.
  ///   - port: its port.
  init(host: String, port: Int) {
    var generator = SystemRandomNumberGenerator()
    token = (0..<4).map { _ in
      let digits = String(generator.next(), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
    self.port = port
    let names: [String]? =
      switch host {
      case "0.0.0.0", "::": nil
      case "127.0.0.1", "::1": [Self.written(host), "localhost"]
      default: [Self.written(host)]
      }
    hosts = names.map { Set($0.map { "\($0):\(port)" }) }
  }

  /// A numeric address as it stands in an address of the web: with brackets if it has colons.
  static func written(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }

  /// Returns why a request is not one of the page; nil if it may be.
  func fault(_ request: HTTPRequest) -> String? {
    guard let host = request.header("Host")?.lowercased(), isKnown(host) else {
      return "this server is not known by that name; open the address that mcdrl printed"
    }
    if let origin = request.header("Origin")?.lowercased(), origin != "http://\(host)" {
      return "a page of another origin asked; open the address that mcdrl printed"
    }
    if let site = request.header("Sec-Fetch-Site")?.lowercased(), site != "same-origin", site != "none" {
      return "a page of another origin asked; open the address that mcdrl printed"
    }
    return nil
  }

  /// Returns the parts of a path below the token; nil if the token is missing or wrong.
  func parts(_ path: String) -> [Substring]? {
    var parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0].isEmpty, isToken(parts[1]) else { return nil }
    parts.removeFirst(2)
    return parts
  }

  /// Compares a text with the token, in a time that does not depend on where they differ.
  func isToken(_ text: some StringProtocol) -> Bool {
    let (given, own) = (Array(text.utf8), Array(token.utf8))
    guard given.count == own.count else { return false }
    return zip(given, own).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }

  private func isKnown(_ host: String) -> Bool {
    if let hosts { return hosts.contains(host) }
    // A name would have to be looked up, and that can be made to lead anywhere. A number can not.
    let ending = ":\(port)"
    guard host.hasSuffix(ending) else { return false }
    let address = host.dropLast(ending.count)
    var number = in6_addr()
    if address.hasPrefix("["), address.hasSuffix("]") {
      return inet_pton(AF_INET6, String(address.dropFirst().dropLast()), &number) == 1
    }
    return inet_pton(AF_INET, String(address), &number) == 1
  }
}
