import Foundation

/// Files that come with the project, such as prompts, configurations and the model `tiny`.
enum ProjectFiles {
  /// Finds a file or folder: from the folder one works in, else beside the program or above it.
  ///
  /// - Throws: `UsageError` that names it and the option to give instead.
  static func find(_ path: String, instead option: String) throws -> URL {
    // The first word of the command line is no path when the program was found by PATH.
    let program = (Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0]))
      .resolvingSymlinksInPath()
    let places =
      [URL(fileURLWithPath: FileManager.default.currentDirectoryPath)]
      + sequence(first: program.deletingLastPathComponent()) { url in
        url.path == "/" ? nil : url.deletingLastPathComponent()
      }
    for place in places {
      let file = place.appendingPathComponent(path)
      if FileManager.default.fileExists(atPath: file.path) { return file }
    }
    throw UsageError(description: "\(path) was not found; give \(option)")
  }

  /// A file that was named: where it was said to be, else among the project's own, such as
  /// `Configurations/polypgen-tiny.json5`.
  static func file(_ path: String) -> URL {
    let url = URL(fileURLWithPath: path)
    guard !path.hasPrefix("/"), !FileManager.default.fileExists(atPath: url.path) else { return url }
    return (try? find(path, instead: "")) ?? url
  }

  /// The prompt file that was asked for, or the one for endoscopy.
  static func prompts(_ path: String?) throws -> URL {
    if let path { return file(path) }
    return try find("Prompts/endoscopy.json5", instead: "--prompts FILE")
  }

  /// What a CLIP name stands for: `tiny` for the model that comes with the project, `random:FILE` for that file, which
  /// may come with the project, too, and any other name for itself.
  static func clip(_ name: String) throws -> String {
    if name == "tiny" { return try find("Models/tiny", instead: "a CLIP folder").path }
    let prefix = "random:"
    guard name.hasPrefix(prefix) else { return name }
    let file = String(name.dropFirst(prefix.count))
    return file.isEmpty ? name : prefix + self.file(file).path
  }
}
