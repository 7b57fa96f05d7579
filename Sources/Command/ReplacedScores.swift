import Foundation
import Storage
import Studies

/// Files of scores under do(z) that other scores will replace.
enum ReplacedScores {
  private struct Stored: Decodable {
    let interventions: Counterfactual.Setting
  }

  /// States which files will be replaced by scores of other interventions, before that happens.
  ///
  /// Files that do not exist, or hold no such scores, are passed over.
  ///
  /// - Parameters:
  ///   - files: the files.
  ///   - setting: the new interventions.
  /// - Returns: one note for each kind of content.
  static func notes(_ files: [URL], by setting: Counterfactual.Setting) -> [String] {
    let stored = files.compactMap { file -> (file: URL, held: String)? in
      guard FileManager.default.fileExists(atPath: file.path),
        let data = try? Data(file: file),
        let own = try? JSONDecoder().decode(Stored.self, from: data).interventions, own != setting
      else { return nil }
      return (file, text(own))
    }
    return Dictionary(grouping: stored, by: \.held).sorted { $0.key < $1.key }.map { held, files in
      let others = files.count > 1 ? " and \(counted(files.count - 1, "other"))" : ""
      return "note: \(files[0].file.path)\(others): will be replaced; holds do(z) of \(held); "
        + "to keep it, stop now and copy it"
    }
  }

  private static func text(_ setting: Counterfactual.Setting) -> String {
    "\(setting.applied.map(\.confounder).joined(separator: ", ")) at strength \(format(setting.strength, 2)), "
      + "seed \(setting.seed), by \(setting.prompts)"
  }
}
