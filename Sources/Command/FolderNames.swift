import Foundation
import Training

/// Names files of one stem by their folders, too, such as `a/0001.png` and `b/0001.png`.
///
/// As few folders are taken as tell the files apart. So the names stay the same where all files move
/// together, whatever their order. A file whose stem is its own alone is not named here.
struct FolderNames {
  /// The number of parts of the path that name a file.
  private var depths: [String: Int] = [:]

  /// Finds the files that need such a name.
  ///
  /// - Parameter inputs: the names of all inputs, with their files, no file twice under one name.
  init(_ inputs: [(name: String, file: URL)]) {
    for group in Dictionary(grouping: inputs, by: \.name).values where group.count > 1 {
      let parts = group.map { Self.parts($0.file) }
      let most = parts.map(\.count).max() ?? 2
      var depth = 2
      while depth < most, Set(parts.map { $0.suffix(depth) }).count < group.count { depth += 1 }
      for (_, file) in group { depths[file.path] = max(depth, depths[file.path] ?? 0) }
    }
  }

  /// Returns the end of the path of a file that needs it; nil for other files.
  func path(of file: URL) -> String? { depths[file.path].map { Self.end(of: file, $0) } }

  /// Returns the names that a file of such a name may have had beside other files, by the number of folders.
  static func paths(of file: URL) -> [String] {
    let count = parts(file).count
    return count < 2 ? [] : (2...count).map { end(of: file, $0) }
  }

  private static func end(of file: URL, _ depth: Int) -> String {
    let parts = parts(file)
    // A file at the root has no folder; its name still differs from every stem.
    return (parts.count < 2 ? [""] + parts : Array(parts.suffix(depth))).joined(separator: "/")
  }

  private static func parts(_ file: URL) -> [String] {
    file.standardizedFileURL.path.split(separator: "/").map(String.init)
  }
}

extension PredictionInput {
  /// Returns the image with the end of its path as the name; a frame keeps its number.
  func named(by path: String) -> PredictionInput {
    let number = frame == nil ? "" : name.split(separator: "-").last.map { "-\($0)" } ?? ""
    return named(path + number)
  }
}
