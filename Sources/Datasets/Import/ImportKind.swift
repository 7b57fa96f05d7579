import Foundation
import Storage

/// A kind of source that `mcdrl data import` reads.
package struct ImportKind: Sendable {
  /// The reader.
  package let reader: any SourceReader.Type

  /// The word on the command line.
  package var name: String { reader.name }
  /// A short description for the help.
  package var summary: String { reader.summary }

  /// All kinds, in the order of the help; `folder` is the last resort of `auto`.
  package static let all: [ImportKind] = [
    ImportKind(FolderLayout.self), ImportKind(KvasirLayout.self), ImportKind(ClinicLayout.self),
    ImportKind(ColonLayout.self), ImportKind(EndoSceneLayout.self), ImportKind(EtisLayout.self),
    ImportKind(PolypGenLayout.self), ImportKind(NeoPolypLayout.self), ImportKind(SunLayout.self),
    ImportKind(PolypDBLayout.self), ImportKind(BronchoLayout.self), ImportKind(GlottisLayout.self),
    ImportKind(COCOReader.self), ImportKind(CVATReader.self), ImportKind(LabelMeReader.self),
    ImportKind(LabelStudioReader.self), ImportKind(DICOMSource.self), ImportKind(VideoSource.self),
  ]

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

  /// Returns the kinds that a source looks like; `folder` only if no other fits.
  package static func fitting(_ source: URL) -> [ImportKind] {
    SourceTree.$shared.withValue(try? SourceTree(source, kind: "any")) {
      let fitting = all.filter { $0.reader.recognises(source) }
      let named = fitting.filter { $0.name != FolderLayout.name }
      return named.isEmpty ? fitting : named
    }
  }

  /// Lists a source, and groups and chooses its images as the options say.
  ///
  /// - Throws: `ImportError` or `FileError` that names the file or the option.
  package func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    try requireTaken(options)
    var listing = try reader.listing(source, options: options)
    if !listing.labels.isEmpty, let stranger = options.lesions.first(where: { listing.labels[$0] == nil }) {
      let known = listing.labels.keys.sorted()
      throw ImportError.option(
        "--lesions",
        reason: "\"\(stranger)\" is none of the labels \(known.joined(separator: ", "))"
          + Spelling.suggestion(for: stranger, among: known))
    }
    try listing.choose(options.parts, of: source)
    try listing.group(by: options.grouping, in: source)
    if let lesionClass = options.lesionClass {
      for index in listing.items.indices {
        if case .empty = listing.items[index].mask { continue }
        listing.items[index].lesionClass = lesionClass
      }
    }
    return listing
  }
}

extension ImportKind {
  /// Refuses options for labels that the reader would not look at.
  private func requireTaken(_ options: ImportOptions) throws {
    let given: [(choice: LabelChoice, option: String, isGiven: Bool)] = [
      (.values, "--labels", !options.labels.isEmpty), (.colours, "--labels", !options.colours.isEmpty),
      (.lesions, "--lesions", !options.lesions.isEmpty),
    ]
    for (choice, option, isGiven) in given where isGiven && !reader.labelChoices.contains(choice) {
      throw ImportError.option(
        option,
        reason: choice == .colours && reader.labelChoices.contains(.values)
          ? "shapes of \(name) have names and no colours; state values, such as polyp=1"
          : "\(name) states its labels itself, or has none; leave the option out, or use the kind folder")
    }
  }
}

extension ImportListing {
  /// The names of the parts, in order; empty for a source of one part.
  package var parts: [String] { Set(items.compactMap(\.part)).sorted() }

  /// Keeps some parts.
  fileprivate mutating func choose(_ chosen: [String], of source: URL) throws {
    guard !chosen.isEmpty else { return }
    let known = parts
    for name in chosen where !known.contains(name) {
      throw ImportError.option(
        "--part",
        reason: known.isEmpty
          ? "\(source.shownPath) has no parts; leave the option out"
          : "\(name) is no part of \(source.shownPath); it has \(known.joined(separator: ", "))"
            + Spelling.suggestion(for: name, among: known))
    }
    items = items.filter { $0.part.map(chosen.contains) ?? false }
  }

  /// Replaces the groups of the source.
  fileprivate mutating func group(by grouping: ImportOptions.Grouping, in source: URL) throws {
    switch grouping {
    case .source: return
    case .none: for index in items.indices { items[index].group = nil }
    case .folder:
      for index in items.indices {
        let folder = items[index].path(in: source).split(separator: "/").dropLast()
        items[index].group = folder.isEmpty ? nil : folder.joined(separator: "/")
      }
    case .pattern(let text):
      let pattern = try BoundedPattern(text, option: "--group-by")
      for index in items.indices {
        let found = try pattern.captures(in: items[index].bareName(in: source))?.first
        // Parentheses that match nothing state no group.
        items[index].group = found.flatMap { $0.isEmpty ? nil : $0 }
      }
      guard let first = items.first, !items.contains(where: { $0.group != nil }) else { return }
      throw ImportError.option(
        "--group-by", reason: "\(text) matches none of the images, such as \(first.path(in: source))")
    }
  }
}

extension ImportItem {
  /// The path of the image relative to the source, for messages and records.
  package func path(in source: URL) -> String {
    switch image {
    case .file(let url): Self.path(url, in: source)
    case .content(_, let url): "\(Self.path(url, in: source))#\(stem)"
    case .frame(let url, let name, _): Self.path(url, in: source) + (name.map { ", \($0)" } ?? "")
    }
  }

  /// The path without the ending of an image file.
  fileprivate func bareName(in source: URL) -> String {
    let path = path(in: source)
    guard case .file(let url) = image, !url.pathExtension.isEmpty else { return path }
    return String(path.dropLast(url.pathExtension.count + 1))
  }

  /// A path relative to the source; the name alone for a file elsewhere.
  static func path(_ url: URL, in source: URL) -> String {
    let (path, root) = (url.path, source.path)
    if path == root { return url.lastPathComponent }
    let folder = root.hasSuffix("/") ? root : root + "/"
    if path.hasPrefix(folder) { return String(path.dropFirst(folder.count)) }
    let beside = source.deletingLastPathComponent().path
    let parent = beside.hasSuffix("/") ? beside : beside + "/"
    return path.hasPrefix(parent) ? String(path.dropFirst(parent.count)) : url.lastPathComponent
  }
}
