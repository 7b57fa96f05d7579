import Foundation
import Reviewing
import Storage

/// The options of a server.
struct ServingOptions: OptionGroup {
  let port = Option.value(
    "port", "N", .integer(atMost: 65535), default: 0, said: "a free one", "serve at this port")
  let host = Option.value(
    "host", "ADDRESS", .text, default: "127.0.0.1",
    "serve at this numeric address of the machine; others can then reach it, without encryption")
}

extension Arguments<ServingOptions> {
  /// Refuses the options without `--serve`.
  ///
  /// - Throws: `UsageError` that names the option.
  func requireNone() throws {
    for written in [written(\.port), written(\.host)].compactMap({ $0 }) {
      throw UsageError.rejected(
        option: String(written.dropFirst(2).prefix { $0 != " " }), text: nil,
        reason: "belongs to --serve; add it")
    }
  }
}

/// The command `mcdrl review serve`.
enum ReviewServeCommand: Subcommand {
  static let name = "review serve"
  static let summary = "serve a review to a browser on this machine, and save each decision at once"
  static let example = "mcdrl review serve reviews/new"
  static let options = ServingOptions()
  static let operands = [Operand.one("REVIEW", "a review", "a folder that mcdrl review wrote")]

  static func run(_ arguments: Arguments<ServingOptions>, _ console: Console) throws {
    let folder = NativePath.url(arguments.operands[0])
    try ReviewServing.requireBuilt()
    guard FileSystem.kind(of: folder) == .folder else { throw ReviewError.noReview(folder) }
    let lock = try OutputFolder.lock(folder, console)
    try ReviewServing.serve(folder, arguments, lock, console)
  }
}

/// Serving a review until Ctrl-C.
enum ReviewServing {
  /// What `--json` prints when the server answers.
  private struct Started: Encodable {
    let address: String
    let review: String
    let folder: String
  }

  /// Checks that the program was built with the server.
  ///
  /// - Throws: `ServingError.notBuilt` that names the package.
  static func requireBuilt() throws {
    guard HTTPLibrary.version != nil else { throw ServingError.notBuilt }
  }

  /// Serves a review.
  ///
  /// - Parameters:
  ///   - folder: the folder.
  ///   - options: host and port.
  ///   - lock: the lock of the folder.
  ///   - console: receives the address.
  /// - Throws: `Interruption.serving` at the end, `ServingError`, or an error that names a file.
  static func serve(
    _ folder: URL, _ options: Arguments<ServingOptions>, _ lock: FolderLock, _ console: Console
  ) throws {
    defer { withExtendedLifetime(lock) {} }
    let content = try ReviewContent(of: folder)
    let host = try options.host
    Interrupt.watch()
    defer { Interrupt.unwatch() }
    let server = try ReviewServer(content, host: host, port: options.port)
    if !["127.0.0.1", "::1"].contains(host) {
      console.note(
        "warning: other machines can reach \(host), and nothing is encrypted: pictures, decisions and the token can be "
          + "read on the way; use an SSH tunnel to 127.0.0.1 where that matters")
    }
    if console.json {
      try console.result(
        json: Started(address: server.address, review: content.document.id, folder: folder.path))
    } else {
      console.result(server.address)
    }
    console.note(
      "open this address in a browser on this machine; Ctrl-C ends, and every decision is saved at once")
    server.run(until: { Interrupt.requested })
    throw Interruption.serving(content.folder.decisions)
  }
}
