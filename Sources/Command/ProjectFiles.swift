import Confounders
import Datasets
import Foundation
import Metrics
import Storage
import Training

/// The project's own files, such as prompts, configurations and the model `tiny`.
enum ProjectFiles {
  /// The default prompt file of commands.
  static let standardPrompts = "Prompts/endoscopy.json5"

  /// Finds a file or folder: below the working folder, otherwise beside the program or above it.
  ///
  /// - Throws: `UsageError` that names it and the option to use instead.
  static func find(_ path: String, instead option: String) throws -> URL {
    // If the program was found by PATH, the first word of the command line is no path.
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
    throw UsageError.projectFileMissing(path, instead: option)
  }

  /// Finds a named file: below the working folder, otherwise among the project's own.
  ///
  /// An example is `Configurations/polypgen-tiny.json5`.
  static func file(_ path: String) -> URL {
    let url = URL(fileURLWithPath: path)
    guard !path.hasPrefix("/"), !FileManager.default.fileExists(atPath: url.path) else { return url }
    return (try? find(path, instead: "")) ?? url
  }

  /// Finds a prompt file: a path, a name of `mcdrl prompts list`, or the standard file for nil.
  ///
  /// - Throws: `UsageError` with the names, if a bare word names neither a file nor a prompt file.
  static func prompts(_ path: String?) throws -> URL {
    guard let path else { return try find(standardPrompts, instead: "--prompts FILE") }
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    let isName = !path.contains("/") && !path.contains(".") && (!exists || isFolder.boolValue)
    guard isName else { return file(path) }
    let all = try promptFiles()
    guard let found = all.first(where: { promptsName(of: $0) == path }) else {
      throw UsageError.unknownPrompts(path, known: all.map(promptsName))
    }
    return found
  }

  /// Reads prompts: a path, a name of `mcdrl prompts list`, or the standard prompts for nil.
  ///
  /// A program of another package has no prompt file of the project beside it. It gets the prompts that
  /// the libraries embed under that name.
  ///
  /// - Returns: the prompts, and their file; nil for embedded ones.
  /// - Throws: `UsageError` with the names, or an error that names the file.
  static func promptSet(_ path: String?) throws -> (prompts: PromptSet, file: URL?) {
    if let pack = PromptSet.Pack(rawValue: path ?? PromptSet.Pack.endoscopy.rawValue),
      (try? find(standardPrompts, instead: "")) == nil
    {
      return (try PromptSet(pack), nil)
    }
    let file = try prompts(path)
    return (try PromptSet(contentsOf: file), file)
  }

  /// Lists the project's own prompt files, by name.
  ///
  /// - Throws: `UsageError` if their folder is missing.
  static func promptFiles() throws -> [URL] {
    let folder = try prompts(nil).deletingLastPathComponent()
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "json5" }.sorted { $0.path < $1.path }
  }

  /// Returns the name of a prompt file in `mcdrl prompts list`.
  static func promptsName(of file: URL) -> String { file.deletingPathExtension().lastPathComponent }

  /// The loader of the CLIP models in settings.
  static let clips = ClipLoader { try clip($0) }

  /// Opens a run to predict with it.
  ///
  /// - Parameters:
  ///   - folder: its folder.
  ///   - changes: settings of inference in place of the run's own, as `KEY=VALUE`.
  /// - Returns: the run.
  /// - Throws: the errors of `Run.open`, or `SettingsError` for a setting that does not exist, is not one
  ///   of inference, or that the run's tower cannot take.
  static func run(at folder: URL, changes: [String] = []) throws -> Run {
    for change in changes where !change.hasPrefix("inference") {
      let group = String(change.prefix { !".=*".contains($0) })
      throw SettingsError.badValue(
        source: "--set \(change)",
        reason: "only settings of inference can differ from those of a run"
          + UsageError.suggestion(for: group, among: ["inference"]))
    }
    let run = try Run.open(at: folder, methods: MCDRLCommand.methods, clip: clips) { settings in
      for change in changes { _ = try settings.set(change, source: "--set") }
    }
    if !changes.isEmpty { try run.requireScales() }
    return run
  }

  /// Whether a setting of `--set` leaves `inference.threshold` as it is.
  static func keepsThreshold(_ change: String) -> Bool {
    !["inference", "inference.threshold"].contains(String(change.prefix { $0 != "=" }))
  }

  /// Refuses two rules of lesion pixels at once.
  ///
  /// - Throws: `UsageError`.
  static func requireOneThreshold(_ option: MaskThreshold?, changes: [String]) throws {
    guard option != nil, let change = changes.first(where: { !keepsThreshold($0) }) else { return }
    throw UsageError.conflict(
      "--threshold", with: "set \(change)", reason: "both choose the rule of lesion pixels")
  }

  /// Checks that no image of a held-out site taught the words of the CLIP model of settings.
  ///
  /// - Throws: `RunError.wordsKnowSite`, or an error that names a file that cannot be read.
  static func requireUnseen(_ site: Site, _ settings: RunConfiguration) throws {
    if let clip = try clipFolder(settings) { try WordImages.requireUnseen(site, by: clip) }
  }

  /// Returns the folder of the CLIP model of settings; nil for random weights.
  ///
  /// - Throws: `WorkError.noClip` if nothing has its name.
  static func clipFolder(_ settings: RunConfiguration) throws -> URL? {
    try settings.clipOfSite.flatMap(clipFolder(named:))
  }

  /// Returns the folder of a CLIP model; nil for random weights.
  ///
  /// - Throws: `WorkError.noClip` if nothing has its name.
  static func clipFolder(named name: String) throws -> URL? {
    name.hasPrefix("random:") ? nil : try NativePath.url(clip(name))
  }

  /// Resolves the name of a CLIP model.
  ///
  /// `tiny` is the project's own model. `random:FILE` names that file, which may be the project's
  /// own, too. Any other name is that of a folder or file and is returned unchanged.
  ///
  /// - Throws: `WorkError.noClip` if nothing has that name.
  static func clip(_ name: String) throws -> String {
    if name == "tiny" { return try find("Models/tiny", instead: "a CLIP folder").path }
    let prefix = "random:"
    guard name.hasPrefix(prefix) else {
      let url = NativePath.url(name)
      guard FileSystem.kind(of: url) != nil else { throw WorkError.noClip(url) }
      return name
    }
    let file = String(name.dropFirst(prefix.count))
    return file.isEmpty ? name : prefix + self.file(file).path
  }
}
