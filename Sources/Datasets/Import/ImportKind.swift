import Foundation

/// A kind of source that `mcdrl data import` reads.
package struct ImportKind: Sendable {
  /// The reader.
  package let reader: any SourceReader.Type

  /// The word on the command line.
  package var name: String { reader.name }
  /// A short description for the help.
  package var summary: String { reader.summary }

  /// All kinds, in the order of the help.
  package static let all: [ImportKind] = [].map(ImportKind.init)

  init(_ reader: any SourceReader.Type) { self.reader = reader }

  /// Finds a kind by name.
  ///
  /// - Throws: `ImportError.unknownKind`.
  package static func named(_ name: String) throws -> ImportKind {
    guard let kind = all.first(where: { $0.name == name }) else {
      throw ImportError.unknownKind(name, known: all.map(\.name))
    }
    return kind
  }

  /// Returns the kinds that a source looks like.
  package static func fitting(_ source: URL) -> [ImportKind] { all.filter { $0.reader.recognises(source) } }

  /// Lists a source and groups its images as the options say.
  ///
  /// - Throws: `ImportError` or `FileError` that names the file or the option.
  package func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    try reader.listing(source, options: options)
  }
}
