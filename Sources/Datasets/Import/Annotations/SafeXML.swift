import Foundation
import Storage

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Reads XML of strangers: no document types, so no entities; bounded depth and size of texts.
enum SafeXML {
  /// Receives the elements of a document.
  protocol Handler: AnyObject {
    /// An element begins.
    ///
    /// - Parameters:
    ///   - path: the names of the open elements, this one last.
    ///   - attributes: its attributes.
    /// - Throws: an error that ends the reading.
    func start(_ path: [String], _ attributes: [String: String]) throws

    /// An element ends.
    ///
    /// - Parameters:
    ///   - path: the names of the open elements, this one last.
    ///   - text: the text directly inside it.
    /// - Throws: an error that ends the reading.
    func end(_ path: [String], _ text: String) throws
  }

  fileprivate static let deepest = 64
  fileprivate static let longestText = 1 << 20
  /// The largest file; the parser holds it whole.
  private static let largestFile = 256 << 20

  /// Reads a file.
  ///
  /// - Throws: `ImportError.malformed` for a file that is no XML or has a document type, the error of
  ///   the handler, or `FileError`.
  static func parse(_ url: URL, _ handler: any Handler) throws {
    let data = try Data(file: url, limit: largestFile)
    // Foundation's parser stops the program at a name or value that is not UTF-8.
    guard String(data: data, encoding: .utf8) != nil, !data.prefix(1 << 16).contains(0) else {
      throw ImportError.malformed(url, reason: "is not UTF-8 text; save it as UTF-8")
    }
    guard !hasDocumentType(data) else {
      throw ImportError.malformed(
        url, reason: "has a document type, which annotations do not need; remove the <!DOCTYPE …>")
    }
    let parser = XMLParser(data: data)
    parser.shouldResolveExternalEntities = false
    let delegate = Delegate(url, handler)
    parser.delegate = delegate
    let isWhole = parser.parse()
    if let fault = delegate.fault { throw fault }
    guard isWhole else {
      throw ImportError.malformed(
        url,
        reason: "is no whole XML: line \(parser.lineNumber), column \(parser.columnNumber); export it again")
    }
  }

  /// Returns whether a document type stands before the first element, which is its only place.
  private static func hasDocumentType(_ data: Data) -> Bool {
    var rest = data[...]
    while let start = rest.firstIndex(of: UInt8(ascii: "<")) {
      rest = rest[start...]
      let (begin, end): (Int, String)
      switch rest {
      case _ where rest.starts(with: Array("<?".utf8)): (begin, end) = (2, "?>")
      case _ where rest.starts(with: Array("<!--".utf8)): (begin, end) = (4, "-->")
      default: return rest.starts(with: Array("<!".utf8))
      }
      // `<!-->` begins a comment and does not end it.
      guard let found = rest.dropFirst(begin).range(of: Data(end.utf8)) else { return false }
      rest = rest[found.upperBound...]
    }
    return false
  }

  private final class Delegate: NSObject, XMLParserDelegate {
    private let url: URL
    private let handler: any Handler
    private var path: [String] = []
    private var texts: [String] = []
    private(set) var fault: (any Error)?

    init(_ url: URL, _ handler: any Handler) { (self.url, self.handler) = (url, handler) }

    private func attempt(_ parser: XMLParser, _ body: () throws -> Void) {
      guard fault == nil else { return }
      do { try body() } catch {
        fault = error
        parser.abortParsing()
      }
    }

    func parser(
      _ parser: XMLParser, didStartElement elementName: String, namespaceURI: String?,
      qualifiedName qName: String?, attributes attributeDict: [String: String]
    ) {
      attempt(parser) {
        path.append(elementName)
        texts.append("")
        guard path.count <= SafeXML.deepest else {
          throw ImportError.malformed(url, reason: "elements are nested more than \(SafeXML.deepest) deep")
        }
        try handler.start(path, attributeDict)
      }
    }

    func parser(
      _ parser: XMLParser, didEndElement elementName: String, namespaceURI: String?,
      qualifiedName qName: String?
    ) {
      attempt(parser) {
        guard let text = texts.popLast() else { return }
        try handler.end(path, text)
        path.removeLast()
      }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
      attempt(parser) {
        guard let last = texts.indices.last else { return }
        guard texts[last].utf8.count + string.utf8.count <= SafeXML.longestText else {
          throw ImportError.malformed(url, reason: "an element has more than 1 MiB of text")
        }
        texts[last] += string
      }
    }
  }
}
