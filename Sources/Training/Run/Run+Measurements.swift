import Foundation
import Metrics
import Storage

extension Run {
  /// Removes what was measured with the stored weights, which are about to be replaced.
  ///
  /// A rule of masks that was chosen with them becomes the default again.
  ///
  /// - Parameter progress: is told the names of removed scores.
  /// - Throws: `FileError` that names the folder, or the errors of reading and writing settings.
  func removeMeasurements(_ progress: TrainingProgress) throws {
    if FileManager.default.fileExists(atPath: folder.maskRuleFile.path) {
      var stored = try folder.configuration(methods: configuration.methods)
      stored.inference.rule = MaskRule(0.5)
      // Before the file of the choice is gone: a kill between them does not keep the rule.
      try folder.write(stored, to: folder.configurationFile)
      settings.set(stored.inference.rule)
    }
    let own = [
      folder.precisionFile, folder.speedFile, folder.maskRuleFile, folder.calibrationFile,
      folder.familiarityFile,
    ]
    let scores = try folder.scoreFiles()
    for file in own + scores { try? FileManager.default.removeItem(at: file) }
    guard !scores.isEmpty else { return }
    progress.report(
      .note("removed, as of the weights before: \(scores.map(\.lastPathComponent).joined(separator: ", "))"))
  }
}

extension RunFolder {
  /// Lists the files of what was measured at sites with the stored weights, in the order of their names.
  ///
  /// - Throws: `FileError` that names the folder.
  func scoreFiles() throws -> [URL] {
    let names: Set = ["card.md", "card.html", "counterfactual.json", "interventions.json"]
    let starts = ["evaluation-", "coverage-", "unlabelled-", "interventions-"]
    return try FileSystem.contents(of: url).filter { file in
      let name = file.lastPathComponent
      let isNamed =
        names.contains(name)
        || ["json", "csv", "svg"].contains(file.pathExtension) && starts.contains { name.hasPrefix($0) }
      return isNamed && FileSystem.kind(of: file) == .file
    }
  }
}
