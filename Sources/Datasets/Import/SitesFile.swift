import Foundation
import Storage

/// Adds the entry of a site to a `sites.json5` and leaves all other text as it is.
struct SitesFile {
  private let url: URL

  /// - Parameter data: the data folder.
  init(in data: URL) { url = data.appendingPathComponent("sites.json5") }

  /// The members of an entry, in their order, without its name.
  typealias Members = [(key: String, value: JSONValue)]

  /// Adds or updates an entry; a file that states it already is not written.
  ///
  /// An entry that changes is written anew: comments inside it go.
  ///
  /// - Parameters:
  ///   - site: the name of the site.
  ///   - members: what the import states.
  ///   - stale: keys that an earlier import stated; they go if this one does not state them.
  /// - Returns: the sites that were listed because they were folders without an entry.
  /// - Throws: `DatasetError.badCatalog` for a file that cannot be used, `FileError`.
  func state(_ site: String, _ members: Members, replacing stale: [String]) throws -> [String] {
    guard FileSystem.kind(of: url) != nil else {
      let others = try folders().filter { $0 != site }
      let entries = others.map { Self.entry($0, []) } + [Self.entry(site, members)]
      let text = "{\n  sites: [\n" + entries.map { "    \($0),\n" }.joined() + "  ],\n}\n"
      try AtomicFile.write(Data(text.utf8), to: url)
      return others
    }
    let names = try SiteManifest(contentsOf: url).sites.map(\.name)
    let old = try Data(file: url, limit: Data.documentLimit)
    guard let outline = try JSON5Outline(of: "sites", in: old), outline.items.count == names.count else {
      throw DatasetError.badCatalog(
        url, reason: "its list of sites was not found; write sites: […] at its top")
    }
    let new: Data
    if let index = names.firstIndex(of: site) {
      let stored = try JSONValue(json5: Data(old[outline.items[index]])).members ?? [:]
      let gone = stale.filter { key in stored[key] != nil && !members.contains { $0.key == key } }
      guard !gone.isEmpty || members.contains(where: { stored[$0.key] != $0.value }) else { return [] }
      let kept = stored.filter { key, _ in
        key != "name" && !gone.contains(key) && !members.contains { $0.key == key }
      }
      let all = kept.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) } + members
      new = outline.replacing(index, by: Self.entry(site, all))
    } else {
      new = outline.appending(Self.entry(site, members), indent: "    ")
    }
    // A fault here would cost the user the whole catalogue.
    _ = try JSONValue(json5: new)
    try AtomicFile.write(new, to: url)
    return []
  }

  /// Whether the file names a site.
  func names(_ site: String) throws -> Bool {
    guard FileSystem.kind(of: url) != nil else { return false }
    return try SiteManifest(contentsOf: url).sites.contains { $0.name == site }
  }

  /// The folders that are sites as long as there is no `sites.json5`.
  private func folders() throws -> [String] {
    try ImageFolder.names(in: url.deletingLastPathComponent()).filter { name in
      let folder = url.deletingLastPathComponent().appendingPathComponent(name)
      return ["images", "masks"].contains { SiteCatalog.isFolder(folder.appendingPathComponent($0)) }
    }
  }

  /// Writes an entry, indented as an item of `sites`.
  private static func entry(_ site: String, _ members: Members) -> String {
    let all = [(key: "name", value: JSONValue.string(site))] + members
    guard members.count > 0 else { return "{ name: \(text(.string(site), "")) }" }
    return "{\n" + all.map { "      \(name($0.key)): \(text($0.value, "      ")),\n" }.joined() + "    }"
  }

  private static func text(_ value: JSONValue, _ indent: String) -> String {
    switch value {
    case .object(let members) where !members.isEmpty:
      let lines = members.sorted { $0.key < $1.key }.map { member in
        "\(indent)  \(quoted(member.key)): \(text(member.value, indent + "  ")),\n"
      }
      return "{\n" + lines.joined() + indent + "}"
    case .array(let items): return "[" + items.map { text($0, indent) }.joined(separator: ", ") + "]"
    case .string(let string): return quoted(string)
    case .null: return "null"
    default: return value.text
    }
  }

  private static func name(_ key: String) -> String {
    key.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } && key.first?.isLetter == true
      ? key : quoted(key)
  }

  /// A text as JSON, whose escapes JSON5 shares.
  private static func quoted(_ text: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
  }
}
