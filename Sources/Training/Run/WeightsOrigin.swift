import Foundation
import Storage

/// What the CLIP folder of a run states about its weights.
///
/// Nothing here guesses. A folder without a statement gives none.
package struct WeightsOrigin: Codable, Equatable, Sendable {
  /// A statement about a licence, and the file that makes it.
  package struct Statement: Codable, Equatable, Sendable {
    /// The part that it is about: `CLIP folder`, or `image trunk` for the trunk under its words.
    package let part: String
    /// The name of the file.
    package let file: String
    /// The statement as it stands there.
    package let licence: String

    /// Makes a statement from its parts.
    package init(part: String, file: String, licence: String) {
      (self.part, self.file, self.licence) = (part, file, licence)
    }
  }

  /// The CLIP model in the settings, without its folder.
  package let name: String
  /// The licences that the folder states, in the order of its files.
  package let licences: [Statement]
  /// The sites whose images taught the words of the folder.
  package let wordsOf: [String]

  /// Makes the value from its parts.
  package init(name: String, licences: [Statement] = [], wordsOf: [String] = []) {
    (self.name, self.licences, self.wordsOf) = (name, licences, wordsOf)
  }

  /// Reads what a folder states; a file that cannot be read states nothing.
  ///
  /// - Parameters:
  ///   - name: the CLIP model in the settings.
  ///   - folder: its folder; nil for random weights.
  package init(_ name: String, folder: URL?) {
    let trunk = folder.flatMap(Self.trunk)
    self.init(
      name: Self.shortName(name),
      licences: (folder.map { Self.licences(in: $0, of: "CLIP folder") } ?? [])
        + (trunk.map { Self.licences(in: $0, of: "image trunk") } ?? []),
      wordsOf: folder.flatMap { try? WordImages(clip: $0) }?.sites.keys.sorted() ?? [])
  }

  /// Returns the name of a CLIP model without its folder, which is a place on this machine.
  package static func shortName(_ name: String) -> String {
    guard name.contains("/") else { return name }
    let file = URL(fileURLWithPath: name).lastPathComponent
    return name.hasPrefix("random:") ? "random:\(file)" : file
  }

  /// The most bytes of a file of prose that are read.
  private static let mostBytes = 1 << 20
  /// The most characters of a statement.
  private static let mostCharacters = 200
  /// The files of a licence's own text.
  private static let licenceFiles = ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING"]

  private static func licences(in folder: URL, of part: String) -> [Statement] {
    func statement(_ file: String, _ text: String?) -> Statement? {
      let words = (text ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
      guard !words.isEmpty else { return nil }
      return Statement(part: part, file: file, licence: String(words.prefix(mostCharacters)))
    }
    func lines(_ file: String) -> [String] {
      let data = try? Data(file: folder.appendingPathComponent(file), limit: mostBytes)
      return data.map {
        String(decoding: $0, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
      }
        ?? []
    }
    let readme = statement("README.md", frontMatter(lines("README.md")))
    let own = licenceFiles.lazy.compactMap { statement($0, lines($0).first { !isBlank($0) }) }.first
    let settings = ["config.json", "open_clip_config.json"].compactMap { file in
      let leaves = (try? JSONValue(json5File: folder.appendingPathComponent(file)))?.leaves ?? [:]
      let names = leaves.keys.filter { $0 == "license" || $0.hasSuffix(".license") }.sorted()
      return statement(file, names.first.flatMap { name in leaves[name].map(\.text) })
    }
    return [readme, own].compactMap { $0 } + settings
  }

  private static func isBlank(_ line: String) -> Bool { line.allSatisfy(\.isWhitespace) }

  /// Returns the licence in the metadata at the head of a README, as Hugging Face has them.
  ///
  /// It is one word, or a list of words on the lines below the key.
  private static func frontMatter(_ lines: [String]) -> String? {
    guard lines.first == "---" else { return nil }
    let head = Array(lines.dropFirst().prefix { $0 != "---" })
    func values(_ key: String) -> [String] {
      guard let place = head.firstIndex(where: { $0.hasPrefix("\(key):") }) else { return [] }
      let own = head[place].dropFirst(key.count + 1)
      let listed = head[(place + 1)...].prefix { $0.drop(while: \.isWhitespace).hasPrefix("- ") }
        .map { $0.drop(while: \.isWhitespace).dropFirst(2) }
      return (isBlank(String(own)) ? Array(listed) : [own])
        .map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " \t\"'")) }
    }
    let names = values("license") + values("license_name")
    return names.isEmpty ? nil : names.joined(separator: ", ")
  }

  /// Returns the folder of the image trunk whose words a CLIP folder holds; nil if it names none.
  private static func trunk(of folder: URL) -> URL? {
    let record = try? JSONValue(json5File: folder.appendingPathComponent("pretraining.json"))
    guard case .string(let path)? = record?.members?["trunk"], !path.isEmpty else { return nil }
    return NativePath.url(path)
  }
}
