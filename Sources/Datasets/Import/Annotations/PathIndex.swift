/// Finds paths by their last parts, in any case; the time grows with the logarithm of their number.
struct PathIndex {
  /// The paths that end in some parts.
  struct Matches {
    /// How many there are.
    let count: Int
    /// The first of them, at most two.
    let first: [String]
  }

  /// The paths, sorted by their parts from the last to the first.
  private let entries: [(key: String, path: String)]
  /// The number of paths in a folder `images` before each place of `entries`.
  private let inImages: [Int]
  private let exact: Set<String>

  /// - Parameter paths: relative paths with `/`.
  init(_ paths: [String]) {
    entries = paths.map { (key: Self.key($0.split(separator: "/")), path: $0) }
      .sorted { ($0.key, $0.path) < ($1.key, $1.path) }
    var counts = [0]
    counts.reserveCapacity(entries.count + 1)
    for entry in entries { counts.append(counts[counts.count - 1] + (Self.isInImages(entry.path) ? 1 : 0)) }
    inImages = counts
    exact = Set(paths)
  }

  /// Finds the paths that end in some parts.
  ///
  /// Maps of labels may lie beside the annotations under the names of their images, so that of
  /// several paths those in a folder `images` count, if there are such.
  ///
  /// - Parameter parts: the parts, such as `c1` and `0001.jpg`.
  /// - Returns: the paths.
  func paths(endingIn parts: [Substring]) -> Matches {
    let (start, end) = places(endingIn: parts)
    let preferred = inImages[end] - inImages[start]
    guard end - start > 1, preferred > 0 else {
      return Matches(count: end - start, first: entries[start..<min(end, start + 2)].map(\.path))
    }
    let first = (0..<min(2, preferred)).map { entries[placeInImages(inImages[start] + $0)].path }
    return Matches(count: preferred, first: first)
  }

  /// Returns the path that is made of some parts, letter by letter.
  ///
  /// - Parameter parts: the parts of a path.
  /// - Returns: the path; nil if it is none, or if paths in a folder `images` count and it is not
  ///   there.
  func path(of parts: [Substring]) -> String? {
    let path = parts.joined(separator: "/")
    guard exact.contains(path) else { return nil }
    let (start, end) = places(endingIn: parts)
    return Self.isInImages(path) || inImages[end] == inImages[start] ? path : nil
  }

  private static func key(_ parts: [Substring]) -> String {
    parts.reversed().map { $0.lowercased() + "/" }.joined()
  }

  private static func isInImages(_ path: String) -> Bool {
    path.split(separator: "/").dropLast().contains("images")
  }

  /// The places of the paths that end in some parts.
  private func places(endingIn parts: [Substring]) -> (start: Int, end: Int) {
    let key = Self.key(parts)
    // "0" comes right after "/", with which every key ends.
    let next = String(key.dropLast()) + "0"
    return (
      Self.first(in: 0..<entries.count) { entries[$0].key >= key },
      Self.first(in: 0..<entries.count) { entries[$0].key >= next }
    )
  }

  /// The place of the path in a folder `images` before which there are so many.
  private func placeInImages(_ number: Int) -> Int {
    Self.first(in: 0..<entries.count) { inImages[$0 + 1] > number }
  }

  /// The first place from which on a condition holds.
  private static func first(in range: Range<Int>, where holds: (Int) -> Bool) -> Int {
    var (low, high) = (range.lowerBound, range.upperBound)
    while low < high {
      let middle = (low + high) / 2
      if holds(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
