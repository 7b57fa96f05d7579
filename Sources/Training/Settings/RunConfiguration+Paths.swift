import Foundation

extension RunConfiguration {
  /// The prefix of a CLIP model with random weights.
  private static let random = "random:"
  /// The names of CLIP models that are no paths.
  private static let models: Set<String> = ["tiny"]

  /// Makes the paths of data and CLIP model absolute, so that they hold in any working folder.
  ///
  /// A name that is no file or folder here, such as `tiny`, stays.
  package mutating func makePathsAbsolute() {
    let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    changePaths { Self.existing($0, in: [here]) }
    // Data must be a path, so that the message about missing data names a place.
    data = data.map { URL(fileURLWithPath: $0).path }
  }

  /// Finds the files of relative paths, which earlier versions stored.
  ///
  /// They are looked for in the working folder, and in the folders above the run.
  ///
  /// - Parameter run: the run folder.
  mutating func resolvePaths(ofRun run: URL) {
    let above = sequence(first: run.standardizedFileURL.deletingLastPathComponent()) { folder in
      folder.path == "/" ? nil : folder.deletingLastPathComponent()
    }
    let places = [URL(fileURLWithPath: FileManager.default.currentDirectoryPath)] + above
    changePaths { Self.existing($0, in: places) }
  }

  private mutating func changePaths(_ change: (String) -> String?) {
    data = data.map { change($0) ?? $0 }
    guard let clip, !Self.models.contains(clip) else { return }
    if clip.hasPrefix(Self.random) {
      let file = String(clip.dropFirst(Self.random.count))
      if !file.isEmpty, let path = change(file) { self.clip = Self.random + path }
    } else if let path = change(clip) {
      self.clip = path
    }
  }

  /// Returns the absolute path of a relative one that exists in one of some folders.
  private static func existing(_ path: String, in places: [URL]) -> String? {
    guard !path.isEmpty, !path.hasPrefix("/") else { return nil }
    return places.lazy.map { $0.appendingPathComponent(path).standardizedFileURL.path }
      .first(where: FileManager.default.fileExists)
  }
}
