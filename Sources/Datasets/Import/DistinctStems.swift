import Foundation

/// Gives images of different folders different names.
///
/// An image keeps its own name. If images of several folders have one name, each of them gets its
/// path relative to the source with `-` for `/`, such as `seq1-0001`. If that is taken, a number
/// follows.
package struct DistinctStems {
  private let counts: [String: Int]
  private var used: Set<String> = []

  /// Prepares the names.
  ///
  /// - Parameter paths: the paths of all images relative to the source, with their endings.
  package init(_ paths: [String]) {
    counts = Dictionary(paths.map { (Self.stem($0).lowercased(), 1) }, uniquingKeysWith: +)
  }

  /// Returns the name of an image; each call gives another one.
  ///
  /// - Parameter path: the path relative to the source, with the ending.
  /// - Returns: a name without an ending.
  package mutating func next(_ path: String) -> String {
    let own = Self.stem(path)
    let folder = path.split(separator: "/").dropLast()
    let plain = counts[own.lowercased()] ?? 0 < 2 ? own : (folder + [own[...]]).joined(separator: "-")
    var (stem, number) = (plain, 2)
    while !used.insert(stem.lowercased()).inserted {
      stem = "\(plain)-\(number)"
      number += 1
    }
    return stem
  }

  /// Returns the name of a file without its ending.
  package static func stem(_ path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
  }
}
